from __future__ import annotations

import re

from records_region import (
    Client,
    PlainRegion,
    a_cluster,
    an_instance,
    model_text,
    refused,
)

from aurora_lab.region.rds.account import QUOTAS
from aurora_lab.region.rds.maintenance import ACTIONS, OPT_IN_TYPES


def test_certificate_authorities(call: Client) -> None:
    """FACTS 3.23."""
    found = call("DescribeCertificates")
    names = {item["CertificateIdentifier"] for item in found["Certificates"]}
    assert names == {"rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"}
    assert found["DefaultCertificateForNewLaunches"] == "rds-ca-rsa2048-g1"
    [one] = call("DescribeCertificates", CertificateIdentifier="RDS-CA-ECC384-G1")["Certificates"]
    assert one["CertificateArn"] == "arn:aws:rds:us-west-2::cert:rds-ca-ecc384-g1"
    for operation in ("DescribeCertificates", "ModifyCertificates"):
        asked = {"CertificateIdentifier": "rds-ca-2015"}
        assert refused(call, operation, **asked)[:2] == ("CertificateNotFound", 404)


def test_another_default_authority(call: Client) -> None:
    changed = call("ModifyCertificates", CertificateIdentifier="rds-ca-rsa4096-g1")["Certificate"]
    assert changed["CustomerOverride"]
    assert call("DescribeCertificates")["DefaultCertificateForNewLaunches"] == "rds-ca-rsa4096-g1"
    call("ModifyCertificates", RemoveCustomerOverride=True)
    assert call("DescribeCertificates")["DefaultCertificateForNewLaunches"] == "rds-ca-rsa2048-g1"
    assert refused(call, "ModifyCertificates")[0] == "InvalidParameterCombination"


def test_quotas_count_what_there_is(
    call: Client, region: PlainRegion, cluster_group: str, instance_group: str
) -> None:
    """FACTS 1.24."""
    a_cluster(region, "c1")
    a_cluster(region, "c2")
    an_instance(region)
    for number, cluster in enumerate(("c1", "c2", "c2")):
        region.store.put("DBClusterEndpoint", f"e{number}", {"DBClusterIdentifier": cluster})
    subnets = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    call(
        "CreateDBSubnetGroup",
        DBSubnetGroupName="mine",
        DBSubnetGroupDescription="of a test",
        SubnetIds=subnets,
    )
    assert (cluster_group, instance_group) == ("mine", "its")
    quotas = call("DescribeAccountAttributes")["AccountQuotas"]
    used = {item["AccountQuotaName"]: (item["Used"], item["Max"]) for item in quotas}
    assert used["DBClusters"] == (2, 40)
    assert used["DBInstances"] == (1, 40)
    assert used["CustomEndpointsPerDBCluster"] == (2, 5)
    assert used["DBParameterGroups"] == used["DBClusterParameterGroups"] == (1, 50)
    assert used["DBSubnetGroups"] == (2, 50)
    assert used["SubnetsPerDBSubnetGroup"] == (3, 20)
    assert used["AllocatedStorage"] == (2, 100_000)
    named = call.model.shape_for("AccountQuota").documentation
    assert set(re.findall(r"<code>(\w+)</code>", named)) == set(QUOTAS)


def test_nothing_is_pending(call: Client, region: PlainRegion) -> None:
    arn = a_cluster(region)["DBClusterArn"]
    assert call("DescribePendingMaintenanceActions")["PendingMaintenanceActions"] == []
    filters = [{"Name": "db-cluster-id", "Values": ["c1"]}]
    asked = {"ResourceIdentifier": arn, "Filters": filters}
    assert call("DescribePendingMaintenanceActions", **asked)["PendingMaintenanceActions"] == []
    gone = region.arn("db", "nobody")
    not_found = ("ResourceNotFoundFault", 404)
    assert refused(call, "DescribePendingMaintenanceActions", ResourceIdentifier=gone)[:2] == not_found
    wanted = {"ResourceIdentifier": arn, "ApplyAction": "system-update", "OptInType": "immediate"}
    assert refused(call, "ApplyPendingMaintenanceAction", **wanted)[:2] == not_found
    for wrong in ({"ApplyAction": "paint"}, {"OptInType": "never"}):
        asked = {**wanted, **wrong}
        assert refused(call, "ApplyPendingMaintenanceAction", **asked)[0] == "InvalidParameterValue"
    for member, known in (("ApplyAction", ACTIONS), ("OptInType", OPT_IN_TYPES)):
        text = model_text(call, "ApplyPendingMaintenanceAction", member)
        assert all(value in text for value in known)


def test_no_other_region_to_copy_from(call: Client) -> None:
    assert call("DescribeSourceRegions")["SourceRegions"] == []
