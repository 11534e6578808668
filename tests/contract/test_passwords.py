"""API.md 5: the key for passwords, and passwords that are sent encrypted with it."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from harness import Api
from httpx import Response
from set_calls import HASH, PARAMETERS, SETS, created, faults, order, post, stored

from memstored.domain.model import TenantUser

KEY = "/v1/redis/password-key"
PASSWORD = "correct horse battery stäple"
REFUSED = [("user.password", "password_not_encrypted")]
REDIS_5_0 = {"version": "5.0.6", "parameterGroupId": PARAMETERS["5.0"]}
STANDARD = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


async def public_key(api: Api) -> RSAPublicKey:
    """The key that is in use."""
    key = load_pem_public_key((await api.get(KEY)).json()["publicKey"].encode())
    assert isinstance(key, RSAPublicKey)
    return key


def encrypted(
    key: RSAPublicKey, password: str | bytes = PASSWORD, padding: AsymmetricPadding = STANDARD
) -> str:
    """The password as the page says, or with another padding."""
    clear = password.encode() if isinstance(password, str) else password
    return b64encode(key.encrypt(clear, padding)).decode()


async def ordered(api: Api, password: str, **changes: Any) -> Response:  # noqa: ANN401 - see set_calls.order
    """The answer to an order with this password."""
    return await post(api, order(api, user={"name": "default", "password": password}, **changes))


def sha256(password: str) -> str:
    """What Redis keeps of a password."""
    return hashlib.sha256(password.encode()).hexdigest()


def on_disk(folder: Path) -> list[bytes]:
    """The content of every file below the folder."""
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()]


async def test_the_key_is_a_public_rsa_key(api: Api) -> None:
    """Its id, its algorithm and a SubjectPublicKeyInfo of 3072 bits; whoever may read may have it."""
    answer = await api.get(KEY, token=api.tokens["reader"])

    body = answer.json()
    key = await public_key(api)
    assert answer.status_code == 200
    assert list(body) == ["keyId", "algorithm", "publicKey"]
    assert body["algorithm"] == "RSA-OAEP-256"
    assert body["publicKey"].startswith("-----BEGIN PUBLIC KEY-----\n")
    assert (key.key_size, key.public_numbers().e) == (3072, 65537)
    assert (await api.get(KEY)).json() == body


async def test_the_key_is_for_callers_only(api: Api) -> None:
    """Like everything under `/v1`."""
    assert (await api.get(KEY, token="none")).status_code == 401
    assert (await api.get(KEY, params={"x": "1"})).status_code == 400


@pytest.mark.parametrize("password", ["x", PASSWORD, "p" * 128, "가" * 42, " \t\n\0", "a" * 64])
async def test_an_encrypted_password_is_kept_as_its_hash(api: Api, password: str) -> None:
    """1 to 128 bytes of UTF-8; the SHA-256 is what the user gets, the password itself is kept nowhere."""
    sent = encrypted(await public_key(api), password)

    set_id = await created(api, user={"name": "app", "password": sent})

    assert (await stored(api, set_id)).user == TenantUser(name="app", password_hash=sha256(password))
    assert (await api.sets.identities((await stored(api, set_id)).id)).password is None


def flipped(text: str) -> str:
    """The ciphertext with one bit changed."""
    data = bytearray(b64decode(text))
    data[100] ^= 1
    return b64encode(bytes(data)).decode()


WRONG: dict[str, Callable[[RSAPublicKey], str]] = {
    "the password itself": lambda _: PASSWORD,
    "base64 of the password": lambda _: b64encode(PASSWORD.encode()).decode(),
    "empty": lambda key: encrypted(key, ""),
    "129 bytes": lambda key: encrypted(key, "p" * 129),
    "129 bytes of 43 characters": lambda key: encrypted(key, "가" * 43),
    "not UTF-8": lambda key: encrypted(key, b"\xff\xfe"),
    "half a character": lambda key: encrypted(key, "가".encode()[:2]),
    "a lone surrogate": lambda key: encrypted(key, b"\xed\xa0\x80"),
    "another key": lambda _: encrypted(generate_private_key(65537, 3072).public_key()),
    "a shorter key": lambda _: encrypted(generate_private_key(65537, 2048).public_key()),
    "a label": lambda key: encrypted(key, padding=OAEP(MGF1(SHA256()), SHA256(), b"x")),
    "SHA-1": lambda key: encrypted(key, padding=OAEP(MGF1(SHA1()), SHA1(), None)),  # noqa: S303 - to be refused
    "SHA-1 for MGF1": lambda key: encrypted(key, padding=OAEP(MGF1(SHA1()), SHA256(), None)),  # noqa: S303
    "PKCS #1 v1.5": lambda key: encrypted(key, padding=PKCS1v15()),
    "a flipped bit": lambda key: flipped(encrypted(key)),
    "too large a number": lambda _: b64encode(b"\xff" * 384).decode(),
    "zeros": lambda _: b64encode(bytes(384)).decode(),
    "one byte more": lambda key: b64encode(b"\0" + b64decode(encrypted(key))).decode(),
    "one byte less": lambda key: b64encode(b64decode(encrypted(key))[1:]).decode(),
    "twice": lambda key: encrypted(key) * 2,
    "a line break": lambda key: encrypted(key) + "\n",
    "lines of 64": lambda key: "\n".join(encrypted(key)[i : i + 64] for i in range(0, 512, 64)),
    "a blank": lambda key: " " + encrypted(key),
    "URL-safe": lambda _: "-_" * 256,
    "no base64": lambda _: "é" * 512,
    "padding in the middle": lambda key: encrypted(key)[:100] + "=" + encrypted(key)[101:],
    "hex": lambda key: b64decode(encrypted(key)).hex(),
    "a megabyte": lambda _: "A" * 1_000_000,
}


async def test_whatever_can_not_be_opened_is_refused_in_the_same_words(api: Api) -> None:
    """422 with one code and one message that says what to do, which tells nothing of what was sent."""
    key = await public_key(api)

    answers = {name: await ordered(api, make(key)) for name, make in WRONG.items()}

    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(WRONG, 422)
    assert [faults(a) for a in answers.values()] == [set(REFUSED)] * len(WRONG)
    assert len({a.content for a in answers.values()}) == 1
    assert "GET /v1/redis/password-key" in answers["empty"].json()["error"]["message"]


async def test_on_a_restore_it_is_400(api: Api) -> None:
    """Like everything that plain create answers with 422."""
    answer = await ordered(api, "hunter2", restoreSource={"backupName": "none"})

    assert answer.status_code == 400
    assert ("user.password", "password_not_encrypted") in faults(answer)


async def test_a_password_is_neither_stored_nor_logged(
    api: Api, tmp_path: Path, logs: list[dict[str, Any]]
) -> None:
    """Nor is what was sent: the whole database, the answers and the log are searched for both."""
    sent = encrypted(await public_key(api))

    good = await ordered(api, sent)
    bad = await ordered(api, PASSWORD)
    shown = await api.get(f"{SETS}/{good.json()['objectId']}")

    files = on_disk(tmp_path)
    said = f"{logs} {good.text} {bad.text} {shown.text}".encode()
    assert sha256(PASSWORD).encode() in b"".join(files)
    for secret in (PASSWORD.encode(), sent.encode()):
        assert not any(secret in text for text in (*files, said))


async def test_without_users_the_password_is_kept_sealed(api: Api, tmp_path: Path) -> None:
    """Redis 5.0 takes no hash: the control loop can have it, and nobody who reads the disk."""
    answer = await ordered(api, encrypted(await public_key(api)), **REDIS_5_0)

    assert answer.status_code == 201, answer.text
    it = await stored(api, answer.json()["objectId"])
    assert it.user == TenantUser(name="default", password_hash=sha256(PASSWORD))
    assert (await api.sets.identities(it.id)).password == PASSWORD
    assert PASSWORD not in repr(await api.sets.identities(it.id))
    assert not any(PASSWORD.encode() in content for content in on_disk(tmp_path))


async def test_without_users_only_one_order_goes(api: Api) -> None:
    """A user is required, of the name `default`, with a password that was sent encrypted."""
    sent = encrypted(await public_key(api))
    wrong = [
        (None, ("user", "user_required")),
        ({"name": "app", "password": sent}, ("user.name", "named_user_unavailable")),
        ({"name": "default", "password": HASH}, ("user.password", "password_hash_unavailable")),
        ({"name": "default", "password": "hunter2"}, ("user.password", "password_not_encrypted")),
    ]

    answers = [await post(api, order(api, user=user, **REDIS_5_0)) for user, _ in wrong]

    assert [a.status_code for a in answers] == [422] * len(wrong)
    assert [faults(a) for a in answers] == [{fault} for _, fault in wrong]
    assert all("ncrypt" in a.text or "default" in a.text for a in answers)
