"""Where the secrets of a running service are: sealed in its store, and nowhere else (S1, API.md 5)."""

import hashlib
import json
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from live_set import LiveSet
from service_process import ServiceProcess

from memstored.client.passwords import encrypt
from memstored.domain.engine import capabilities_of
from memstored.store.cipher import Cipher

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of a service, by what they are for."""

    control: list[str]
    replication: list[str]
    private_key: str

    def in_clear(self) -> list[bytes]:
        """What may be read nowhere."""
        lines = self.private_key.splitlines()[1:-1]
        return [word.encode() for word in (*self.control, *self.replication, *lines, PASSWORD)]


def sealed(service: ServiceProcess, query: str) -> list[str]:
    """What the store has sealed, opened with the key that lies beside it."""
    cipher = Cipher.from_file(service.data_dir / "secret.key")
    with closing(sqlite3.connect(service.data_dir / "memstored.db")) as store:
        return [cipher.open(text) for (text,) in store.execute(query)]


def secrets_of(service: ServiceProcess) -> Secrets:
    """All that the service keeps of the sort."""
    identities = [json.loads(text) for text in sealed(service, "select sealed from set_secrets")]
    [key] = sealed(service, "select sealed_key from password_keys where retired_at is null")
    return Secrets(
        control=[one["control"]["secret"] for one in identities],
        replication=[one["replication"]["secret"] for one in identities],
        private_key=key,
    )


def sha256(secret: str) -> bytes:
    """A secret as Redis takes it."""
    return hashlib.sha256(secret.encode()).hexdigest().encode()


def on_disk(service: ServiceProcess) -> dict[Path, bytes]:
    """Every file that the service and its nodes have written."""
    return {file: file.read_bytes() for file in service.place.rglob("*") if file.is_file()}


def in_processes(service: ServiceProcess) -> Iterator[bytes]:
    """What every user of the machine, or its administrator, reads of the processes."""
    assert service.process is not None
    for number in (service.process.pid, *service.servers()):
        for name in ("cmdline", "environ", "status"):
            yield Path(f"/proc/{number}/{name}").read_bytes()


@pytest.fixture
def lived(service: ServiceProcess, version: str) -> list[LiveSet]:
    """Two sets that have been through a failover; one has a user whose password was sent encrypted.

    Both have, where the engine has no users: there it is kept, and is the service's as well (H19).
    """
    acl = capabilities_of(version).acl
    key = service.client.get("/v1/redis/password-key")["publicKey"]
    user = {"name": "app" if acl else "default", "password": encrypt(key, PASSWORD)}
    others: dict[str, Any] = {} if acl else {"user": user}
    made = [LiveSet.running(service, version, 2, user=user), LiveSet.running(service, version, 2, **others)]
    for it in made:
        it.await_replaced(it.kill_primary())
    return made


def test_no_secret_is_in_clear_on_the_disk(
    service: ServiceProcess, version: str, lived: list[LiveSet]
) -> None:
    """Not in store, folders or logs; the control user's hash is where a node is born with it (S1)."""
    secrets = secrets_of(service)
    files = on_disk(service)

    assert len(secrets.control) == len(lived)
    assert not {file for file, content in files.items() for word in secrets.in_clear() if word in content}
    born_with = {".conf"} if capabilities_of(version).acl else set()
    for hashes, places in ((secrets.control, born_with), (secrets.replication, set())):
        found = {file.suffix for file, content in files.items() if any(sha256(s) in content for s in hashes)}
        assert found == places


def test_no_secret_is_to_be_read_of_a_process(service: ServiceProcess, lived: list[LiveSet]) -> None:
    """Neither arguments nor environment hold one, nor the hash of one."""
    secrets = secrets_of(service)
    hashes = [sha256(secret) for secret in (*secrets.control, *secrets.replication, PASSWORD)]

    seen = b"".join(in_processes(service))

    assert len(service.servers()) == 2 * len(lived)
    assert not [word for word in (*secrets.in_clear(), *hashes) if word in seen]


def test_each_set_has_identities_of_its_own(service: ServiceProcess, lived: list[LiveSet]) -> None:
    """Of 256 random bits, no two alike: what is known of one set is worth nothing at another."""
    secrets = secrets_of(service)

    every = secrets.control + secrets.replication
    assert len(set(every)) == 2 * len(lived)
    assert {len(bytes.fromhex(secret)) for secret in every} == {32}


def test_what_holds_secrets_is_for_one_user_alone(service: ServiceProcess, lived: list[LiveSet]) -> None:
    """Nobody else may read the key, the store, or what a node is born with."""
    assert lived
    private = [file for file in on_disk(service) if file.suffix in {".db", ".db-wal", ".key", ".conf"}]

    assert {file.suffix for file in private} >= {".db", ".key"}
    assert {file for file in private if stat.S_IMODE(file.stat().st_mode) & 0o077} == set()


def test_without_its_key_the_store_gives_no_secret_away(
    service: ServiceProcess, lived: list[LiveSet], tmp_path: Path
) -> None:
    """A copy of the store alone, as in a backup of the disk, opens nothing."""
    assert lived
    for file in service.data_dir.glob("memstored.db*"):
        shutil.copy(file, tmp_path)
    with closing(sqlite3.connect(tmp_path / "memstored.db")) as store:
        text = "\n".join(store.iterdump())

    assert not [word for word in secrets_of(service).in_clear() if word.decode() in text]
