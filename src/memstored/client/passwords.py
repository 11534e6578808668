"""Passwords as `user.password` takes them (API.md 5): hashed, or encrypted with the key of the service."""

from base64 import b64encode
from hashlib import sha256

__all__ = ["ALGORITHM", "LONGEST", "encrypt", "hashed"]

ALGORITHM = "RSA-OAEP-256"
"""The one way known here; the service names it with its key."""
LONGEST = 128
"""Bytes of UTF-8 that a password may have."""


def hashed(password: str) -> str:
    """The SHA-256 of the password, for engines with ACL; raises `ValueError` as `encrypt` does."""
    return sha256(_clear(password)).hexdigest()


def encrypt(public_key: str, password: str) -> str:
    """The password under that key (SubjectPublicKeyInfo, PEM), in base64.

    Raises `ValueError` with what is to be done when the password is empty, too long, or no UTF-8.
    """
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP  # noqa: PLC0415 - slow to load
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    clear = _clear(password)
    key = load_pem_public_key(public_key.encode())
    assert isinstance(key, RSAPublicKey), "the service gives out RSA keys only"
    return b64encode(key.encrypt(clear, OAEP(MGF1(SHA256()), SHA256(), label=None))).decode()


def _clear(password: str) -> bytes:
    try:
        clear = password.encode()
    except UnicodeEncodeError:
        raise ValueError("Give the password in UTF-8.") from None
    if not 0 < len(clear) <= LONGEST:
        raise ValueError(f"Give a password of 1 to {LONGEST} bytes; this one has {len(clear)}.")
    return clear
