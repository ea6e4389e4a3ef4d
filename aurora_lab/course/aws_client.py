"""The program `aws` of a lesson: it has the call made by a server that has the AWS CLI loaded (`aws_server.py`).

Installed as a script: this text, and a last line that calls `main`. Standard library only, and little of it: it
has to start in a hundredth of a second.
"""

import _signal  # type: ignore[import-not-found] # what `signal` is made of
import _socket
import os
import sys


def main(server: str, aws: str) -> None:
    """Ask the server at a socket; where it is not there or not fit, become the AWS CLI at `aws`."""
    connection = None if "help" in sys.argv or _set_from_the_start() else _connect(server)
    if connection is None:
        os.execv(aws, [aws, *sys.argv[1:]])
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT):
        _signal.signal(number, lambda number, _: connection.send(bytes([number])))
    answer = b""
    while not answer.endswith(b"\n"):
        piece = connection.recv(16)
        if not piece:
            break
        answer += piece
    code = int(answer or -_signal.SIGKILL)
    if code < 0:
        if code != -_signal.SIGKILL:
            _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def _set_from_the_start() -> bool:
    """Whether Python or the AWS CLI would see something here that they look at when they start."""
    beginnings = ("PYTHON", "BOTO", "AWS_DATA_PATH", "AWS_NEW_")
    if any(name.startswith(beginnings) and name != "PYTHONDONTWRITEBYTECODE" for name in os.environ):
        return True
    # A learner's own aliases, models and sessions.
    return os.path.exists(os.path.expanduser("~/.aws"))


def _connect(server: str) -> _socket.socket | None:
    """A connection on which the call was sent, or None."""
    mask = os.umask(0)
    os.umask(mask)
    connection = _socket.socket(_socket.AF_UNIX)
    arguments = [os.fsencode(item) for item in sys.argv[1:]]
    settings = [name + b"=" + value for name, value in os.environb.items()]
    text = b"\0".join([b"%d" % mask, b"%d" % len(arguments), *arguments, *settings])
    try:
        folder = os.open(".", os.O_RDONLY)
        connection.connect(server)
        files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2, folder))
        connection.sendmsg([b"1"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
        connection.sendall(b"%12d" % len(text) + text)
        return connection if connection.recv(1) == b"+" else None
    except OSError:
        # Also where one of the files is closed, or the folder is gone.
        return None
