"""A client program on the AWS Advanced Python Wrapper, unmodified: one JSON command a line in, one answer out.

It is a process of its own because the driver's threads and pools live as long as the process that uses them.

The driver asks the system for the address of a cluster's name before it looks whether the name is stale. There is no
DNS for the lab's names, so this process answers by itself what its `hostaddr` says.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

from aws_advanced_python_wrapper import AwsWrapperConnection, release_resources
from psycopg import Connection


def answer(connection: Any, command: dict[str, Any]) -> dict[str, Any]:
    """Carry out one command."""
    try:
        if "read_only" in command:
            connection.read_only = command["read_only"]
            return {"row": None}
        with connection.cursor() as cursor:
            cursor.execute(command["ask"])
            return {"row": cursor.fetchone()}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}


def main() -> None:
    """Connect with the options of the first line, then answer the others."""
    options = json.loads(sys.stdin.readline())
    socket.gethostbyname = lambda _host: options["hostaddr"]
    connection = AwsWrapperConnection.connect(Connection.connect, **options)
    print(json.dumps({"row": "connected"}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(connection, json.loads(line))), flush=True)
    connection.close()
    release_resources()


if __name__ == "__main__":
    main()
