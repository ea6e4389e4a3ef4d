"""The HTTP server in front of the application: waitress, with its own errors put into AWS's form."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.parser import HTTPRequestParser, ParsingError  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import ErrorTask  # type: ignore[import-untyped]
from waitress.wasyncore import close_all  # type: ignore[import-untyped]

from aurora_lab.region.api.codec.faults import guess_style, write_error
from aurora_lab.region.api.codec.http import HttpRequest
from aurora_lab.region.api.errors import AwsError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

THREADS = 48
"""A held answer takes one (at most 32 are held); an idle thread costs 16 kB."""

LARGEST_BODY = 256 << 20
"""Bytes of an upload to S3; what is above 512 kB waits on disk, not in memory."""

CONNECTIONS = 1000
IDLE_SECONDS = 60
CLOSE_SECONDS = 5.0

CODES = {
    413: ("RequestEntityTooLarge", f"The request's body is larger than {LARGEST_BODY} bytes."),
    431: ("RequestHeaderSectionTooLarge", "The request's headers are too large."),
    500: (
        "InternalFailure",
        "The local Aurora region failed while it answered the request. Its log says why.",
    ),
}
"""What an HTTP error that comes before the application is called for AWS clients."""


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """A parser that refuses what Python's own libraries choke on."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an address or a number that cannot be one
            raise ParsingError(str(error)) from error


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    """What the parser refused, said so that an AWS client can read it."""

    def execute(self) -> None:
        problem = self.request.error
        status = 400 if problem.code == 501 else problem.code
        code, message = CODES.get(status, ("BadRequest", f"The HTTP request is not valid: {problem.body}."))
        headers = {name.lower().replace("_", "-"): value for name, value in self.request.headers.items()}
        error = AwsError(code, message, status, sender=status < 500)
        style = guess_style(HttpRequest("", "/", "", headers))
        response = write_error(error, style, str(uuid.uuid4()))
        self.status = f"{response.status} {problem.reason if status == problem.code else 'Bad Request'}"
        self.response_headers.extend(response.headers.items())
        self.set_close_on_finish()
        self.content_length = len(response.body)
        self.write(response.body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser
    error_task_class = _ErrorTask


class HttpServer:
    """A server that runs until it is closed."""

    def __init__(self, app: WSGIApplication, host: str, port: int) -> None:
        self._app = app
        # Bound here and not by waitress, which would leave its threads behind where that fails.
        listening = _bound(host, port)
        self._map: dict[int, Any] = {}
        self._closed = False
        self._server = create_server(
            app,
            map=self._map,
            sockets=[listening],
            threads=THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=10,
            max_request_body_size=LARGEST_BODY,
            asyncore_use_poll=True,  # select() ends at file descriptor 1024
            ident=None,
        )
        self._server.channel_class = _Channel
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._server.effective_port)

    def _run(self) -> None:
        try:
            self._server.run()
        except OSError:
            log.exception("the HTTP server stopped")

    def close(self) -> None:
        """Answer what has been asked, then let go of port, connections and threads; takes at most 6 s."""
        if self._closed:
            return
        self._closed = True
        if close := getattr(self._app, "close", None):
            close()
        dispatcher = self._server.task_dispatcher
        self._in_loop(self._stop_listening)
        dispatcher.shutdown(timeout=CLOSE_SECONDS)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline and self._unsent():
            time.sleep(0.01)
        self._in_loop(lambda: close_all(self._map, ignore_all=True))
        self._thread.join(CLOSE_SECONDS)

    def _stop_listening(self) -> None:
        self._server.accepting = False
        self._server.socket.close()
        self._map.pop(self._server._fileno, None)

    def _unsent(self) -> bool:
        return any(channel.total_outbufs_len for channel in list(self._server.active_channels.values()))

    def _in_loop(self, work: Any) -> None:
        """Have the server's own thread do something: its sockets are not for other threads."""
        done = threading.Event()

        def run() -> None:
            try:
                work()
            finally:
                done.set()

        with contextlib.suppress(OSError):
            self._server.trigger.pull_trigger(run)
        done.wait(CLOSE_SECONDS)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def serve(app: WSGIApplication, host: str = "127.0.0.1", port: int = 0) -> HttpServer:
    """Start serving `app`. Where `port` is taken, another one is found. Raises OSError."""
    try:
        return HttpServer(app, host, port)
    except OSError as error:
        if not port or error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        log.info("port %d is taken, taking another one", port)
        return HttpServer(app, host, 0)
