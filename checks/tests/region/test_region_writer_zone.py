"""The writer's AZ goes out, and no reader runs: what opens the volume again (FACTS 4.12)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from aurora_lab.region import client
from local_region import LocalRegion, eventually
from test_region_instances import eventually_ask
from test_region_killed import kill
from test_region_zones import out, rows, writes


def zone(region: LocalRegion, letter: str, action: str) -> None:
    """Do a fault to an AZ, or undo it."""
    client.ask(region.home, "fault", {"kind": "az", "name": letter, "action": action})


def server(region: LocalRegion, cluster: str, instance: str) -> str:
    """What the server of an instance is."""
    (found,) = [item for item in client.status(region.home)["clusters"] if item["id"] == cluster]
    return str(next(item["server"] for item in found["instances"] if item["id"] == instance))


@pytest.mark.parametrize("restarted", [False, True])
def test_the_only_reader_comes_back_while_the_az_of_the_writer_is_out(
    embedded_region: LocalRegion, restarted: bool
) -> None:
    region = embedded_region
    cluster = region.cluster(instances=2)
    address = region.describe(cluster)["Endpoint"]
    region.ask(address, "CREATE TABLE kept (at timestamptz DEFAULT now())")
    zone(region, "b", "kill")
    try:
        # The reader knows nothing of this row.
        assert writes(region, address)
        with out(region, "a"):
            if restarted:
                # A region that has just started has never seen the writer live.
                kill(region)
                region.start()
            eventually(lambda: server(region, cluster, f"{cluster}-1") == "stopped", "nobody is left")
            zone(region, "b", "undo")
            eventually(lambda: writes(region, address), "the reader has become the writer", 30.0)
            assert region.writer(cluster) == f"{cluster}-2"
            assert rows(region, address) == 2
    finally:
        zone(region, "b", "undo")
    region.wait_available(cluster)
    assert region.writer(cluster) == f"{cluster}-2"
    old = region.instances(cluster)[f"{cluster}-1"]["Endpoint"]["Address"]
    eventually(lambda: eventually_ask(region, old, "SELECT count(*) FROM kept") == [(2,)], "it reads")


def test_an_instance_that_is_made_by_hand_in_another_az_takes_the_volume(
    embedded_region: LocalRegion,
) -> None:
    region = embedded_region
    cluster = region.cluster(instances=1)
    address = region.describe(cluster)["Endpoint"]
    region.ask(address, "CREATE TABLE kept (at timestamptz DEFAULT now())")
    assert writes(region, address)
    with out(region, "a"):
        assert server(region, cluster, f"{cluster}-1") == "stopped"
        assert region.writer(cluster) == f"{cluster}-1", "nothing automatic happens"
        assert not writes(region, address)
        # Without a wish it goes to an AZ that is there.
        region.instance(cluster, f"{cluster}-2", wait=False)
        assert region.instances(cluster)[f"{cluster}-2"]["AvailabilityZone"] != "us-west-2a"
        eventually(lambda: writes(region, address), "the new instance writes")
        assert region.writer(cluster) == f"{cluster}-2"
        assert rows(region, address) == 2
        state = lambda: region.instances(cluster)[f"{cluster}-2"]["DBInstanceStatus"]  # noqa: E731
        eventually(lambda: state() == "available", "it is available")
    region.wait_available(cluster)
    assert region.writer(cluster) == f"{cluster}-2"
    old = region.instances(cluster)[f"{cluster}-1"]["Endpoint"]["Address"]
    eventually(
        lambda: eventually_ask(region, old, "SELECT count(*) FROM kept") == [(2,)], "the old one reads"
    )


def test_the_first_instance_cannot_be_made_in_an_az_that_is_out(embedded_region: LocalRegion) -> None:
    region = embedded_region
    cluster = region.cluster(instances=0)
    with out(region, "a"):
        region.instance(cluster, f"{cluster}-1", wait=False, AvailabilityZone="us-west-2a")
        region.instance(cluster, f"{cluster}-2", wait=False, AvailabilityZone="us-west-2b")
        eventually(lambda: region.writer(cluster) == f"{cluster}-2", "the other one is to write")
        address = region.describe(cluster)["Endpoint"]
        assert eventually_ask(region, address, "SELECT pg_is_in_recovery()") == [(False,)]
        assert region.instances(cluster)[f"{cluster}-1"]["DBInstanceStatus"] == "creating"
    region.wait_available(cluster)
    assert region.writer(cluster) == f"{cluster}-2"


def test_no_instance_goes_to_an_az_that_is_out_unless_it_is_asked_for(embedded_region: LocalRegion) -> None:
    region = embedded_region
    cluster = region.cluster(instances=1)
    with out(region, "b"), out(region, "c"):
        region.instance(cluster, f"{cluster}-2", wait=False)
        assert region.instances(cluster)[f"{cluster}-2"]["AvailabilityZone"] == "us-west-2a"
        with pytest.raises(ClientError, match="Invalid availability zone"):
            region.instance(cluster, f"{cluster}-3", wait=False, AvailabilityZone="us-west-2z")
    region.wait_available(cluster)
