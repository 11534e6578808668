"""Secrets at rest."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from memstored.store.cipher import Cipher
from memstored.store.errors import StoreTrouble, WrongKey


def _key() -> str:
    return Fernet.generate_key().decode()


def test_what_is_sealed_can_be_opened() -> None:
    """A secret comes back as it was, whatever letters it has."""
    cipher = Cipher(_key())

    assert cipher.open(cipher.seal("gehe1m ü")) == "gehe1m ü"


def test_what_is_sealed_does_not_show() -> None:
    """The sealed form tells nothing of the secret, and the same secret never looks the same."""
    cipher = Cipher(_key())

    sealed = {cipher.seal("secret"), cipher.seal("secret")}

    assert len(sealed) == 2
    assert not any("secret" in text for text in sealed)


def test_another_key_opens_nothing() -> None:
    """A wrong key is named as such, with what to do."""
    sealed = Cipher(_key()).seal("secret")

    with pytest.raises(WrongKey, match="restore the key file"):
        Cipher(_key()).open(sealed)


def test_a_changed_key_still_opens_what_the_former_sealed() -> None:
    """Of several keys the first seals and all open."""
    old, new = _key(), _key()
    sealed = Cipher(old).seal("secret")

    assert Cipher(f"{new}\n{old}\n").open(sealed) == "secret"


@pytest.mark.parametrize("keys", ["", "\n", "too short", "\N{SNOWMAN}" * 44])
def test_a_malformed_key_is_refused(keys: str) -> None:
    """A key that is none is refused when it is read, not when it is needed."""
    with pytest.raises(StoreTrouble, match="malformed"):
        Cipher(keys)


def test_a_missing_key_file_is_created(tmp_path: Path) -> None:
    """The first start makes a key, for this user alone, and leaves no draft of it behind."""
    file = tmp_path / "key"

    Cipher.from_file(file)

    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_key_file_is_used_again(tmp_path: Path) -> None:
    """The next start opens what this one sealed."""
    sealed = Cipher.from_file(tmp_path / "key").seal("secret")

    assert Cipher.from_file(tmp_path / "key").open(sealed) == "secret"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe"])
def test_a_spoilt_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A spoilt key file is left as it is: a fresh key in its place would lose every secret."""
    file = tmp_path / "key"
    file.write_bytes(content)

    with pytest.raises(StoreTrouble):
        Cipher.from_file(file)

    assert file.read_bytes() == content


def test_a_key_file_that_can_not_be_written(tmp_path: Path) -> None:
    """A missing folder is named, not made."""
    with pytest.raises(StoreTrouble, match="can not be written"):
        Cipher.from_file(tmp_path / "nowhere" / "key")
