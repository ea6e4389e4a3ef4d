"""The environment of a shell of the lab, and files of a learner's AWS profiles, for tests of real accounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, Home, RegionInfo

REAL_KEY = "LEARNERSKEY"
LAB = "http://127.0.0.1:9"
"""Nothing listens there: whoever goes there is heard of."""

CONFIG = f"""
[profile mine]
region = eu-west-1
endpoint_url = {LAB}
[profile role]
role_arn = arn:aws:iam::123456789012:role/learner
source_profile = mine
[profile bare]
region = eu-west-1
[profile dummy]
region = eu-west-1
"""
CREDENTIALS = f"""
[mine]
aws_access_key_id = {REAL_KEY}
aws_secret_access_key = real
[dummy]
aws_access_key_id = {DUMMY_KEY}
aws_secret_access_key = {DUMMY_SECRET}
"""


def write_profiles(folder: Path) -> str:
    """Files as `aws configure` leaves them in ~/.aws; the folder's name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(CONFIG)
    (folder / "credentials").write_text(CREDENTIALS)
    return str(folder)


def plain_shell(patch: pytest.MonkeyPatch, home: Path) -> None:
    """A shell that knows nothing of AWS, nor of a proxy, of a user with this home."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy") or name == "AURORA_LAB_SAVED":
            patch.delenv(name)
    patch.setenv("HOME", str(home))
    patch.setenv("AWS_MAX_ATTEMPTS", "1")


def lab_shell(patch: pytest.MonkeyPatch, home: Path) -> None:
    """The same after `eval "$(aurora-lab env)"`."""
    plain_shell(patch, home)
    info = RegionInfo(1, 9, "127.0.0.1", 5432, "", "us-west-2", "embedded")
    for name, value in Home(home / "lab").environment(info).items():
        patch.setenv(name, value)
    patch.setenv("AWS_ENDPOINT_URL_RDS", LAB)
    patch.setenv("AWS_ENDPOINT_URL_STS", LAB)
