"""What an authority signs, as those who connect see it."""

import ssl
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from memstored.redis.certificates import SKEW, Leaf, Signer, fingerprint_of, new_authority, read_bundle

NOW = 1_750_000_000.0
DAY = 86400.0


def authority(name: str = "memstored authority 1") -> tuple[str, Signer]:
    """A fresh authority: its certificate, and what it signs with."""
    certificate, key = new_authority(name, now=NOW, days=3650)
    return certificate, Signer.from_pem(certificate, key)


def leaf_of(signer: Signer, *addresses: str, days: int = 365) -> Leaf:
    """A certificate for a node."""
    return signer.leaf("orders-1", addresses or ("127.20.0.1",), now=NOW, days=days)


def accepted(leaf: Leaf, trusted: str, address: str, at: float) -> bool:
    """Whether a client that trusts these takes the leaf for the server at the address, at that time."""
    store = Store(x509.load_pem_x509_certificates(trusted.encode()))
    moment = datetime.fromtimestamp(at, UTC)
    verifier = (
        PolicyBuilder().store(store).time(moment).build_server_verifier(x509.IPAddress(IPv4Address(address)))
    )
    try:
        verifier.verify(x509.load_pem_x509_certificate(leaf.papers.certificate), [])
    except VerificationError:
        return False
    return True


def test_a_node_is_accepted_at_each_of_its_addresses_and_at_no_other() -> None:
    """Its own address and the set's endpoints are in the certificate."""
    trusted, signer = authority()
    leaf = leaf_of(signer, "127.20.0.1", "127.20.0.200", "127.20.0.201")

    for address in ("127.20.0.1", "127.20.0.200", "127.20.0.201"):
        assert accepted(leaf, trusted, address, NOW)
    assert not accepted(leaf, trusted, "127.20.0.2", NOW)


def test_a_certificate_holds_from_a_little_before_its_making_to_its_end() -> None:
    """Clocks differ, so it holds for an hour before; afterwards nobody accepts it."""
    trusted, signer = authority()
    leaf = leaf_of(signer, days=365)

    assert (leaf.not_before, leaf.not_after) == (NOW - SKEW, NOW + 365 * DAY)
    assert accepted(leaf, trusted, "127.20.0.1", NOW - SKEW + 1)
    assert accepted(leaf, trusted, "127.20.0.1", NOW + 365 * DAY - 1)
    assert not accepted(leaf, trusted, "127.20.0.1", NOW - SKEW - 60)
    assert not accepted(leaf, trusted, "127.20.0.1", NOW + 365 * DAY + 60)


def test_only_the_authority_that_signed_makes_a_certificate_good() -> None:
    """Another one of the same name does not; of several that are trusted one is enough."""
    trusted, signer = authority()
    other, _ = authority()
    leaf = leaf_of(signer)

    assert not accepted(leaf, other, "127.20.0.1", NOW)
    assert accepted(leaf, other + trusted, "127.20.0.1", NOW)


def test_every_certificate_has_a_key_of_its_own() -> None:
    """Nothing is told of one node by what is known of another."""
    _, signer = authority()

    one, other = leaf_of(signer), leaf_of(signer)

    assert one.papers.key != other.papers.key
    assert one.fingerprint != other.fingerprint


def test_the_fingerprint_is_that_of_the_certificate() -> None:
    """SHA-256 over the DER, as every tool shows it."""
    _, signer = authority()
    leaf = leaf_of(signer)

    der = ssl.PEM_cert_to_DER_cert(leaf.papers.certificate.decode())

    assert leaf.fingerprint == fingerprint_of(der)
    assert len(leaf.fingerprint) == 64


def test_a_bundle_tells_its_authorities() -> None:
    """Each as it calls itself, with what one can recognize it by, in their order."""
    old, new = authority("memstored authority 1")[0], authority("memstored authority 2")[0]

    read = read_bundle(new + old)

    assert [it.name for it in read] == ["CN=memstored authority 2", "CN=memstored authority 1"]
    assert read[0].fingerprint == fingerprint_of(ssl.PEM_cert_to_DER_cert(new))
    assert (read[1].not_before, read[1].not_after) == (NOW - SKEW, NOW + 3650 * DAY)


def test_a_node_is_server_and_client_and_signs_nothing() -> None:
    """A replica connects to its primary with the same certificate."""
    _, signer = authority()

    made = x509.load_pem_x509_certificate(leaf_of(signer).papers.certificate)

    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {use.dotted_string for use in uses} == {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert made.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is False


def test_keys_show_in_no_representation() -> None:
    """Neither papers nor signers tell their keys when they are logged."""
    _, signer = authority()
    leaf = leaf_of(signer)

    assert "PRIVATE KEY" not in repr(leaf)
    assert "Key" not in repr(signer).removeprefix("Signer")


def test_a_key_of_another_kind_signs_nothing() -> None:
    """What is no key on an elliptic curve is refused where it is read."""
    certificate, _ = new_authority("memstored", now=NOW, days=1)

    with pytest.raises(ValueError, match="PEM"):
        Signer.from_pem(certificate, "nothing")
