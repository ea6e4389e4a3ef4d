"""JupyterLab as a learner gets it: on the workspace, with the region's environment, phoning nobody.

It runs in this process, in the foreground, so that it ends when the command does, whatever way that is.
Its settings and files lie in the region's home: a learner's own Jupyter is neither used nor touched.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from aurora_lab.cli import terminal
from aurora_lab.cli.failure import LabError

FIRST_PORT = 8888
TRIES = 1000

NOT_FOR_LEARNERS = {
    # Tools of developers and instructors, which come along in a development environment.
    "server": (
        "nbgrader.server_extensions.formgrader",
        "nbgrader.server_extensions.validate_assignment",
        "nbgrader.server_extensions.assignment_list",
        "nbgrader.server_extensions.course_list",
        "jupyterlab_jupytext",
        "notebook",
    ),
    "browser": (
        "@jupyter/nbgrader",
        "jupyterlab-jupytext",
        "@jupyter-notebook/lab-extension",
        # It lists packages of a registry, and a lesson needs none.
        "@jupyterlab/extensionmanager-extension",
    ),
}

BROWSER_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": False,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": True, "autosaveInterval": 30},
    "@jupyterlab/extensionmanager-extension:plugin": {"enabled": False, "disclaimed": False},
}


@dataclass(frozen=True, slots=True)
class Session:
    """One JupyterLab: its folder of settings and files (in the home), and the workspace that it shows."""

    folder: Path
    workspace: Path

    @property
    def log(self) -> Path:
        """Jupyter's log."""
        return self.folder / "jupyter.log"

    @property
    def runtime(self) -> Path:
        """Where running servers and kernels leave their connection files."""
        return self.folder / "runtime"

    def environment(self) -> dict[str, str]:
        """The variables that keep Jupyter's files here."""
        return {
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.folder / "layouts"),
            "IPYTHONDIR": str(self.folder / "ipython"),
            # The kernel of the environment that aurora-lab is installed in, none of its name elsewhere.
            "JUPYTER_PREFER_ENV_PATH": "1",
        }

    def prepare(self) -> None:
        """Make the folders, the settings and the token. Raises OSError."""
        config = self.folder / "config" / "labconfig"
        for folder in (self.folder, self.runtime, config):
            folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        disabled = dict.fromkeys(NOT_FOR_LEARNERS["browser"], True)
        _write(config / "page_config.json", {"disabledExtensions": disabled})
        _write(config / "default_setting_overrides.json", BROWSER_SETTINGS)
        terminal.write_files(self.folder)

    def token(self) -> str:
        """The token of this home; it stays the same, so that an open browser tab finds a new start."""
        path = self.folder / "token"
        try:
            if token := path.read_text().strip():
                return token
        except FileNotFoundError:
            pass
        token = secrets.token_hex(24)
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(token)
        return token

    def running(self) -> str | None:
        """The address of a JupyterLab that already shows this workspace, or None."""
        for path in sorted(self.runtime.glob("jpserver-*.json")):
            try:
                found = json.loads(path.read_text())
                url, root = str(found["url"]), str(found["root_dir"])
                if root == str(self.workspace) and _answers(url, self.token()):
                    return url
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return None

    def address(self, url: str, notebook: str | None) -> str:
        """The address that opens `notebook` in the JupyterLab at `url`."""
        return f"{url.rstrip('/')}{_page(notebook)}?token={self.token()}"


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without another Jupyter's variables, which would move our files or open our door."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("JUPYTER_", "JUPYTERLAB_", "JPY_", "IPYTHON"))
    }


def load() -> Any:
    """JupyterLab's application class; the import takes a second or two."""
    # A parser of URIs that JupyterLab never asks for is compiled at each import: 2 s, half of the start.
    # Where it cannot be imported, jsonschema does without.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from jupyterlab.labapp import LabApp  # type: ignore[import-untyped]  # noqa: PLC0415

    return LabApp


def serve(
    session: Session, notebook: str | None, port: int, browser: bool, ready: Callable[[str], None]
) -> None:
    """Run JupyterLab until it is told to end; call `ready` with its address once it listens.

    The process's own environment must be the lab's already: kernels and terminals inherit it.
    Raises LabError where JupyterLab does not start.
    """
    LabApp = load()  # noqa: N806 - a class
    try:
        server = LabApp.initialize_server(arguments(session, notebook, port, browser))

        def end(number: int, _frame: object) -> None:
            signal.signal(number, signal.SIG_DFL)  # A second Ctrl-C does not wait.
            server.stop(from_signal=True)

        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), end)
        # The server listens from its loop's first round on, and this comes right after it.
        server.io_loop.add_callback(ready, session.address(f"http://127.0.0.1:{port}", notebook))
        server.start()
    except SystemExit as exit_:
        if exit_.code:
            raise LabError(f"JupyterLab could not start. Its log says why: {session.log}") from exit_


def arguments(session: Session, notebook: str | None, port: int, browser: bool) -> list[str]:
    """JupyterLab's settings as its command line, which wins over every configuration file."""
    extensions = {"jupyterlab": True, "jupyter_server_terminals": True}
    extensions |= dict.fromkeys(NOT_FOR_LEARNERS["server"], False)
    settings: dict[str, object] = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": session.workspace,
        "ServerApp.default_url": _page(notebook),
        "ServerApp.open_browser": browser,
        "ServerApp.use_redirect_file": not _confined_browser(),
        "ServerApp.answer_yes": True,
        "ServerApp.allow_root": hasattr(os, "geteuid") and os.geteuid() == 0,
        "ServerApp.terminals_enabled": True,
        "ServerApp.terminado_settings": {"shell_command": terminal.command(session.folder, os.environ)},
        "ServerApp.jpserver_extensions": extensions,
        "Application.logging_config": _log_to(session.log),
        "IdentityProvider.token": session.token(),
        "MultiKernelManager.default_kernel_name": "python3",
        # Else each kernel warns, on the learner's terminal, that others on this machine could listen.
        "KernelManager.transport_encryption": "auto" if _can_encrypt() else "disabled",
        # It would start language servers that it finds on the machine and write files for them.
        "LanguageServerManager.autodetect": False,
        # A stored notebook shows the map as a picture: its widget is gone with the kernel.
        "FileContentsManager.pre_save_hook": "aurora_lab.course.stored.before_save",
        # Nothing is fetched from outside: no news, no look for updates, no list of extensions.
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    return [f"--{name}={value}" for name, value in settings.items()]


@contextmanager
def free_port(wanted: int | None) -> Iterator[int]:
    """A port for JupyterLab: `wanted`, or the first free one from 8888 on. Raises LabError.

    JupyterLab looks for a free port a while before it listens, so that two of them, started at once, take
    the same one. Here a port is claimed meanwhile by its UDP twin, which nobody else uses.
    """
    taken = True
    for port in range(FIRST_PORT, FIRST_PORT + TRIES) if wanted is None else (wanted,):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as claim:
            try:
                if wanted is None:
                    claim.bind(("127.0.0.1", port))
                with socket.socket() as probe:
                    if os.name != "nt":
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            except OSError as error:
                taken = error.errno == errno.EADDRINUSE
                continue
            yield port
            return
    if wanted is None:
        raise LabError(f"No port from {FIRST_PORT} to {port} is free for JupyterLab. Name one with --port.")
    why = "is taken" if taken else "may not be used by you"
    raise LabError(f"Port {wanted} {why}. Choose another with --port, or leave --port out.")


def wants_browser(environ: Mapping[str, str]) -> bool:
    """Whether a browser with windows can be opened. One for the terminal would take over the learner's."""
    if sys.platform in {"darwin", "win32"} or environ.get("BROWSER"):
        return True
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return True
    return _windows_subsystem()


def _page(notebook: str | None) -> str:
    return f"/lab/tree/{quote(notebook)}" if notebook else "/lab"


def _log_to(path: Path) -> dict[str, object]:
    """Jupyter's messages go to a file: on the learner's terminal the address would drown in them."""
    file = {
        "class": "logging.FileHandler",
        "filename": str(path),
        "mode": "w",
        "level": "INFO",
        "encoding": "utf-8",
        "formatter": "console",
    }
    apps = ("ServerApp", "LabApp", "TerminalsExtensionApp")
    return {"handlers": {"file": file}, "loggers": {app: {"handlers": ["file"]} for app in apps}}


def _answers(url: str, token: str) -> bool:
    if urlsplit(url).hostname not in {"127.0.0.1", "localhost"}:
        return False
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(
        f"{url.rstrip('/')}/api/status", headers={"Authorization": f"token {token}"}
    )
    try:
        with opener.open(request, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _can_encrypt() -> bool:
    import zmq  # noqa: PLC0415 - JupyterLab's

    return bool(zmq.has("curve"))


def _windows_subsystem() -> bool:
    return Path("/proc/sys/fs/binfmt_misc/WSLInterop").exists()


def _confined_browser() -> bool:
    """Whether the browser may not read files of the home folder that are hidden.

    Jupyter hands a browser its token in such a file, so that no other user sees it in the list of processes.
    A browser from a snap, or one of Windows on its Linux subsystem, cannot read it.
    """
    return Path("/snap/bin").is_dir() or _windows_subsystem()


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
