"""The home folder of a region: where things lie, and how a client finds the region that runs on it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

DEFAULT_REGION = "us-west-2"
"""Not us-east-1: there the AWS CLI v1 ignores the endpoint setting for RDS and calls real AWS."""

ACCOUNT = "123456789012"
DUMMY_KEY = "AURORALABDUMMYKEY"
DUMMY_SECRET = "aurora-lab-dummy-secret"

TOKEN_HEADER = "X-Aurora-Lab-Token"
"""Carries the region's token in calls to the lab interface that change something."""


@dataclass(frozen=True, slots=True)
class RegionInfo:
    """What the running region says of itself in `region.json`; a client needs no more."""

    pid: int
    http_port: int
    """The HTTP port that speaks AWS, and the lab's own interface under `/_lab/`."""
    address: str
    """The loopback address on which the endpoint router listens."""
    port: int
    """The router's port: 5432 where it was to be had."""
    token: str
    """Needed by calls under `/_lab/` that change something."""
    region: str
    runtime: str
    fault_key: str = ""
    """Enough to break something on purpose (`/_lab/fault`), and for nothing else: a notebook that is graded has it,
    and no token."""

    @property
    def url(self) -> str:
        """The endpoint URL for AWS clients."""
        return f"http://127.0.0.1:{self.http_port}"


def fault_key(token: str) -> str:
    """The fault key that goes with a region's token."""
    return hmac.new(token.encode(), b"fault", hashlib.sha256).hexdigest()


def default_home() -> Path:
    """`$AURORA_LAB_HOME`, or the user's data folder (root: a folder that the servers' user can reach)."""
    if given := os.environ.get("AURORA_LAB_HOME"):
        return Path(given).expanduser().absolute()
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/aurora-lab/home")
    return Path(platformdirs.user_data_dir("aurora-lab"))


class Home:
    """The folder that holds everything of one region."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def state(self) -> Path:
        """The region's state file."""
        return self.folder / "region.sqlite3"

    @property
    def info_file(self) -> Path:
        """Written when the region is ready, removed when it stops."""
        return self.folder / "region.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the region's process while it runs."""
        return self.folder / "region.lock"

    @property
    def log(self) -> Path:
        """The region's own log."""
        return self.folder / "region.log"

    @property
    def certificates(self) -> Path:
        """The region's certificate authority and server certificate."""
        return self.folder / "certificates"

    @property
    def ca_file(self) -> Path:
        """The CA bundle for clients: what AWS calls the global bundle."""
        return self.certificates / "global-bundle.pem"

    @property
    def data(self) -> Path:
        """Where the servers' files lie.

        In the home, unless the home cannot be reached by the user that the servers run as, or the learner
        asked for memory-backed disk with `AURORA_LAB_MEMORY=1` (fast; gone when the machine restarts).
        """
        name = hashlib.sha256(str(self.folder.absolute()).encode()).hexdigest()[:12]
        if os.environ.get("AURORA_LAB_MEMORY") == "1" and Path("/dev/shm").is_dir():
            return Path("/dev/shm") / f"aurora-lab-{os.getuid()}" / name
        if sys.platform != "win32" and os.geteuid() == 0 and not _reachable_by_others(self.folder):
            return Path("/var/lib/aurora-lab/data") / name
        return self.folder / "data"

    def info(self) -> RegionInfo | None:
        """What the region last said of itself, or None. Whether it still runs is for the caller to see."""
        try:
            return RegionInfo(**json.loads(self.info_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write_info(self, info: RegionInfo) -> None:
        """Publish `info`, readable by this user only (it holds the token)."""
        temporary = self.info_file.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(info)))
        temporary.replace(self.info_file)

    def environment(self, info: RegionInfo) -> dict[str, str]:
        """The variables that lead AWS clients and libpq to the region instead of AWS.

        They always carry dummy keys, so that no command of a learner can reach a real account by mistake.
        """
        empty = str(self.folder / "aws-config")
        return {
            "AURORA_LAB_HOME": str(self.folder),
            "AWS_ENDPOINT_URL": info.url,
            "AWS_ACCESS_KEY_ID": DUMMY_KEY,
            "AWS_SECRET_ACCESS_KEY": DUMMY_SECRET,
            "AWS_REGION": info.region,
            "AWS_DEFAULT_REGION": info.region,
            "AWS_CONFIG_FILE": empty,
            "AWS_SHARED_CREDENTIALS_FILE": empty,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "PGHOSTADDR": info.address,
            "PGPORT": str(info.port),
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.ca_file),
        }

    @property
    def bucket(self) -> Path:
        """What Aurora keeps in S3 for itself, in buckets that are not the account's: backups and snapshots.

        On the servers' disk, so that a snapshot is made of links and takes no room of its own.
        """
        return self.data / "s3"


def _reachable_by_others(folder: Path) -> bool:
    """Whether another user may walk to `folder` (as far as it exists)."""
    existing = [path for path in (folder, *folder.parents) if path.exists()]
    return all(path.stat().st_mode & 0o001 for path in existing)
