"""Encrypting a password for `POST /v1/instance-sets`, with the key that the service gives out."""

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

__all__ = ["ALGORITHM", "LONGEST", "encrypt"]

ALGORITHM = "RSA-OAEP-256"
"""The one way known here; the service names it with its key."""
LONGEST = 128
"""Bytes of UTF-8 that a password may have."""


def encrypt(public_key: str, password: str) -> str:
    """What `user.password` takes: the password under that key (SubjectPublicKeyInfo, PEM), in base64.

    Raises `ValueError` with what is to be done when the password is empty, too long, or no UTF-8.
    """
    try:
        clear = password.encode()
    except UnicodeEncodeError:
        raise ValueError("Give the password in UTF-8.") from None
    if not 0 < len(clear) <= LONGEST:
        raise ValueError(f"Give a password of 1 to {LONGEST} bytes; this one has {len(clear)}.")
    key = load_pem_public_key(public_key.encode())
    assert isinstance(key, RSAPublicKey), "the service gives out RSA keys only"
    return b64encode(key.encrypt(clear, OAEP(MGF1(SHA256()), SHA256(), label=None))).decode()
