"""The records of the catalogue and the ids of fixed things.

Ids are those that MemStore documents, else `uuid5(NAMESPACE_URL, "memstored:<kind>:<name>")`, so that
they are the same on every installation (API.md 1 and 3).
"""

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

__all__ = [
    "FAMILIES",
    "Bucket",
    "Catalogue",
    "DefaultGroup",
    "Flavor",
    "SecurityGroup",
    "SecurityRule",
    "Subnet",
    "fixed_id",
]

FAMILIES = ("7.2", "7.0", "6.2", "5.0")
"""The engine families that have a default parameter group, newest first (API.md 7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    """A size of node: `memory` is in GiB."""

    id: str
    name: str
    vcpus: int
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A range of addresses (IPv4, CIDR) in a zone, out of which nodes and endpoints get theirs."""

    id: str
    name: str
    cidr: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRule:
    """TCP connections that are let in: from `cidr`, to ports `from_port` to `to_port`, both included."""

    cidr: str
    from_port: int
    to_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    """A named list of what is let in."""

    id: str
    name: str
    rules: tuple[SecurityRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultGroup:
    """The parameter group of an engine family that nobody edits; `further_ids` are its other ids."""

    id: str
    name: str
    family: str
    further_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A folder of object storage that a project may use by `name`; `path` is the key of that folder.

    Files are put into it, and sets are restored from it, only where it is `editable` (API.md 2.1).
    """

    name: str
    project_id: str
    path: str
    editable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All that can be ordered, and the buckets that are declared.

    Lookups compare ids exactly: to us they are opaque (API.md 1).
    """

    flavors: tuple[Flavor, ...]
    subnets: tuple[Subnet, ...]
    security_groups: tuple[SecurityGroup, ...]
    parameter_groups: tuple[DefaultGroup, ...]
    buckets: tuple[Bucket, ...] = ()

    def flavor(self, flavor_id: str) -> Flavor | None:
        """The flavor of that id, or None."""
        return next((f for f in self.flavors if f.id == flavor_id), None)

    def subnet(self, subnet_id: str) -> Subnet | None:
        """The subnet of that id, or None."""
        return next((s for s in self.subnets if s.id == subnet_id), None)

    def security_group(self, group_id: str) -> SecurityGroup | None:
        """The security group of that id, or None."""
        return next((g for g in self.security_groups if g.id == group_id), None)

    def parameter_group(self, group_id: str) -> DefaultGroup | None:
        """The default parameter group that has this as one of its ids, or None."""
        return next((g for g in self.parameter_groups if group_id in (g.id, *g.further_ids)), None)


def fixed_id(kind: str, name: str) -> str:
    """The id of a fixed thing that nobody named one for (API.md 1)."""
    return str(uuid5(NAMESPACE_URL, f"memstored:{kind}:{name}"))
