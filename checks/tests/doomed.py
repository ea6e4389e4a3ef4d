"""Callers of the data plane that can be killed at any moment.

`Callers` starts one process of this file, which imports all that is needed and then forks a child for each
call; so a caller is there within a millisecond and can be killed at any point of its work.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from aurora_lab.cluster.plane import ClusterPlane
from aurora_lab.cluster.template import Template
from aurora_lab.cluster.types import InstanceSpec
from aurora_lab.runtime.select import choose
from small_cluster import MASTER, SmallCluster


class Callers:
    """Makes calls of a cluster's data plane in processes of their own."""

    def __init__(self, cluster: SmallCluster) -> None:
        self._arguments = json.dumps(
            {
                "runtime": cluster.runtime.name,
                "home": str(getattr(cluster.runtime, "home", cluster.folder)),
                "folder": str(cluster.folder),
                "template": str(cluster.template.folder),
                "tls": [str(path) for path in cluster.tls],
                "password": cluster.password,
            }
        )

    def __enter__(self) -> Callers:
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        )
        assert self._answer() == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def call(
        self, method: str, *specs: InstanceSpec, kill_after: float | None = None, **options: Any
    ) -> bool:
        """Call a method of the plane; kill the caller after so many seconds. Whether it came to its end."""
        assert self._process.stdin is not None
        plain = [[spec.identifier, spec.resource_id, spec.port, dict(spec.parameters)] for spec in specs]
        request = json.dumps({"method": method, "specs": plain, "options": options})
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        caller = int(self._answer())
        if kill_after is not None:
            time.sleep(kill_after)
            # Until its end is waited for, its id is not given to anybody else; after that it is gone.
            with contextlib.suppress(ProcessLookupError):
                os.kill(caller, signal.SIGKILL)
        status = int(self._answer())
        assert status in (0, -signal.SIGKILL), f"{method} failed with status {status}"
        return status == 0

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def _call(plane: ClusterPlane, request: dict[str, Any]) -> None:
    specs = [InstanceSpec(*spec) for spec in request["specs"]]
    method, options = request["method"], request["options"]
    if method == "create_volume":
        plane.create_volume(MASTER, options["database"])
    elif method in ("remove", "kill"):
        getattr(plane, method)(specs[0].resource_id, **options)
    else:
        getattr(plane, method)(*specs, **options)


def _serve(arguments: dict[str, Any]) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                runtime, _ = choose(arguments["runtime"], Path(arguments["home"]))
                template = Template(runtime, Path(arguments["template"]))
                certificate, key = (Path(path) for path in arguments["tls"])
                folder = Path(arguments["folder"])
                _call(
                    ClusterPlane(runtime, folder, template, certificate, key, arguments["password"]),
                    json.loads(line),
                )
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
