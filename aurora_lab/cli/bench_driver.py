"""What a client on the AWS Advanced Python Wrapper feels at a failover.

It runs in a process of its own: the driver's threads and pools live as long as the process that uses them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from threading import Event, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from aurora_lab.cli.bench_region import PASSWORD, USER
from aurora_lab.cli.bench_sql import GAP_SECONDS, WARM_SECONDS, fail_over, largest, median_gap, moved

if TYPE_CHECKING:
    from aurora_lab.cli.bench_region import Bench


def driver_gap(bench: Bench, how: str) -> float:
    """Seconds without a successful write, for a client of the AWS driver with its default plugins. Median of three.

    The client keeps one connection: the driver itself leads it to the new writer, and says so by an error,
    after which the client sends its row again.
    """
    return median_gap(bench, lambda name: _one_gap(bench, name, how))


def _one_gap(bench: Bench, name: str, how: str) -> float:
    status, info = bench.status(name), bench.home.info()
    assert info is not None
    options = {
        "host": status["endpoint"],
        "hostaddr": info.address,
        "port": info.port,
        "user": USER,
        "password": PASSWORD,
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": str(bench.home.ca_file),
        "autocommit": True,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if process.stdout.readline() != "writing\n":
            raise RuntimeError("the AWS driver did not connect")
        sleep(WARM_SECONDS)
        broken = monotonic()
        fail_over(bench, name, how)
        while monotonic() < broken + GAP_SECONDS and not moved(bench, name, status):
            sleep(0.02)
        # The driver looks for the new writer now; it ends when rows are written again.
        process.stdin.write("enough\n")
        process.stdin.flush()
        beats: list[float] = json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.terminate()
        process.wait()
        process.stdout.close()
    return largest(beats, broken)


def _client(options: dict[str, Any]) -> None:
    """Write until told to stop, and then until one write more has come through; print the times of all."""
    # Imported here: only this process has the driver's threads.
    from aws_advanced_python_wrapper import (  # type: ignore[import-untyped]  # noqa: PLC0415
        AwsWrapperConnection,
        release_resources,
    )
    from aws_advanced_python_wrapper.errors import (  # type: ignore[import-untyped]  # noqa: PLC0415
        FailoverSuccessError,
    )
    from psycopg import Connection  # noqa: PLC0415

    connection = AwsWrapperConnection.connect(Connection.connect, **options)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE beats (n int)")
    told = Event()

    def listen() -> None:
        sys.stdin.readline()
        told.set()

    Thread(target=listen, daemon=True).start()
    sys.stdout.write("writing\n")
    sys.stdout.flush()
    beats: list[float] = []
    last = False
    while not last:
        last = told.is_set()
        try:
            cursor.execute("INSERT INTO beats VALUES (1)")
        except FailoverSuccessError:
            last = False
            cursor = connection.cursor()
        else:
            beats.append(monotonic())
    sys.stdout.write(json.dumps(beats) + "\n")
    sys.stdout.flush()
    connection.close()
    release_resources()


if __name__ == "__main__":
    _client(json.loads(sys.argv[1]))
