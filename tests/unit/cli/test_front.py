"""How the API is shown to callers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from memstored.cli.errors import Stop
from memstored.cli.front import Front, read_front


def _pair(folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "api.crt", folder / "api.key"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, secret


def _front(cert: Path | None = None, key: Path | None = None, url: str | None = None, *proxies: str) -> Front:
    return read_front(tls_cert=cert, tls_key=key, public_url=url, proxies=proxies)


def test_without_a_word_it_is_plain_and_trusts_nobody() -> None:
    """As on a machine of one's own."""
    assert _front() == Front(certificate=None, url=None, proxies=())


def test_a_certificate_and_its_key_are_taken(tmp_path: Path) -> None:
    """By their files, which are read again when they are renewed."""
    chain, key = _pair(tmp_path)

    front = _front(chain, key)

    assert front.certificate is not None
    assert (front.certificate.chain, front.certificate.key) == (chain, key)


def test_a_certificate_that_can_not_be_used_is_refused(tmp_path: Path) -> None:
    """Before anything is begun: half of it, files that are not there, a key of something else."""
    chain, key = _pair(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = _pair(tmp_path / "other")

    for pair in ((chain, None), (None, key), (chain, tmp_path / "none"), (chain, other), (key, key)):
        with pytest.raises(Stop) as stopped:
            _front(*pair)
        assert stopped.value.code == 2


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://redis.example", "https://redis.example"),
        ("https://example.org/redis/", "https://example.org/redis"),
        ("http://10.0.0.1:8700", "http://10.0.0.1:8700"),
    ],
)
def test_the_address_for_callers_may_have_a_path(given: str, taken: str) -> None:
    """That of a proxy which takes it away."""
    assert _front(None, None, given).url == taken


@pytest.mark.parametrize(
    "given", ["redis.example", "ftp://redis.example", "https://", "https://a/?b", "https://a/#b"]
)
def test_what_is_no_address_for_callers_is_refused(given: str) -> None:
    """It would stand in answers."""
    with pytest.raises(Stop, match="--public-url must be like"):
        _front(None, None, given)


def test_proxies_are_addresses_and_networks() -> None:
    """Of either kind; names are refused, for who answers to one may change."""
    assert _front(None, None, None, "10.0.0.1", "10.1.0.0/16", "::1").proxies == (
        "10.0.0.1/32",
        "10.1.0.0/16",
        "::1/128",
    )
    with pytest.raises(Stop, match="--trusted-proxy must be an address or a network, not proxy"):
        _front(None, None, None, "proxy")
