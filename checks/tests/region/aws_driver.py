"""The AWS Advanced Python Wrapper, unmodified, as a client of a region under test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from local_region import MASTER, PASSWORD, LocalRegion

WHERE = "SELECT aurora_db_instance_identifier()"


class Driver:
    """The AWS Advanced Python Wrapper over psycopg, in a process of its own."""

    def __init__(self, region: LocalRegion, host: str, plugins: str | None = None, **more: Any) -> None:
        options: dict[str, Any] = {
            "host": host,
            "hostaddr": region.info.address,
            "port": region.info.port,
            "user": MASTER,
            "password": PASSWORD,
            "dbname": "postgres",
            "sslmode": "verify-full",
            "sslrootcert": str(region.home.ca_file),
            "failover_timeout_sec": 30,
            "autocommit": True,
        }
        if plugins is not None:
            options["plugins"] = plugins
        options.update(more)
        program = Path(__file__).with_name("driver_client.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._tell(options) == {"row": "connected"}

    def _tell(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def ask(self, sql: str) -> Any:
        """The first row of a statement, or the name of the error that the driver raised."""
        answer = self._tell({"ask": sql})
        return answer.get("error") or answer["row"]

    def read_only(self, read_only: bool) -> None:
        """Set the connection's mode."""
        assert self._tell({"read_only": read_only}) == {"row": None}

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
