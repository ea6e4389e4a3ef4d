"""What a learner's own code may try: to pretend, to break, to spy. Each stands in the answer of 05.1."""

from __future__ import annotations

from submissions import MADE, NOTHING, Submission, after, answer, cell, saved, solved, tags

# What pretends.


def _raises_tag() -> Submission:
    made = solved()
    cell(made, "answer-05-1").source = MADE + "\n1 / 0"
    tags("raises-exception")(made)
    return Submission(saved(made), "cell-failed", "ZeroDivisionError", True)


PRETENCES = {
    "check-patched": answer("lab.check = lambda _: 'passed'", "no-cluster", NOTHING),
    "module-patched": answer(
        "import sys, types\n"
        "for name in [n for n in sys.modules if n.startswith('aurora_lab')]:\n"
        "    sys.modules[name] = types.ModuleType(name)",
        "no-cluster",
        NOTHING,
    ),
    "judge-patched": answer(
        "import aurora_lab.course.verdict as v\n"
        "v.judge = lambda *_: v.Verdict('05.1', True, '', 'all is well')",
        "no-cluster",
        NOTHING,
    ),
    "syntax-transformer": answer(
        "import ast\n"
        "class Away(ast.NodeTransformer):\n"
        "    def visit_Module(self, node): node.body = []; return node\n"
        "get_ipython().ast_transformers.append(Away())",
        "no-cluster",
        NOTHING,
    ),
    "custom-exceptions": answer(
        "get_ipython().set_custom_exc((Exception,), lambda *_, **__: None)\nraise ValueError('unseen')",
        "no-cluster",
        NOTHING,
    ),
    "skip-comment": answer("# NBVAL_SKIP\n# NBVAL_RAISES_EXCEPTION\n1 / 0", "no-cluster", NOTHING),
    "raises-tag": _raises_tag(),
    "printed-pass": answer("print('05.1 Create the cluster: passed')", "no-cluster", NOTHING),
    "displayed-pass": answer(
        "from IPython.display import HTML, display\n"
        "display(HTML('<b>05.1 passed</b>'), metadata={'aurora_lab': {'passed': True}})",
        "no-cluster",
        NOTHING,
    ),
    "forged-record": answer(
        "import json, pathlib\n"
        "record = pathlib.Path(os.environ['AURORA_LAB_HOME']) / 'course' / 'lesson-05.json'\n"
        "claim = {'passed': 'today', 'points': 99, 'evidence': {'passed': True}}\n"
        "record.write_text(json.dumps({'05.1': claim, '05.2': claim}))",
        "no-cluster",
        NOTHING,
    ),
    "record-is-a-link": after(
        "record = os.environ['AURORA_LAB_HOME'] + '/course/lesson-05.json'\n"
        "if os.path.exists(record): os.remove(record)\n"
        "os.symlink('/etc/shadow', record)",
        "",
        "is available",
    ),
    "record-is-a-pipe": after(
        "record = os.environ['AURORA_LAB_HOME'] + '/course/lesson-05.json'\n"
        "if os.path.exists(record): os.remove(record)\n"
        "os.mkfifo(record)",
        # The lesson's own check cell cannot be run beside it, and is stopped like any other.
        "too-slow",
        "not done after",
        second=False,
    ),
    "region-of-its-own": answer(
        "import http.server, threading\n"
        "class Fake(http.server.BaseHTTPRequestHandler):\n"
        "    def do_POST(self): self.send_response(200); self.end_headers(); self.wfile.write(b'<ok/>')\n"
        "    do_GET = do_POST\n"
        "    def log_message(self, *_): pass\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), Fake)\n"
        "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
        "os.environ['AWS_ENDPOINT_URL'] = f'http://127.0.0.1:{server.server_port}'",
        "no-cluster",
        NOTHING,
    ),
    "forged-messages": answer(
        "kernel = get_ipython().kernel\n"
        "for content in ({}, {'execution_state': 'idle'}, {'name': 1, 'text': None}):\n"
        "    kernel.session.send(kernel.iopub_socket, 'status', content, parent=kernel.get_parent())\n"
        "    kernel.session.send(kernel.iopub_socket, 'stream', content, parent=kernel.get_parent())",
        "kernel-died",
        "messages that cannot be understood",
    ),
    "reply-forged": answer(
        "kernel = get_ipython().kernel\n"
        "kernel.do_execute = None\n"
        "raise RuntimeError('now nothing can be run')",
        "too-slow",
        "not done after",
    ),
}

# What breaks.

BREAKAGES = {
    "unknown-cell-magic": answer("%%sql\nselect 1 from nowhere", "no-cluster", NOTHING),
    "unknown-magic-after": after("\n%no_such_magic", "cell-failed", "UsageError"),
    "failing-sql": after("\n!psql -c 'select * from nowhere' || false", "", "is available"),
    "failing-bash": answer("%%bash\nexit 3", "no-cluster", NOTHING),
    "syntax-error": answer("rds.create_db_cluster(", "no-cluster", NOTHING),
    "background-error": answer(
        "import threading\n"
        "def work(): raise RuntimeError('nobody saw that')\n"
        "t = threading.Thread(target=work); t.start(); t.join()",
        "no-cluster",
        NOTHING,
    ),
    "asks-for-input": after("\ninput('go on?')", "cell-failed", "StdinNotImplementedError"),
    "kernel-killed": after("\nos.kill(os.getpid(), 9)", "kernel-died", "SIGKILL"),
    "kernel-exit": after("\nos._exit(0)", "kernel-died", "It ended itself"),
    "kernel-quit": after(
        "\nimport time\nget_ipython().kernel.do_shutdown(False)\nos._exit(7)", "kernel-died", "code 7"
    ),
    "kernel-crash": after("\nimport ctypes\nctypes.string_at(0)", "kernel-died", "SIGSEGV"),
    "kernel-exec": after("\nos.execv('/bin/sleep', ['sleep', '600'])", "too-slow", "not done after"),
    "loop": after("\nwhile True: pass", "too-slow", "not done after"),
    "deaf-loop": after(
        "\nimport signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "too-slow",
        "not done after",
    ),
    "fork-bomb": after(
        "\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "kernel-died",
        "processes",
        needs_user=True,
    ),
    "shell-fork-bomb": after(
        "\nopen('b', 'w').write('f() { f | f & }; f; sleep 600')\n!bash b",
        "kernel-died",
        "processes",
        needs_user=True,
    ),
    "long-list": after("\nx = [0] * 10**9", "cell-failed", "MemoryError"),
    "many-small-pieces": after(
        "\nx = []\nwhile True: x.append(bytearray(b'1') * 10**7)", "kernel-died", "1024 MiB"
    ),
    "memory-of-children": after(
        "\nfor _ in range(8):\n"
        "    if os.fork() == 0:\n        x = bytearray(b'1') * (200 << 20)\n        import time; time.sleep(60)\n"
        "import time; time.sleep(60)",
        "kernel-died",
        "1024 MiB",
    ),
    "200-mb-of-output": after("\nfor _ in range(20): print('x' * 10_000_000)", "too-loud", "more than 10 MB"),
    "endless-output": after("\nwhile True: print('x' * 10_000)", "too-loud", "more than 10 MB"),
    "endless-displays": after(
        "\nfrom IPython.display import HTML, display\nwhile True: display(HTML('x' * 10_000))",
        "too-loud",
        "more than 10 MB",
    ),
    "long-error": after(
        "\nraise ValueError('\\x1b[31m' + '<script>' * 10**5)", "cell-failed", "ValueError: <script>"
    ),
    "many-files": after(
        "\nfor n in range(200):\n    os.mkdir(f'd{n}')\n"
        "    for m in range(100): open(f'd{n}/f{m}', 'w').close()\n"
        "import time; time.sleep(60)",
        "kernel-died",
        "10000 files",
    ),
    "much-in-files": after(
        "\nfor n in range(4): open(f'part{n}', 'wb').write(bytes(200 << 20))\nimport time; time.sleep(60)",
        "kernel-died",
        "512 MiB in files",
    ),
    "large-file": after("\nopen('large', 'wb').write(bytes(300 << 20))", "cell-failed", "File too large"),
    "left-behind": after(
        "\nimport subprocess\np = subprocess.Popen(['sleep', '987654'], start_new_session=True)",
        "",
        "is available",
    ),
    "stops-the-region": after("\n!aurora-lab stop", "", "is available"),
}

# What spies.

SPYING = {
    "token": after(
        "\nimport glob, json, urllib.request\n"
        "tokens = {json.load(open(f))['token'] for f in glob.glob('/tmp/**/region.json', recursive=True)}\n"
        "assert any(tokens), 'no token is to be had'",
        "cell-failed",
        "no token is to be had",
        needs_user=True,
    ),
    "administrator": after(
        "\nimport urllib.request\n"
        "urllib.request.urlopen(urllib.request.Request(os.environ['AWS_ENDPOINT_URL'] + '/_lab/stop', b'{}'))",
        "cell-failed",
        "403",
    ),
    "solutions": answer(
        "import aurora_lab, pathlib\n"
        "root = pathlib.Path(aurora_lab.__file__).parents[1]\n"
        "found = [*root.glob('solutions/*'), *pathlib.Path('/tmp').rglob('05_hands_on_psql.*')]\n"
        "assert found, 'no solution is to be had'",
        "no-cluster",
        NOTHING,
        needs_user=True,
    ),
    "checks": answer(
        "import aurora_lab, pathlib\n"
        "found = [*pathlib.Path(aurora_lab.__file__).parents[1].glob('**/lesson_05*.py')]\n"
        "print(found[0].read_text())",
        "no-cluster",
        NOTHING,
        needs_user=True,
    ),
    "servers-files": after(
        "\nimport glob\n"
        "found = [f for n in ('*.conf', '*.sqlite3') for f in glob.glob(f'/tmp/**/{n}', recursive=True)]\n"
        "assert found, 'no inner file is to be had'",
        "cell-failed",
        "no inner file is to be had",
        needs_user=True,
    ),
    "other-ports": after(
        "\nimport socket, urllib.request, json\n"
        "mine = {int(os.environ['PGPORT']), int(os.environ['AWS_ENDPOINT_URL'].rpartition(':')[2])}\n"
        "def answers(port):\n"
        "    with socket.socket() as s:\n"
        "        s.settimeout(0.05)\n"
        "        return s.connect_ex(('127.0.0.1', port)) == 0\n"
        "found = [p for p in range(1024, 32768) if p not in mine and answers(p)]\n"
        "assert found, 'no other port answers'",
        "cell-failed",
        "no other port answers",
        needs_user=True,
    ),
    "world": after(
        "\nimport socket\nsocket.create_connection(('192.0.2.1', 443), timeout=2)",
        "cell-failed",
        "unreachable",
        needs_user=True,
    ),
    "grader's-processes": after(
        "\nfor pid in map(int, filter(str.isdigit, os.listdir('/proc'))):\n"
        "    if pid != os.getpid():\n"
        "        try: os.kill(pid, 9)\n"
        "        except OSError: pass",
        "",
        "is available",
        needs_user=True,
    ),
}
