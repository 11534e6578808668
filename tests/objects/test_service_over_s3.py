"""The whole service with its objects in a real S3 server."""

import hashlib
from collections.abc import Iterator

import pytest
from gateway import BUCKET, KEYS, PREFIX, REGION, Gateway
from live_backup import LiveBackup, delete_all, fill
from live_set import LiveSet
from service_process import NEWEST, ServiceProcess, wait_for

MEGABYTES = 30
TIMEOUT = 3
"""Seconds after which a storage that stands still is given up."""


@pytest.fixture
def service(
    gateway: Gateway, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ServiceProcess]:
    """A running service that keeps its objects there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret)
    settings = (
        f'[objects]\nurl = "s3://{BUCKET}/{PREFIX}"\nendpoint = "{gateway.endpoint}"\n'
        f'region = "{REGION}"\ntimeout = {TIMEOUT}\n'
    )
    started = ServiceProcess(tmp_path_factory.mktemp("over-s3"), settings)
    started.start()
    try:
        yield started
    finally:
        started.purge()


def test_a_backup_goes_there_and_comes_back(service: ServiceProcess, gateway: Gateway) -> None:
    """Made, copied, exported, restored by name and by file, verified; deleted it is gone there."""
    made = LiveSet.running(service, NEWEST, 2)
    keys = fill(made, MEGABYTES)
    backup = LiveBackup.asked(made)
    row = backup.await_status("Available", "Error")
    bucket = gateway.file(f"buckets/{row['projectId']}/exports")
    bucket.mkdir(parents=True)
    (bucket / "contents.txt").write_text("what is exported")
    service.client.post(f"{backup.path}/copy", {"name": "twin"})
    service.client.post(f"{backup.path}/export", {"path": "exports/day.rdb"})
    service.client.post(f"{backup.path}/verify", {})
    listed = wait_for(lambda: _all_available(service), what="the copy", instead=backup.show)
    stored = gateway.file(f"backups/{row['projectId']}/{backup.id}.rdb").read_bytes()
    exported = wait_for(lambda: list(gateway.folder.rglob("day.rdb")), what="the exported file")[
        0
    ].read_bytes()
    sources = [{"backupName": "twin"}, {"files": ["exports/day.rdb"]}]
    restored = [
        LiveSet.ordered(service, NEWEST, 1, restoreSource=source, recoveryEnabled=False) for source in sources
    ]
    for one in restored:
        one.await_whole(1, deadline=60)
        with one.at(one.address()) as client:
            assert client.dbsize() == keys
    wait_for(lambda: backup.show()["verifiedAt"], what="a verdict", instead=backup.show)
    wait_for(lambda: _all_available(service), what="backups that nobody uses", instead=backup.show)
    delete_all(service)

    assert row["reason"] is None
    assert len(listed) == 2
    assert hashlib.sha256(stored).hexdigest() == row["checksum"]
    assert exported == stored
    assert list((gateway.folder / BUCKET / PREFIX / "backups").rglob("*.rdb")) == []


def _all_available(service: ServiceProcess) -> list[object]:
    rows = service.client.get("/v1/backups")["backups"]
    return rows if all(row["status"] == "Available" for row in rows) and len(rows) > 1 else []


def test_a_store_that_stands_still_ends_a_backup_and_no_set(
    service: ServiceProcess, gateway: Gateway
) -> None:
    """With a reason that names it; the next one is whole."""
    made = LiveSet.running(service, NEWEST, 2)
    fill(made, MEGABYTES)
    gateway.pause()
    reason = LiveBackup.asked(made).await_status("Error")["reason"]
    gateway.resume()
    again = LiveBackup.asked(made).await_status("Available", "Error")

    assert "stored" in str(reason)
    assert again["reason"] is None
    made.await_whole(2)
