"""Errors of AWS and PostgreSQL in a notebook: what it is and in which line, not a library's traceback."""

from __future__ import annotations

import json
import subprocess
import sys

CELL = """
from botocore.exceptions import ClientError, ParamValidationError
import psycopg
from aurora_lab.course.short_errors import shorten

shorten()

def create(code):
    answer = {"Error": {"Code": code, "Message": "DB Cluster already exists"}}
    raise ClientError(answer, "CreateDBCluster")
"""
SHOW = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
shell.run_line_magic("colors", "nocolor")
shown = []
for cell in json.load(sys.stdin):
    with capture_output() as captured:
        shell.run_cell(cell)
    shown.append(captured.stdout)
print(json.dumps(shown))
"""


def shown(*cells: str) -> list[str]:
    """What IPython shows of each cell, run one after the other in a process of their own."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SHOW],
        input=json.dumps([CELL, *cells]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers: list[str] = json.loads(result.stdout.splitlines()[-1])
    assert answers[0] == ""
    return [answer.replace("\x1b[31m", "").replace("\x1b[0m", "").strip() for answer in answers[1:]]


def test_an_error_of_aws_is_its_code_its_message_and_the_line_that_met_it() -> None:
    once, again = shown(
        "x = 1\ncreate('InvalidDBClusterStateFault')", "create('DBClusterAlreadyExistsFault')"
    )
    lines = once.splitlines()
    assert lines[0] == "InvalidDBClusterStateFault: DB Cluster already exists"
    assert lines[1] == "    line 2: create('InvalidDBClusterStateFault')"
    assert "raise ClientError" in lines[2]
    assert len(lines) == 3
    assert again.splitlines()[-1].startswith("It is there already")


def test_an_error_of_the_database_or_of_a_parameter_has_no_frames_of_a_library() -> None:
    database, parameter, own = shown(
        "psycopg.connect('host=127.0.0.1 port=1 connect_timeout=2')",
        "import boto3\nboto3.client('rds', region_name='us-east-1').describe_db_clusters(Nonsense=1)",
        "1 / 0",
    )
    assert database.startswith("OperationalError: ")
    assert database.splitlines()[-1] == (
        "    line 1: psycopg.connect('host=127.0.0.1 port=1 connect_timeout=2')"
    )
    assert parameter.startswith("ParamValidationError: Parameter validation failed:")
    assert parameter.splitlines()[-1].startswith("    line 2: boto3.client")
    for text in (database, parameter):
        assert "site-packages" not in text
        assert len(text.splitlines()) < 8
    # A learner's own mistake keeps its place in the cell, as Python shows it.
    assert "ZeroDivisionError: division by zero" in own
    assert "----> 1 1 / 0" in own
