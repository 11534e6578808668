"""A parameter group of a running service, as its owner sees it, and what the servers of its sets have."""

from combination import Combination
from control import controlled
from live_set import LiveSet, Row
from service_process import ServiceProcess, chance, wait_for

GROUPS = "/v1/parameter-groups"
APPLY_DEADLINE = 60.0
"""Seconds until values have come to a set, on a machine that many tests share."""


class LiveGroup:
    """A group by its id."""

    def __init__(self, service: ServiceProcess, group_id: str) -> None:
        self.service = service
        self.id = group_id
        self.path = f"{GROUPS}/{group_id}"

    @classmethod
    def made(cls, service: ServiceProcess, version: str) -> "LiveGroup":
        """A new one, with the defaults of the version's family."""
        family = version.rsplit(".", 1)[0]
        known = service.client.get(GROUPS, parameterGroupType="default")["parameterGroups"]
        base = next(group["id"] for group in known if group["engineFamily"] == family)
        name = f"group-{chance.randrange(10**9)}"
        answer = service.client.post(GROUPS, {"parameterGroupId": base, "name": name, "description": ""})
        return cls(service, answer["objectId"])

    def change(self, **values: str) -> None:
        """Give parameters these values; `_` in a name stands for `-`."""
        chosen = {name.replace("_", "-"): value for name, value in values.items()}
        self.service.client.patch(self.path, {"parameters": chosen})

    def retry(self, made: LiveSet) -> None:
        """Have it tried again with a set."""
        self.service.client.post(f"{self.path}/instance-sets/{made.id}/retry", {})

    def running(self, kind: Combination, nodes: int) -> LiveSet:
        """A set with this group that is `Running`."""
        return kind.running(self.service, nodes, parameterGroupId=self.id)

    def shows(self, made: LiveSet) -> Row:
        """How far it has come with a set."""
        rows: list[Row] = self.service.client.get(f"{self.path}/instance-sets")["instanceSets"]
        return next(row for row in rows if made.id in row.values())

    def await_status(self, made: LiveSet, status: str) -> None:
        """Return when the values have come so far to a set, and nothing is under way there."""
        wait_for(
            lambda: self._is(made, status),
            deadline=APPLY_DEADLINE,
            what=f"{made.id} being {status}",
            instead=lambda: (self.shows(made), made.account()),
        )

    @staticmethod
    def _is(made: LiveSet, status: str) -> bool:
        row = made.show()
        return bool(row["parameterGroup"]["applyStatus"] == status and row["operation"] is None)


def values_of(made: LiveSet, name: str) -> set[str]:
    """What the servers of a set have for a parameter."""
    found = set()
    for row in made.rows():
        with controlled(made, row) as client:
            found.add(str(client.config_get(name)[name]))
    return found
