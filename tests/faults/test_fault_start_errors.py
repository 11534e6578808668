"""A service that can not start says why in one line, damages nothing, and exits with a code."""

import json
import re
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live_set import LiveSet
from service_process import NEWEST, START_DEADLINE, ServiceProcess, kill, living

from memstored.client import ApiFault, Client

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+Z \[info ")
"""What the service logs goes to the same stream."""


@pytest.fixture
def unstarted(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service that was never started."""
    service = ServiceProcess(tmp_path / "unstarted")
    yield service
    service.purge()


def refused(service: ServiceProcess, **options: str | int | Path) -> tuple[int, str]:
    """Exit code and the one line that an attempt to start the service ends with."""
    words = service.serve_command(**options)
    ended = subprocess.run(
        words, capture_output=True, text=True, timeout=START_DEADLINE, check=False, cwd=service.place
    )
    lines = [line for line in ended.stderr.splitlines() if not LOG_LINE.match(line)]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("memstored: ")
    return ended.returncode, lines[0]


def test_h14_s07_a_data_folder_in_use_is_left_to_who_has_it(service: ServiceProcess) -> None:
    """A second service on a folder is refused and told whose it is; the first goes on, its set too."""
    made = LiveSet.running(service, NEWEST, 2)
    servers = made.servers()
    assert service.process is not None

    code, line = refused(service)

    assert code == 1
    assert str(service.data_dir) in line
    assert f"pid {service.process.pid}" in line
    assert (made.status, made.servers()) == ("Running", servers)


def test_a_folder_in_use_can_not_be_purged(service: ServiceProcess) -> None:
    """`purge` ends no node under a service that lives."""
    made = LiveSet.running(service, NEWEST, 1)

    ended = service.run("purge", "--yes", f"--data-dir={service.data_dir}")

    assert ended.returncode == 1
    assert "in use" in ended.stderr
    assert (made.status, made.addresses_lead_home()) == ("Running", True)


def test_a_port_in_use_is_named(service: ServiceProcess, unstarted: ServiceProcess) -> None:
    """Another's port is refused before anything of the folder is made."""
    port = httpx.URL(service.url).port
    assert port is not None

    code, line = refused(unstarted, port=port)

    assert code == 1
    assert f"port {port}" in line
    assert not unstarted.data_dir.exists()


@pytest.mark.parametrize("folder", ["/proc/memstored-data", "catalogue.toml", "catalogue.toml/data"])
def test_a_folder_that_can_not_be_made_is_named(unstarted: ServiceProcess, folder: str) -> None:
    """Where no folder can be (a kernel's, a file's place, below a file), the service says so."""
    place = unstarted.place / folder
    before = unstarted.catalogue.read_text()

    code, line = refused(unstarted, data_dir=place)

    assert code == 1
    assert str(place) in line
    assert unstarted.catalogue.read_text() == before


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('[[subnets]]\nname = "a"\ncidr = "10.0.0.0/8"\nzone = "a"\n', 3, "must lie within"),
        ('\n[[flavors]]\nname = "big"\nvcpus = 2\n', 2, "needs memory"),
        ('[[flavors]]\nname = "big\n', 2, "Illegal character"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_file_line_and_reason(
    unstarted: ServiceProcess, text: str, line: int, reason: str
) -> None:
    """An operator is told where to look; the folder is not made."""
    wrong = unstarted.place / "wrong.toml"
    wrong.write_text(text)

    code, said = refused(unstarted, catalogue=wrong)

    assert code == 2
    assert f"{wrong}:{line}: " in said
    assert reason in said
    assert not unstarted.data_dir.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[failover]\nfailure_detection = 0.5\n", "failover.failure_detection must be at least 1.0 s"),
        ("[failover]\nfailure_detektion = 5\n", "failover.failure_detektion is not a setting"),
    ],
)
def test_wrong_settings_are_refused_with_file_and_reason(
    unstarted: ServiceProcess, text: str, reason: str
) -> None:
    """A typo or a value out of range never becomes a default in silence."""
    unstarted.settings.write_text(text)

    code, said = refused(unstarted)

    assert code == 2
    assert str(unstarted.settings) in said
    assert reason in said
    assert not unstarted.data_dir.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[objects]\nurl = "ftp://somewhere"\n', "objects.url must be file:///folder"),
        ('[objects]\nregion = "kr-central-2"\n', "objects.region belongs to an objects.url"),
    ],
)
def test_object_storage_that_can_not_be_right_is_named(
    unstarted: ServiceProcess, text: str, reason: str
) -> None:
    """Better no start than one whose backups go nowhere."""
    unstarted.settings.write_text(text)

    code, said = refused(unstarted)

    assert code == 2
    assert reason in said


def test_a_newer_database_is_left_as_it_is(service: ServiceProcess) -> None:
    """A folder that a newer memstored wrote is refused unchanged; its nodes serve on, its own version too."""
    made = LiveSet.running(service, NEWEST, 2)
    servers, address = made.servers(), made.address()
    service.stop()
    was = _written_version(service, "9999")

    try:
        code, line = refused(service)
    finally:
        kept = _written_version(service, was)
    service.start()
    made.await_whole(2)

    assert code == 1
    assert "newer" in line
    assert kept == "9999"
    assert (made.servers(), made.address()) == (servers, address)


def _written_version(service: ServiceProcess, version: str) -> str:
    """Write the version of the store's schema; returns the one before."""
    store = sqlite3.connect(service.data_dir / "memstored.db")
    with store:
        (before,) = store.execute("SELECT version_num FROM alembic_version").fetchone()
        store.execute("UPDATE alembic_version SET version_num = ?", (version,))
    store.close()
    return str(before)


def test_purge_leaves_nothing(unstarted: ServiceProcess) -> None:
    """After a killed service `purge` ends every node and removes the folder, and says how many there were."""
    unstarted.start()
    LiveSet.running(unstarted, NEWEST, 3)
    unstarted.kill()
    servers = unstarted.servers()

    ended = unstarted.run("purge", "--yes", f"--data-dir={unstarted.data_dir}")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "3 nodes" in ended.stdout
    assert len(servers) == 3
    assert unstarted.servers() == {}
    assert not unstarted.data_dir.exists()


def test_purge_leaves_others_files(unstarted: ServiceProcess) -> None:
    """What somebody put into the data folder stays, and is named."""
    unstarted.start()
    unstarted.kill()
    notes = unstarted.data_dir / "notes.txt"
    notes.write_text("mine")

    ended = unstarted.run("purge", "--yes", f"--data-dir={unstarted.data_dir}")
    left = [path.name for path in unstarted.data_dir.iterdir()]
    shutil.rmtree(unstarted.data_dir)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "notes.txt" in ended.stdout
    assert left == ["notes.txt"]


def test_purging_a_copy_ends_nobody(unstarted: ServiceProcess) -> None:
    """The nodes belong to the original: the command fails, names why, and keeps the copy."""
    unstarted.start()
    LiveSet.running(unstarted, NEWEST, 2)
    unstarted.kill()
    servers = unstarted.servers()
    copy = unstarted.place / "copy"
    shutil.copytree(unstarted.data_dir, copy)

    ended = unstarted.run("purge", "--yes", f"--data-dir={copy}")

    assert ended.returncode == 1
    assert "2 of 2 nodes could not be ended" in ended.stderr
    assert str(unstarted.data_dir) in ended.stderr
    assert (copy / "memstored.db").exists()
    assert unstarted.servers() == servers


def test_a_damaged_list_of_addresses_is_named(unstarted: ServiceProcess) -> None:
    """Nothing is begun with half a memory of who holds what (H22); put back, the service starts again."""
    unstarted.start()
    unstarted.kill()
    ledger = unstarted.data_dir / "runtime" / "addresses.json"
    whole = ledger.read_text()
    ledger.write_text("{")

    code, line = refused(unstarted)
    ledger.write_text(whole)
    unstarted.start()

    assert code == 1
    assert f"{ledger} is not JSON" in line
    assert "put back a copy" in line


def test_a_damaged_node_does_not_keep_the_service_from_starting(unstarted: ServiceProcess) -> None:
    """The set with the node serves on, fails over when its primary dies, and the log says what is wrong."""
    unstarted.start()
    made = LiveSet.running(unstarted, NEWEST, 2)
    primary = made.primary()["objectId"]
    unstarted.kill()
    record = unstarted.data_dir / "runtime" / "nodes" / primary / "node.json"
    record.write_text("{")

    unstarted.start()
    made.await_whole(2)
    before = made.primary()
    kill(unstarted.server_of(primary))
    made.await_replaced(before)

    assert before["objectId"] == primary
    assert f"{record} is not JSON" in unstarted.log.read_text()


def test_a_primary_without_its_folder_is_not_gone(unstarted: ServiceProcess) -> None:
    """Nobody is promoted over a living primary whose folder was removed; its death is seen as ever (S3)."""
    unstarted.start()
    made = LiveSet.running(unstarted, NEWEST, 2)
    primary = made.primary()["objectId"]
    number = unstarted.server_of(primary)
    unstarted.kill()
    shutil.rmtree(unstarted.data_dir / "runtime" / "nodes" / primary)

    unstarted.start()
    made.await_whole(2)
    before, lived = made.primary(), living(number)
    kill(number)
    made.await_replaced(before)

    assert (before["objectId"], lived) == (primary, True)


def test_a_folder_made_beforehand_is_closed_to_others(unstarted: ServiceProcess) -> None:
    """A data folder that was open to all is the owner's alone once a service uses it."""
    unstarted.data_dir.mkdir(mode=0o755)

    unstarted.start()

    assert stat.S_IMODE(unstarted.data_dir.stat().st_mode) == 0o700


def test_a_strangers_folder_is_not_purged(unstarted: ServiceProcess) -> None:
    """A folder that is not a service's keeps everything."""
    ended = unstarted.run("purge", "--yes", f"--data-dir={unstarted.place}")

    assert ended.returncode == 1
    assert "nothing was removed" in ended.stderr
    assert unstarted.catalogue.exists()


def test_secrets_on_the_disk_are_the_owners_alone(service: ServiceProcess) -> None:
    """Credential, key and every node's configuration can be read by nobody else."""
    LiveSet.running(service, NEWEST, 2)
    secret = [service.data_dir / name for name in ("credentials.json", "secret.key", "memstored.db")]
    secret += (service.data_dir / "runtime" / "nodes").glob("*/redis.conf")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in secret}

    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(service.data_dir.stat().st_mode) == 0o700
    assert len(secret) == 5


def test_a_deleted_credential_ends_its_tokens(service: ServiceProcess) -> None:
    """`memstored credential` makes, lists and deletes callers; after that nothing they have works."""
    folder = f"--data-dir={service.data_dir}"
    before = {row["id"] for row in service.client.get("/v1/credentials")["credentials"]}

    made = service.run("credential", "create", "ci", "--role=reader", folder)
    listed = service.run("credential", "list", folder)
    (row,) = [r for r in service.client.get("/v1/credentials")["credentials"] if r["id"] not in before]
    with _client_of(service, made.stdout) as reader:
        allowed = reader.get("/v1/instance-sets")
        deleted = service.run("credential", "delete", row["id"], folder)
        with pytest.raises(ApiFault) as refusal:
            reader.get("/v1/instance-sets")

    assert (made.returncode, listed.returncode, deleted.returncode) == (0, 0, 0)
    assert row["id"][:8] in listed.stdout
    assert (row["name"], row["roles"]) == ("ci", ["reader"])
    assert allowed["data"] == []
    assert refusal.value.status == 401


def _client_of(service: ServiceProcess, printed: str) -> Client:
    """A client with the credential whose JSON was printed."""
    made = json.loads(printed)
    return Client(
        url=service.url,
        auth_url=f"{service.url}/identity/v3",
        credential_id=made["objectId"],
        secret=made["secret"],
    )
