"""The region's process: `python -m aurora_lab.region.daemon --home DIR`.

It says how far it is on its standard output, one JSON object a line, until it is ready or has failed:
`{"step": …}`, then `{"ready": true}` or `{"error": …}`. Whoever started it may stop listening at any time.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import faulthandler
import json
import logging
import logging.handlers
import os
import shutil
import signal
import sys
import threading
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from aurora_lab.endpoints.router import PortTakenError
from aurora_lab.region.clock import DEFAULT_SCALE
from aurora_lab.region.core import Region
from aurora_lab.region.home import Home, RegionInfo, fault_key
from aurora_lab.region.ports import NoPortError
from aurora_lab.region.store import StateError
from aurora_lab.runtime.base import RuntimeUnavailableError, ServerStartError, ToolError
from aurora_lab.runtime.select import choose

log = logging.getLogger(__name__)

LEAST_FREE_BYTES = 64 << 20
"""A cluster volume takes about 30 MB, each instance as much again."""

LOG_BYTES, LOG_FILES = 5_000_000, 2


class AlreadyRunningError(Exception):
    """Another process has this home."""


def main(arguments: list[str] | None = None) -> int:
    """Run a region until it is told to stop (SIGTERM, SIGINT, or the lab interface). Returns the exit code."""
    parser = argparse.ArgumentParser(prog="aurora-lab-region")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--runtime", default="auto", choices=["auto", "embedded", "containers"])
    parser.add_argument("--scale", type=float, default=DEFAULT_SCALE)
    parser.add_argument("--templates", type=Path, help="where a cluster template lies that others use too")
    options = parser.parse_args(arguments)
    home = Home(options.home.absolute())
    try:
        _log_to(home)
        run(home, options.runtime, options.scale, options.templates)
    except AlreadyRunningError:
        say(error=f"A region already runs on {home.folder}.", running=True)
        return 3
    except (
        StateError,
        NoPortError,
        PortTakenError,
        RuntimeUnavailableError,
        ServerStartError,
        ToolError,
        ValueError,
    ) as error:
        log.exception("the region could not start")
        say(error=_full(home, error) or str(error))
        return 1
    except OSError as error:
        log.exception("the region could not start")
        why = f"{error.strerror or error} ({error.filename})"
        say(
            error=_full(home, error)
            or f"The home {home.folder} cannot be used: {why}. Choose another with --home."
        )
        return 1
    except Exception as error:
        log.exception("the region failed")
        say(error=_full(home, error) or f"The region failed; {home.log} says why.")
        return 1
    return 0


def run(home: Home, runtime_name: str, scale: float, templates: Path | None = None) -> None:
    """Hold the home's lock, open the region, serve, and close it when told to stop."""
    lock = FileLock(home.lock_file, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise AlreadyRunningError from error
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    with contextlib.suppress(AttributeError, ValueError):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(AttributeError, OSError, ValueError):
        # A region that hangs says where: `kill -USR1` writes each thread's stack to region.stderr.
        faulthandler.register(signal.SIGUSR1)
    with lock, contextlib.ExitStack() as stack:
        stack.callback(home.info_file.unlink, missing_ok=True)
        say(step="finding PostgreSQL")
        runtime, reason = choose(runtime_name, home.folder)
        runtime.make_folder(home.data)
        region = Region(home, runtime, scale, templates)
        stack.callback(region.close)
        say(step=f"starting the region ({reason})")
        region.open()
        info = _serve(region, reason, stopping, stack)
        (home.folder / "aws-config").touch()
        home.write_info(info)
        log.info("ready: %s, router on %s:%d, %s", info.url, info.address, info.port, reason)
        say(ready=True)
        stopping.wait()
        log.info("stopping")


def _serve(region: Region, reason: str, stopping: threading.Event, stack: contextlib.ExitStack) -> RegionInfo:
    # Late, because they are most of what there is to import.
    from aurora_lab.region.api.app import make_app  # noqa: PLC0415
    from aurora_lab.region.api.moto_mount import MotoMount  # noqa: PLC0415
    from aurora_lab.region.api.server import serve  # noqa: PLC0415
    from aurora_lab.region.lab_api import LabApi  # noqa: PLC0415
    from aurora_lab.region.rds.provider import RdsProvider  # noqa: PLC0415
    from aurora_lab.region.reader_scaling.alarms import cloudwatch_alarms  # noqa: PLC0415
    from aurora_lab.region.reader_scaling.provider import ScalingProvider  # noqa: PLC0415

    lab = LabApi(region, reason, version("aurora-lab"), stopping.set)
    app = make_app(
        {"rds": RdsProvider(region), "application-autoscaling": ScalingProvider(region)},
        MotoMount(region.metrics, region.account, region.name, partial(cloudwatch_alarms, region)),
        lab,
        region=region.name,
        account=region.account,
    )
    kept = region.store.get("Region", "http") or {}
    server = serve(app, "127.0.0.1", kept.get("port", 0))
    stack.callback(server.close)
    region.store.put("Region", "http", {"port": server.port})
    host, port = region.router_address
    return RegionInfo(
        pid=os.getpid(),
        http_port=server.port,
        address=host,
        port=port,
        token=region.identity.token,
        region=region.name,
        runtime=region.runtime.name,
        fault_key=fault_key(region.identity.token),
    )


def say(**message: Any) -> None:
    """Tell whoever started the region, if somebody still listens."""
    with contextlib.suppress(OSError, ValueError):
        print(json.dumps(message), flush=True)  # noqa: T201 - this is how the two processes speak


def _full(home: Home, error: BaseException) -> str | None:
    """The sentence for a disk that is full, however that was noticed; else None."""
    text = str(error).lower()
    said = getattr(error, "errno", None) == errno.ENOSPC or "no space left" in text or "disk is full" in text
    # A program that dies of a full disk does not always say so.
    if said or min(_free_bytes(home.folder), _free_bytes(home.data)) < LEAST_FREE_BYTES:
        return (
            f"There is no space left on the disk of {home.folder} or {home.data}. "
            "Make some, or choose another home with --home."
        )
    return None


def _free_bytes(folder: Path) -> int:
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    return shutil.disk_usage(existing).free


def _log_to(home: Home) -> None:
    home.folder.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(home.log, maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    logging.basicConfig(
        handlers=[handler],
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s",
    )
    for noisy in ("botocore", "urllib3", "waitress.queue", "werkzeug", "docker", "testcontainers"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
