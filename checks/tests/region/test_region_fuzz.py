"""Two thousand malformed requests to a region that does real work: AWS errors, and nothing else."""

from __future__ import annotations

import random

from fuzzing import run
from local_region import local_region

REQUESTS = 2_000


def test_malformed_requests_get_aws_errors() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    with local_region() as region:
        name = region.cluster(instances=1)
        report = run("127.0.0.1", region.info.http_port, seed, REQUESTS)
        assert report.sent == REQUESTS
        assert not report.complaints, report.complaints[:5]
        assert not report.unanswered
        assert {status for status in report.statuses if status >= 500} <= {501}, report.statuses
        # It has not lost its head: what was there still serves.
        assert region.ask(region.describe(name)["Endpoint"], "SELECT 1") == [(1,)]
