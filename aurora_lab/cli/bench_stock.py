"""The volume's floor: PostgreSQL with its own settings and six `pg_receivewal --synchronous`, without a region.

What a quorum costs is a matter of the machine, too: how long its disk takes to flush, and how many processors share
the work of six receivers. This says how much of the cost is the machine's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from aurora_lab.cli.bench_servers import HBA, ByHand, median
from aurora_lab.cli.bench_sql import Login
from aurora_lab.cli.bench_volume import LOCAL, SLICES, commits, make_tables, until
from aurora_lab.cluster.quorum import NAMES, SYNCHRONOUS
from aurora_lab.region.ports import free_server_port
from aurora_lab.runtime.base import Program, ProgramSpec, ServerSpec

if TYPE_CHECKING:
    from aurora_lab.cli.bench_region import Bench

QUORUM = f"fsync = off\nsynchronous_standby_names = '{SYNCHRONOUS}'\n"
IN_SYNC = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND flush_lsn = sent_lsn"


def commits_per_second(bench: Bench, clients: int) -> tuple[float, float]:
    """Medians of `pgbench -N`, in slices that took turns: a quorum of log copies; one local flush, copies attached."""
    hand = ByHand(bench)
    runtime, root = hand.runtime, hand.folder
    spec = ServerSpec(
        name=f"{root.parent.name[:8]}-stock", root=root, data=root / "data", port=free_server_port([])
    )
    login = Login("127.0.0.1", spec.port, "rdsadmin", hand.password)
    words = f"host=127.0.0.1 port={spec.port} user={login.user} password={login.password}"
    configuration = spec.data / "postgresql.conf"
    runtime.make_folder(root)
    runtime.copy_tree(hand.data, spec.data)
    runtime.write(spec.data / "pg_hba.conf", HBA)
    runtime.write(configuration, QUORUM)
    server = runtime.start(spec)
    receivers: list[Program] = []
    try:
        for name in NAMES:
            runtime.make_folder(root / name)
            command = ("pg_receivewal", f"--dbname={words} application_name={name}", "--synchronous")
            receivers.append(
                runtime.launch(
                    ProgramSpec(place=f"az-{name[0]}", root=root, folder=root / name, command=command)
                )
            )
        with psycopg.connect(f"{words} dbname=postgres", autocommit=True) as administrator:

            def take(text: str, fsync: str) -> None:
                configuration.write_text(text, encoding="utf-8")
                administrator.execute("SELECT pg_reload_conf()")
                until(lambda: administrator.execute("SHOW fsync").fetchone() == (fsync,), "no reload")
                until(lambda: administrator.execute(IN_SYNC).fetchone() == (len(NAMES),), "not in sync")

            make_tables(login)
            modes = [(QUORUM, "off"), (LOCAL, "on")]
            found: dict[str, list[float]] = {QUORUM: [], LOCAL: []}
            for _ in range(SLICES):
                for text, fsync in modes:
                    take(text, fsync)
                    found[text].append(commits(login, clients))
                modes.reverse()
    finally:
        for receiver in receivers:
            receiver.kill()
        server.kill()
        runtime.remove_tree(root)
    return median(found[QUORUM]), median(found[LOCAL])
