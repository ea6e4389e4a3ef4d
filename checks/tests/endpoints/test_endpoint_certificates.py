"""The region's certificate authority."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from aurora_lab.endpoints.certificates import RENEW_BEFORE, SERVER_LIFE, Authority

DNS_ID, REGION = "c7tj4example", "us-west-2"
END = f"{DNS_ID}.{REGION}.rds.amazonaws.com"


def make(folder: Path, later: datetime.timedelta = datetime.timedelta(), dns_id: str = DNS_ID) -> Authority:
    return Authority(folder, dns_id, REGION, lambda: datetime.datetime.now(datetime.UTC) + later)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def shake_hands(authority: Authority, context: ssl.SSLContext, host: str) -> None:
    """A TLS handshake in memory, the client verifying fully. Raises ssl.SSLError."""
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(client_out, client_in, server_side=True)
    verify = ssl.create_default_context(cafile=str(authority.ca_file))
    client = verify.wrap_bio(client_in, client_out, server_hostname=host)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = make(tmp_path_factory.mktemp("authority") / "certificates")
    assert made.ensure()
    return made


@pytest.mark.parametrize("label", ["", "cluster-", "cluster-ro-", "cluster-custom-", "proxy-"])
def test_the_server_certificate_covers_every_endpoint(authority: Authority, label: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    shake_hands(authority, context, f"shop-1.{label}{END}")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority, context, f"a.shop-1.{label}{END}")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority, context, f"shop-1.{label}other.{REGION}.rds.amazonaws.com")


@pytest.mark.parametrize(
    ("asked", "host"),
    [
        (f"shop.cluster-{END}", f"shop.cluster-{END}"),
        ("shop.cluster-other.eu-west-1.rds.amazonaws.com", "shop.cluster-other.eu-west-1.rds.amazonaws.com"),
        (f"a.b.{END}", f"a.b.{END}"),
        (None, "127.0.0.1"),
        (None, "127.0.0.32"),
        ("localhost", "localhost"),
    ],
)
def test_a_refused_client_trusts_the_refusal(authority: Authority, asked: str | None, host: str) -> None:
    shake_hands(authority, authority.context_for(asked), host)


@pytest.mark.parametrize("name", ["db.example.com", "a" * 80 + ".rds.amazonaws.com", "!.rds.amazonaws.com"])
def test_any_other_name_gets_a_certificate_that_does_not_fit(authority: Authority, name: str) -> None:
    with pytest.raises(ssl.SSLError):
        shake_hands(authority, authority.context_for(name), "db.example.com")


def test_contexts_do_not_pile_up(authority: Authority) -> None:
    first = authority.context_for("x0.rds.amazonaws.com")
    assert authority.context_for("X0.rds.amazonaws.com") is first
    for number in range(40):
        authority.context_for(f"x{number}.rds.amazonaws.com")
    assert len(authority._contexts) <= 32


def test_the_ca_can_sign_for_aws_and_this_machine_only(authority: Authority) -> None:
    ca = x509.load_pem_x509_certificate(authority.ca_file.read_bytes())
    limits = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert {str(name.value) for name in limits.value.permitted_subtrees or ()} == {
        "rds.amazonaws.com",
        "localhost",
        "127.0.0.0/8",
    }


def test_keys_are_private_and_certificates_are_not(authority: Authority) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in authority.folder.iterdir()}
    private, public = 0o600, 0o644
    assert modes == {
        "ca.key": private,
        "server.key": private,
        "checked.json": private,
        "server.crt": public,
        "global-bundle.pem": public,
    }


def test_what_is_there_stays(tmp_path: Path) -> None:
    made = make(tmp_path)
    made.ensure()
    before = files(tmp_path)
    assert not made.ensure()
    assert not make(tmp_path).ensure()
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "server.crt").unlink(),
        lambda folder: (folder / "server.key").unlink(),
        lambda folder: (folder / "server.key").write_text("half a ke"),
        lambda folder: (folder / "server.crt").write_bytes(b""),
        lambda folder: (folder / "ca.key").unlink(),
        lambda folder: (folder / "global-bundle.pem").write_text("-----BEGIN CERTIFICATE-----\nx"),
        lambda folder: (folder / "server.key").write_bytes((folder / "ca.key").read_bytes()),
    ],
    ids=["no certificate", "no key", "half a key", "empty", "no CA key", "half a CA", "wrong key"],
)
def test_what_is_missing_or_damaged_is_made_again(tmp_path: Path, damage: object) -> None:
    made = make(tmp_path)
    made.ensure()
    ca = made.ca_file.read_bytes()
    assert callable(damage)
    damage(tmp_path)
    ca_lost = made.ca_file.read_bytes() != ca or not made.ca_key.exists()
    assert made.ensure()
    shake_hands(made, made.context_for(f"shop.{END}"), f"shop.{END}")
    assert ca_lost or made.ca_file.read_bytes() == ca, "clients that have the CA's file go on working"
    assert len(files(tmp_path)) == 5, "no temporary file is left"


def test_a_damaged_note_of_what_was_checked_has_it_checked_again(tmp_path: Path) -> None:
    made = make(tmp_path)
    made.ensure()
    before = files(tmp_path)
    for text in ("", "[]", '{"digest": 5}'):
        (tmp_path / "checked.json").write_text(text)
        assert not made.ensure()
        assert files(tmp_path) == before


def test_a_certificate_is_renewed_in_time(tmp_path: Path) -> None:
    made = make(tmp_path)
    made.ensure()
    ca = made.ca_file.read_bytes()
    assert not make(tmp_path, SERVER_LIFE - RENEW_BEFORE - datetime.timedelta(days=3)).ensure()
    assert make(tmp_path, SERVER_LIFE - RENEW_BEFORE + datetime.timedelta(days=1)).ensure()
    assert made.ca_file.read_bytes() == ca


def test_another_dns_id_needs_another_certificate(tmp_path: Path) -> None:
    make(tmp_path).ensure()
    other = make(tmp_path, dns_id="other")
    assert other.ensure()
    shake_hands(other, other.context_for(None), "localhost")


def test_what_the_api_says(authority: Authority) -> None:
    shown = authority.describe()
    assert shown.identifier == "rds-ca-rsa2048-g1"
    assert len(bytes.fromhex(shown.thumbprint)) == 20
    assert shown.valid_from < datetime.datetime.now(datetime.UTC) < shown.valid_till
    assert shown.valid_till.year - shown.valid_from.year in (39, 40)
