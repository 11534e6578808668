"""Certificates as nodes and clients of this service know them: an authority, and what it signs.

Pure but for the random numbers: time is given, nothing is kept. Keys are ECDSA on P-256, a fresh one for each
certificate.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from memstored.domain.ports import Papers

__all__ = [
    "SKEW",
    "Leaf",
    "Signer",
    "Trusted",
    "fingerprint_of",
    "new_authority",
    "read_bundle",
    "validity_of",
]

SKEW: Final = 3600.0
"""Seconds before its making from which a certificate holds: clocks differ."""
_NAME_LENGTH: Final = 64
"""Characters that a common name may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What a server shows: its papers, and what is in the certificate.

    `fingerprint` is the SHA-256 of the certificate in DER, in hex; times are seconds since 1970.
    """

    papers: Papers
    fingerprint: str
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """What is in the certificate of an authority; `fingerprint` and times as those of a `Leaf`."""

    name: str
    fingerprint: str
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority that can sign."""

    _certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def from_pem(cls, certificate: str, key: str) -> Self:
        """The authority of that certificate and private key. Raises `ValueError` for anything else."""
        private = load_pem_private_key(key.encode(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("the key of an authority is one on an elliptic curve")  # noqa: TRY004 - what is read is wrong, not the call
        return cls(x509.load_pem_x509_certificate(certificate.encode()), private)

    def leaf(self, name: str, addresses: Sequence[str], *, now: float, days: int) -> Leaf:
        """A certificate with a key of its own for a server of that name at these addresses (IPv4).

        It holds for `days` days from now on, and for a server as for a client: a node is both.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name), *(x509.IPAddress(ip_address(a)) for a in dict.fromkeys(addresses))]
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _begun(name, key, now, days)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(authority, critical=False)
        )
        made = builder.sign(self._key, SHA256())
        not_before, not_after = validity_of(made)
        return Leaf(
            papers=Papers(certificate=made.public_bytes(Encoding.PEM), key=_pem(key)),
            fingerprint=fingerprint_of(made.public_bytes(Encoding.DER)),
            not_before=not_before,
            not_after=not_after,
        )


def new_authority(name: str, *, now: float, days: int) -> tuple[str, str]:
    """A certificate that signs others and is signed by itself, and its private key, both in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _begun(name, key, now, days)
        .issuer_name(_subject(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    made = builder.sign(key, SHA256())
    return made.public_bytes(Encoding.PEM).decode(), _pem(key).decode()


def read_bundle(pem: str) -> list[Trusted]:
    """The authorities whose certificates these are, in their order. Raises `ValueError` for anything else."""
    return [_trusted(it) for it in x509.load_pem_x509_certificates(pem.encode())]


def _trusted(certificate: x509.Certificate) -> Trusted:
    not_before, not_after = validity_of(certificate)
    return Trusted(
        name=certificate.subject.rfc4514_string(),
        fingerprint=fingerprint_of(certificate.public_bytes(Encoding.DER)),
        not_before=not_before,
        not_after=not_after,
    )


def fingerprint_of(der: bytes) -> str:
    """The SHA-256 of a certificate in DER, 64 hex digits."""
    return hashlib.sha256(der).hexdigest()


def validity_of(certificate: x509.Certificate) -> tuple[float, float]:
    """From when to when it holds, in seconds since 1970."""
    return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()


def _begun(name: str, key: ec.EllipticCurvePrivateKey, now: float, days: int) -> x509.CertificateBuilder:
    made_at = datetime.fromtimestamp(int(now), UTC)
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(made_at - timedelta(seconds=SKEW))
        .not_valid_after(made_at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_NAME_LENGTH])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
