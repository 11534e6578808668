"""`memstored user password-encrypt`: what is piped in comes out in the form that the service takes."""

import hashlib
from base64 import b64decode
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from memstored.cli import data
from memstored.cli.errors import Stop
from memstored.cli.users import app
from memstored.client import Client


def client_of(key: RSAPrivateKey, algorithm: str) -> Client:
    """A client of a service that gives out this key, and knows nothing else."""
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    answer = {"keyId": "1", "algorithm": algorithm, "publicKey": pem}

    def give(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/redis/password-key"
        return httpx.Response(200, json=answer)

    http = httpx.Client(transport=httpx.MockTransport(give), base_url="http://service")
    return Client(url="http://service", token="t", http=http)


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    """The service's key; small, to be made fast."""
    return generate_private_key(65537, 2048)


def run(
    monkeypatch: pytest.MonkeyPatch, key: RSAPrivateKey, typed: bytes, algorithm: str = "RSA-OAEP-256"
) -> Any:  # noqa: ANN401 - typer's result
    """The outcome of the command with this piped in."""
    monkeypatch.setattr(data, "caller", lambda _folder, _profile: client_of(key, algorithm))
    return CliRunner().invoke(app, ["password-encrypt"], input=typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (b"open sesame\n", b"open sesame"),
        (b"open sesame", b"open sesame"),
        ("가나\n".encode(), "가나".encode()),
        (b"two\nlines\n\n", b"two\nlines\n"),
        (b"p" * 128 + b"\n", b"p" * 128),
    ],
)
def test_it_prints_the_accepted_form_alone(
    monkeypatch: pytest.MonkeyPatch, key: RSAPrivateKey, typed: bytes, meant: bytes
) -> None:
    """One line of base64, which the private key opens to what was meant, less one line break at the end."""
    outcome = run(monkeypatch, key, typed)

    assert (outcome.exit_code, outcome.stderr) == (0, "")
    text = outcome.stdout.removesuffix("\n")
    assert key.decrypt(b64decode(text, validate=True), OAEP(MGF1(SHA256()), SHA256(), None)) == meant
    assert hashlib.sha256(meant).hexdigest() not in outcome.stdout


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (b"", "1 to 128 bytes; this one has 0"),
        (b"\n", "1 to 128 bytes; this one has 0"),
        (b"p" * 129, "1 to 128 bytes; this one has 129"),
        (b"\xff", "in UTF-8"),
    ],
)
def test_what_the_service_would_refuse_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, key: RSAPrivateKey, typed: bytes, reason: str
) -> None:
    """It says what to do, with exit code 2, and does not repeat the password."""
    outcome = run(monkeypatch, key, typed)

    assert isinstance(outcome.exception, Stop)
    assert outcome.exception.code == 2
    assert reason in str(outcome.exception)
    assert outcome.stdout == ""


def test_another_algorithm_is_not_guessed(monkeypatch: pytest.MonkeyPatch, key: RSAPrivateKey) -> None:
    """A service of a later version may want something else."""
    outcome = run(monkeypatch, key, b"x", algorithm="ML-KEM")

    assert isinstance(outcome.exception, Stop)
    assert "ML-KEM" in str(outcome.exception)


def test_without_a_token_it_is_told_where_to_put_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is no argument: everybody on the machine reads those."""
    monkeypatch.delenv("MEMSTORED_TOKEN", raising=False)

    monkeypatch.setenv("MEMSTORED_URL", "http://127.0.0.1:1")

    outcome = CliRunner().invoke(app, ["password-encrypt"], input="x")

    assert isinstance(outcome.exception, Stop)
    assert "MEMSTORED_TOKEN" in str(outcome.exception)
    assert outcome.exception.code == 2
