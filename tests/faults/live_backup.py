"""A backup of a running service, as its owner sees it, and what lies in the folder of objects."""

import os
from pathlib import Path

from live_set import LiveSet, Row
from service_process import ServiceProcess, chance, wait_for

BACKUPS = "/v1/backups"
DEADLINE = 60.0
"""Seconds until a backup has ended, on a machine that many tests share; 2 on an idle one."""
VALUE = 1 << 20


class LiveBackup:
    """A backup by its id."""

    def __init__(self, service: ServiceProcess, backup_id: str) -> None:
        self.service = service
        self.id = backup_id
        self.path = f"{BACKUPS}/{backup_id}"

    @classmethod
    def asked(cls, made_of: LiveSet, name: str | None = None) -> "LiveBackup":
        """A backup that was asked for just now."""
        body = {"clusterId": made_of.id, "name": name or f"backup-{chance.randrange(10**9)}"}
        return cls(made_of.service, made_of.service.client.post(BACKUPS, body)["objectId"])

    def show(self) -> Row:
        """The backup."""
        row: Row = self.service.client.get(self.path)
        return row

    def await_status(self, *states: str, deadline: float = DEADLINE) -> Row:
        """The backup, once it is in one of these states."""

        def look() -> Row | None:
            row = self.show()
            return row if row["status"] in states else None

        return wait_for(look, deadline=deadline, what=f"{' or '.join(states)}", instead=self.show)

    def await_moving(self) -> Row:
        """The backup, once some of its data has moved; fails when it is through before that was seen."""

        def look() -> Row | None:
            row = self.show()
            assert row["status"] in ("Pending", "Creating"), row
            return row if row["progress"] and row["progress"]["bytes"] else None

        return wait_for(look, deadline=DEADLINE, what="data that moves", instead=self.show)

    def object(self) -> Path | None:
        """Its file in the folder of objects; None when there is none."""
        found = list((self.service.data_dir / "objects" / "backups").glob(f"*/{self.id}.rdb"))
        return found[0] if found else None


def delete_all(service: ServiceProcess) -> None:
    """Delete every backup and wait until it is gone."""
    for row in service.client.get(BACKUPS)["backups"]:
        if row["status"] != "Deleting":
            service.client.delete(f"{BACKUPS}/{row['id']}")
    wait_for(lambda: not service.client.get(BACKUPS)["backups"], what="the end of every backup")


def unfinished(service: ServiceProcess) -> list[str]:
    """What is left of uploads that did not end."""
    folder = service.data_dir / "objects" / "unfinished"
    return os.listdir(folder) if folder.exists() else []  # noqa: PTH208 - names, not paths


def fill(made_of: LiveSet, megabytes: int) -> int:
    """Write so much that can not be compressed, until every replica has it; returns the number of keys."""
    with made_of.at(made_of.address()) as client:
        for number in range(megabytes):
            client.set(f"key-{number}", chance.randbytes(VALUE))
        copies = len(made_of.replicas())
        assert client.wait(copies, 30_000) >= copies
        return int(client.dbsize())
