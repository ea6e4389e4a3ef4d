"""Submissions that are hostile or broken, each made of lesson 05's solved notebook by a small change.

Two exercises are graded. 05.1 holds the trick; 05.2 is answered honestly, so that it is seen whether the trick
stopped the grading of the next. `MADE` at the head of a trick does 05.1's work first: then only the trick's
own end decides about 05.1, and 05.2 can be solved.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aurora_lab.course import notebooks
from aurora_lab.course.places import find_places

MADE = """
rds.create_db_cluster(
    DBClusterIdentifier="library", Engine="aurora-postgresql", DatabaseName="library",
    MasterUsername=os.environ["PGUSER"], MasterUserPassword=os.environ["PGPASSWORD"],
)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="library")
"""
Notebook = Any


@dataclass(frozen=True)
class Submission:
    """A submission and what the grader must say of it."""

    text: str | bytes
    """The notebook's file."""
    name: str
    """The verdict's name for 05.1: a mistake, or empty for a pass."""
    says: str
    """What its sentence must hold."""
    second: bool
    """Whether 05.2 passes: 05.1's work was done, by whatever way."""
    needs_user: bool = False
    """Holds only where the learner's code is another user's."""


def solved() -> Notebook:
    """The lesson with honest answers to the two exercises; those of 05.1 by boto3, which is quicker."""
    made = notebooks.read(find_places().source("05").with_suffix(".ipynb"))
    cell(made, "answer-05-1").source = MADE
    return made


def cell(made: Notebook, identifier: str) -> Notebook:
    """The cell of an id."""
    return next(item for item in made.cells if item.id == identifier)


def _saved(made: Notebook) -> str:
    return json.dumps(made)


def _answer(source: str, name: str, says: str, second: bool = False, needs_user: bool = False) -> Submission:
    made = solved()
    cell(made, "answer-05-1").source = source
    return Submission(_saved(made), name, says, second, needs_user)


def _after(
    trick: str, name: str, says: str = "", second: bool = True, needs_user: bool = False
) -> Submission:
    """The work is done honestly, then comes the trick."""
    return _answer(MADE + trick, name, says, second, needs_user)


def _spoilt(spoil: Callable[[Notebook], None], answered: bool = False) -> Submission:
    """The frame is changed. Unanswered it earns nothing; answered it earns what it has earned."""
    made = solved()
    if not answered:
        cell(made, "answer-05-1").source = 'choice = "nothing done"'
    spoil(made)
    if answered:
        return Submission(_saved(made), "", "is available", True)
    return Submission(_saved(made), "no-cluster", "There is no DB cluster `library`", False)


def _file(text: str | bytes, says: str) -> Submission:
    return Submission(text, "not-a-notebook", says, False)


# Frames.


def _edit_checks(made: Notebook) -> None:
    for item in made.cells:
        if notebooks.mark(item).get("role") == "check":
            item.source = 'print("passed")'


def _delete_checks(made: Notebook) -> None:
    made.cells = [item for item in made.cells if notebooks.mark(item).get("role") != "check"]


def _copy_checks(made: Notebook) -> None:
    made.cells += [copy.deepcopy(cell(made, "check-05-2")) for _ in range(3)]


def _split_check(made: Notebook) -> None:
    place = made.cells.index(cell(made, "check-05-1"))
    made.cells[place].source = "pass"
    made.cells.insert(place, copy.deepcopy(made.cells[place]))


def _reverse(made: Notebook) -> None:
    made.cells.reverse()


def _rename_check(made: Notebook) -> None:
    item = cell(made, "check-05-1")
    item.id = "my-own"
    item.metadata["aurora_lab"]["id"] = "my-own"
    item.metadata["aurora_lab"]["exercise"] = "05.9"


def _swap_marks(made: Notebook) -> None:
    answer, check = cell(made, "answer-05-1"), cell(made, "check-05-1")
    answer.metadata, check.metadata = check.metadata, answer.metadata
    answer.id, check.id = check.id, answer.id


def _tags(*tags: str) -> Callable[[Notebook], None]:
    def tag(made: Notebook) -> None:
        for item in made.cells:
            item.metadata["tags"] = list(tags)

    return tag


def _fake_outputs(made: Notebook) -> None:
    for item in made.cells:
        if item.cell_type == "code":
            item.execution_count = 1
            item.outputs = [{"output_type": "stream", "name": "stdout", "text": "05.1: passed"}]


def _edit_setup(made: Notebook) -> None:
    cell(made, "cell-3ce54e9354").source = "class lab: check = predict = map = print"


def _markless(made: Notebook) -> None:
    for item in made.cells:
        item.metadata = {}


def _strange_marks(made: Notebook) -> None:
    made.cells.append(notebooks.code("1", "one"))
    made.cells.append(notebooks.code("2", "two"))
    made.cells[-2].metadata["aurora_lab"] = ["role", "check"]
    made.cells[-1].metadata["aurora_lab"] = {"role": "answer", "id": {"a": 1}, "exercise": 5}


def _other_lesson(made: Notebook) -> None:
    made.metadata["aurora_lab"] = {"lesson": "../../etc/passwd"}


FRAMES = {
    "edited-checks": _spoilt(_edit_checks),
    "deleted-checks": _spoilt(_delete_checks),
    "copied-checks": _spoilt(_copy_checks),
    "split-check": _spoilt(_split_check),
    "reversed": _spoilt(_reverse),
    "renamed-check": _spoilt(_rename_check),
    "swapped-marks": _spoilt(_swap_marks),
    "skip-tags": _spoilt(_tags("nbval-skip", "skip")),
    "changed-outputs": _spoilt(_fake_outputs),
    "edited-setup": _spoilt(_edit_setup),
    "no-marks": _spoilt(_markless),
    "strange-marks": _spoilt(_strange_marks),
    "other-lesson": _spoilt(_other_lesson),
    "answered-without-checks": _spoilt(_delete_checks, answered=True),
    "answered-with-copied-checks": _spoilt(_copy_checks, answered=True),
    "answered-with-renamed-check": _spoilt(_rename_check, answered=True),
}

# What pretends.

_NOTHING = "There is no DB cluster `library`"


def _raises_tag() -> Submission:
    made = solved()
    cell(made, "answer-05-1").source = MADE + "\n1 / 0"
    _tags("raises-exception")(made)
    return Submission(_saved(made), "cell-failed", "ZeroDivisionError", True)


def _old_format() -> str:
    cells = [
        {"cell_type": "code", "language": "python", "input": "print('passed')", "outputs": [], "metadata": {}}
    ]
    return json.dumps(
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}
    )


PRETENCES = {
    "check-patched": _answer("lab.check = lambda _: 'passed'", "no-cluster", _NOTHING),
    "module-patched": _answer(
        "import sys, types\n"
        "for name in [n for n in sys.modules if n.startswith('aurora_lab')]:\n"
        "    sys.modules[name] = types.ModuleType(name)",
        "no-cluster",
        _NOTHING,
    ),
    "judge-patched": _answer(
        "import aurora_lab.course.verdict as v\n"
        "v.judge = lambda *_: v.Verdict('05.1', True, '', 'all is well')",
        "no-cluster",
        _NOTHING,
    ),
    "syntax-transformer": _answer(
        "import ast\n"
        "class Away(ast.NodeTransformer):\n"
        "    def visit_Module(self, node): node.body = []; return node\n"
        "get_ipython().ast_transformers.append(Away())",
        "no-cluster",
        _NOTHING,
    ),
    "custom-exceptions": _answer(
        "get_ipython().set_custom_exc((Exception,), lambda *_, **__: None)\nraise ValueError('unseen')",
        "no-cluster",
        _NOTHING,
    ),
    "skip-comment": _answer("# NBVAL_SKIP\n# NBVAL_RAISES_EXCEPTION\n1 / 0", "no-cluster", _NOTHING),
    "raises-tag": _raises_tag(),
    "printed-pass": _answer("print('05.1 Create the cluster: passed')", "no-cluster", _NOTHING),
    "displayed-pass": _answer(
        "from IPython.display import HTML, display\n"
        "display(HTML('<b>05.1 passed</b>'), metadata={'aurora_lab': {'passed': True}})",
        "no-cluster",
        _NOTHING,
    ),
    "forged-record": _answer(
        "import json, pathlib\n"
        "record = pathlib.Path(os.environ['AURORA_LAB_HOME']) / 'course' / 'lesson-05.json'\n"
        "claim = {'passed': 'today', 'points': 99, 'evidence': {'passed': True}}\n"
        "record.write_text(json.dumps({'05.1': claim, '05.2': claim}))",
        "no-cluster",
        _NOTHING,
    ),
    "record-is-a-link": _after(
        "record = os.environ['AURORA_LAB_HOME'] + '/course/lesson-05.json'\n"
        "if os.path.exists(record): os.remove(record)\n"
        "os.symlink('/etc/shadow', record)",
        "",
        "is available",
    ),
    "record-is-a-pipe": _after(
        "record = os.environ['AURORA_LAB_HOME'] + '/course/lesson-05.json'\n"
        "if os.path.exists(record): os.remove(record)\n"
        "os.mkfifo(record)",
        # The lesson's own check cell cannot be run beside it, and is stopped like any other.
        "too-slow",
        "not done after",
    ),
    "region-of-its-own": _answer(
        "import http.server, threading\n"
        "class Fake(http.server.BaseHTTPRequestHandler):\n"
        "    def do_POST(self): self.send_response(200); self.end_headers(); self.wfile.write(b'<ok/>')\n"
        "    do_GET = do_POST\n"
        "    def log_message(self, *_): pass\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), Fake)\n"
        "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
        "os.environ['AWS_ENDPOINT_URL'] = f'http://127.0.0.1:{server.server_port}'",
        "no-cluster",
        _NOTHING,
    ),
    "forged-messages": _answer(
        "kernel = get_ipython().kernel\n"
        "for content in ({}, {'execution_state': 'idle'}, {'name': 1, 'text': None}):\n"
        "    kernel.session.send(kernel.iopub_socket, 'status', content, parent=kernel.get_parent())\n"
        "    kernel.session.send(kernel.iopub_socket, 'stream', content, parent=kernel.get_parent())",
        "kernel-died",
        "messages that cannot be understood",
    ),
    "reply-forged": _answer(
        "kernel = get_ipython().kernel\n"
        "kernel.do_execute = None\n"
        "raise RuntimeError('now nothing can be run')",
        "no-cluster",
        _NOTHING,
    ),
}

# What breaks.

BREAKAGES = {
    "unknown-cell-magic": _answer("%%sql\nselect 1 from nowhere", "no-cluster", _NOTHING),
    "unknown-magic-after": _after("\n%no_such_magic", "cell-failed", "UsageError"),
    "failing-sql": _after("\n!psql -c 'select * from nowhere' || false", "", "is available"),
    "failing-bash": _answer("%%bash\nexit 3", "no-cluster", _NOTHING),
    "syntax-error": _answer("rds.create_db_cluster(", "no-cluster", _NOTHING),
    "background-error": _answer(
        "import threading\n"
        "def work(): raise RuntimeError('nobody saw that')\n"
        "t = threading.Thread(target=work); t.start(); t.join()",
        "no-cluster",
        _NOTHING,
    ),
    "asks-for-input": _after("\ninput('go on?')", "cell-failed", "StdinNotImplementedError"),
    "kernel-killed": _after("\nos.kill(os.getpid(), 9)", "kernel-died", "SIGKILL"),
    "kernel-exit": _after("\nos._exit(0)", "kernel-died", "It ended itself"),
    "kernel-quit": _after(
        "\nimport time\nget_ipython().kernel.do_shutdown(False)\nos._exit(7)", "kernel-died", "code 7"
    ),
    "kernel-crash": _after("\nimport ctypes\nctypes.string_at(0)", "kernel-died", "SIGSEGV"),
    "kernel-exec": _after("\nos.execv('/bin/sleep', ['sleep', '600'])", "too-slow", "not done after"),
    "loop": _after("\nwhile True: pass", "too-slow", "not done after"),
    "deaf-loop": _after(
        "\nimport signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "too-slow",
        "not done after",
    ),
    "fork-bomb": _after(
        "\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "kernel-died",
        "processes",
        needs_user=True,
    ),
    "shell-fork-bomb": _after(
        "\nopen('b', 'w').write('f() { f | f & }; f; sleep 600')\n!bash b",
        "kernel-died",
        "processes",
        needs_user=True,
    ),
    "long-list": _after("\nx = [0] * 10**9", "cell-failed", "MemoryError"),
    "many-small-pieces": _after("\nx = []\nwhile True: x.append(bytes(10**7))", "kernel-died", "2048 MiB"),
    "memory-of-children": _after(
        "\nfor _ in range(6):\n"
        "    if os.fork() == 0:\n        x = bytearray(b'1') * (600 << 20)\n        import time; time.sleep(60)\n"
        "import time; time.sleep(60)",
        "kernel-died",
        "2048 MiB",
    ),
    "one-long-output": _after("\nprint('x' * 200_000_000)", "too-loud", "more than 10 MB"),
    "endless-output": _after("\nwhile True: print('x' * 10_000)", "too-loud", "more than 10 MB"),
    "endless-displays": _after(
        "\nfrom IPython.display import HTML, display\nwhile True: display(HTML('x' * 10_000))",
        "too-loud",
        "more than 10 MB",
    ),
    "long-error": _after(
        "\nraise ValueError('\\x1b[31m' + '<script>' * 10**5)", "cell-failed", "ValueError: <script>"
    ),
    "large-file": _after("\nopen('large', 'wb').write(bytes(300 << 20))", "cell-failed", "File too large"),
    "left-behind": _after(
        "\nimport subprocess\np = subprocess.Popen(['sleep', '987654'], start_new_session=True)",
        "",
        "is available",
    ),
    "stops-the-region": _after("\n!aurora-lab stop", "", "is available"),
}

# What spies.

SPYING = {
    "token": _after(
        "\nimport glob, json, urllib.request\n"
        "tokens = {json.load(open(f))['token'] for f in glob.glob('/tmp/**/region.json', recursive=True)}\n"
        "assert any(tokens), 'no token is to be had'",
        "cell-failed",
        "no token is to be had",
        needs_user=True,
    ),
    "administrator": _after(
        "\nimport urllib.request\n"
        "urllib.request.urlopen(urllib.request.Request(os.environ['AWS_ENDPOINT_URL'] + '/_lab/stop', b'{}'))",
        "cell-failed",
        "403",
    ),
    "solutions": _answer(
        "import aurora_lab, pathlib\n"
        "root = pathlib.Path(aurora_lab.__file__).parents[1]\n"
        "found = [*root.glob('solutions/*'), *pathlib.Path('/').glob('*/**/05_hands_on_psql.*')]\n"
        "assert found, 'no solution is to be had'",
        "no-cluster",
        _NOTHING,
        needs_user=True,
    ),
    "checks": _answer(
        "import aurora_lab, pathlib\n"
        "found = [*pathlib.Path(aurora_lab.__file__).parents[1].glob('**/lesson_05*.py')]\n"
        "print(found[0].read_text())",
        "no-cluster",
        _NOTHING,
        needs_user=True,
    ),
    "servers-files": _after(
        "\nimport glob\n"
        "found = glob.glob('/tmp/**/postgresql.conf', recursive=True) + glob.glob('/tmp/**/*.sqlite3', recursive=True)\n"
        "assert found, 'no inner file is to be had'",
        "cell-failed",
        "no inner file is to be had",
        needs_user=True,
    ),
    "other-ports": _after(
        "\nimport socket, urllib.request, json\n"
        "mine = {int(os.environ['PGPORT']), int(os.environ['AWS_ENDPOINT_URL'].rpartition(':')[2])}\n"
        "def answers(port):\n"
        "    with socket.socket() as s:\n"
        "        s.settimeout(0.05)\n"
        "        return s.connect_ex(('127.0.0.1', port)) == 0\n"
        "found = [p for p in range(1024, 65536) if p not in mine and answers(p)]\n"
        "assert found, 'no other port answers'",
        "cell-failed",
        "no other port answers",
        needs_user=True,
    ),
    "world": _after(
        "\nimport socket\nsocket.create_connection(('192.0.2.1', 443), timeout=2)",
        "cell-failed",
        "unreachable",
        needs_user=True,
    ),
    "grader's-processes": _after(
        "\nfor pid in range(1, 70000):\n"
        "    if pid != os.getpid():\n"
        "        try: os.kill(pid, 9)\n"
        "        except OSError: pass",
        "",
        "is available",
        needs_user=True,
    ),
}

# Files that are no notebooks.

_SOLVED = _saved(solved())

FILES = {
    "empty": _file("", "is not a notebook"),
    "malformed": _file("{'cells': []}", "is not a notebook"),
    "truncated": _file(_SOLVED[: len(_SOLVED) // 2], "is not a notebook"),
    "binary": _file(bytes(range(256)) * 10, "cannot be read"),
    "too-large": _file(_SOLVED + " " * 50_000_000, "larger than 20 MB"),
    "nested": _file('{"cells": ' + "[" * 100_000, "is not a notebook"),
    "a-list": _file("[1, 2]", "is not a notebook"),
    "cells-no-list": _file(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 5}', "is not a notebook"
    ),
    "cell-no-dict": _file(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [5]}', "is not a notebook"
    ),
    "cell-no-source": _file(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "id": "a"}]}',
        "is not a notebook",
    ),
    "from-the-future": _file('{"nbformat": 99, "metadata": {}, "cells": []}', "is not a notebook"),
    "too-many-cells": _file(
        json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": {},
                "cells": [
                    {"cell_type": "raw", "id": f"c{n}", "metadata": {}, "source": ""} for n in range(2001)
                ],
            }
        ),
        "more than 2,000 cells",
    ),
    "old-format": Submission(_old_format(), "no-cluster", _NOTHING, False),
}

HONEST = Submission(_SOLVED, "", "is available", True)
CORPUS = {**FRAMES, **PRETENCES, **BREAKAGES, **SPYING, **FILES, "honest": HONEST}
