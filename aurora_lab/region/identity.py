"""What a region keeps for its whole life: its names and its secrets."""

from __future__ import annotations

import secrets
import string
from dataclasses import asdict, dataclass

from aurora_lab.region.home import ACCOUNT, DEFAULT_REGION
from aurora_lab.region.store import Store

LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class Identity:
    """Names and secrets of one region, made once."""

    region: str
    account: str
    dns_id: str
    """The label that all endpoints of an account in a Region share (FACTS 3.5)."""
    superuser_password: str
    """Of `rdsadmin`, the only superuser of every server."""
    token: str
    """For the lab interface."""


def load_identity(store: Store) -> Identity:
    """The identity in the state file; made if there is none yet."""
    with store.transaction():
        found = store.get("Region", "self")
        if found is None:
            found = asdict(
                Identity(
                    region=DEFAULT_REGION,
                    account=ACCOUNT,
                    dns_id="c" + random_id(11, LOWER),
                    superuser_password=secrets.token_urlsafe(24),
                    token=secrets.token_urlsafe(24),
                )
            )
            store.put("Region", "self", found)
    return Identity(**found)


def random_id(length: int, alphabet: str = UPPER) -> str:
    """A random identifier, as in resource ids (`db-…`, `cluster-…`)."""
    return "".join(secrets.choice(alphabet) for _ in range(length))
