"""An operator's own catalogue, out of a TOML file.

    [[flavors]]          id (else derived from the name), name, vcpus, memory (GiB)
    [[subnets]]          id (else derived), name, cidr, zone
    [[securityGroups]]   id (else derived), name, rules = [{cidr, fromPort, toPort}]
    [[parameterGroups]]  family, id: a further id for the default group of that family
    [[buckets]]          name, projectId, access ("edit" or "read"), path (else where the project's own lies)

A section that is there replaces the default of that section; default parameter groups always exist, with
their fixed ids. Pure: `cli` reads the file. Every fault names file, line and reason: the line of the key that
is wrong, or of the table that lacks one.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any, NoReturn, TypeVar

from memstored.domain.catalogue.default import default_catalogue
from memstored.domain.catalogue.lines import Path, key_lines
from memstored.domain.catalogue.records import (
    FAMILIES,
    Bucket,
    Catalogue,
    DefaultGroup,
    Flavor,
    SecurityGroup,
    SecurityRule,
    Subnet,
    fixed_id,
)
from memstored.domain.object_keys import BACKUPS, UNFINISHED, BadKey, bucket_key, checked

__all__ = ["LOOPBACK", "CatalogueFault", "parse"]

LOOPBACK = IPv4Network("127.0.0.0/8")
"""Where the process runtime can put nodes: Linux lets anyone bind any of these addresses."""

_SECTIONS = ("flavors", "subnets", "securityGroups", "parameterGroups", "buckets")

_LAST_PORT = 65535

_RIGHTS = ("edit", "read")

_SYNTAX_LINE = re.compile(r"\(at line (\d+)")

T = TypeVar("T", Flavor, Subnet, SecurityGroup)


class CatalogueFault(Exception):
    """The file is not a catalogue: `reason` says why, `line` (from 1) where."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


def parse(text: str, name: str, *, within: IPv4Network = LOOPBACK) -> Catalogue:
    """The catalogue in this text; `name` is the file's, for messages.

    Every subnet must lie `within` that network. Raises `CatalogueFault` at the first fault.
    """
    document = _toml(text, name)
    whole = _Table(name, key_lines(text), (), "the file", document)
    for key in document:
        if key not in _SECTIONS:
            whole.fault(f"unknown section {key!r}; known: {', '.join(_SECTIONS)}", key)
    default = default_catalogue()
    tables = {section: _tables(whole, section) for section in _SECTIONS}
    return Catalogue(
        flavors=_unique(tables["flavors"], _flavor) or default.flavors,
        subnets=_subnets(tables["subnets"], within) or default.subnets,
        security_groups=_unique(tables["securityGroups"], _security_group) or default.security_groups,
        parameter_groups=_groups(tables["parameterGroups"], default.parameter_groups),
        buckets=_buckets(tables["buckets"]),
    )


class _Table:
    """One table of the file and where it stands; gives its fields or says what is wrong with them."""

    def __init__(
        self, file: str, lines: Mapping[Path, int], place: Path, section: str, fields: Mapping[str, Any]
    ) -> None:
        self.file = file
        self.section = section
        self._lines = lines
        self._place = place
        self._fields = fields

    def only(self, *names: str) -> None:
        """Refuse fields of other names: a typo must not silently change the catalogue."""
        for key in self._fields:
            if key not in names:
                self.fault(f"unknown field {key!r} in {self.section}; known: {', '.join(names)}", key)

    def text(self, key: str) -> str:
        """A string that is not empty."""
        value = self._given(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.fault(f"{key} of {self.section} must be a string that is not empty", key)
        return value

    def number(self, key: str, most: int = 2**31 - 1) -> int:
        """A whole number, at least 1."""
        value = self._given(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            self.fault(f"{key} of {self.section} must be a whole number from 1 to {most}", key)
        return value

    def id(self, kind: str) -> str:
        """The id that is given, else the one that follows from the name."""
        return self.text("id") if "id" in self._fields else fixed_id(kind, self.text("name"))

    def tables(self, key: str, shape: str = "must be a list of tables") -> list["_Table"]:
        """The tables inside this one; none when there are none such."""
        rows = self._fields.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.fault(f"{key} of {self.section} {shape}", key)
        section = f"{self.section}.{key}" if self._place else key
        return [
            _Table(self.file, self._lines, (*self._place, key, i), section, r) for i, r in enumerate(rows)
        ]

    def has(self, key: str) -> bool:
        """Whether the field is given."""
        return key in self._fields

    def fault(self, reason: str, key: str | None = None) -> NoReturn:
        """Say what is wrong with this table, or with the field `key` of it."""
        place = self._place if key is None else (*self._place, key)
        raise CatalogueFault(self.file, self._lines.get(place, 1), reason)

    def _given(self, key: str) -> object:
        if key not in self._fields:
            self.fault(f"{self.section} needs {key}")
        return self._fields[key]


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        raise CatalogueFault(name, line, str(error)) from None


def _tables(whole: _Table, section: str) -> list[_Table]:
    tables = whole.tables(section, f"must be written as [[{section}]] tables")
    if whole.has(section) and not tables:
        whole.fault(f"{section} is empty; leave it out for the default", section)
    return tables


def _unique(tables: Sequence[_Table], build: Callable[[_Table], T]) -> tuple[T, ...]:
    things: dict[str, T] = {}
    names: set[str] = set()
    for table in tables:
        thing = build(table)
        if thing.id in things or thing.name in names:
            key = "name" if thing.name in names or not table.has("id") else "id"
            table.fault(f"{table.section} has two entries {thing.name!r} (id {thing.id})", key)
        things[thing.id] = thing
        names.add(thing.name)
    return tuple(things.values())


def _flavor(table: _Table) -> Flavor:
    table.only("id", "name", "vcpus", "memory")
    memory = table.number("memory", 65536)
    return Flavor(id=table.id("flavor"), name=table.text("name"), vcpus=table.number("vcpus"), memory=memory)


def _subnets(tables: Sequence[_Table], within: IPv4Network) -> tuple[Subnet, ...]:
    subnets = _unique(tables, _subnet)
    for i, (table, subnet) in enumerate(zip(tables, subnets, strict=True)):
        if not IPv4Network(subnet.cidr).subnet_of(within):
            table.fault(f"cidr {subnet.cidr} must lie within {within}", "cidr")
        for other in subnets[:i]:
            if IPv4Network(subnet.cidr).overlaps(IPv4Network(other.cidr)):
                table.fault(f"cidr {subnet.cidr} overlaps with {other.cidr} of subnet {other.name!r}", "cidr")
    return subnets


def _subnet(table: _Table) -> Subnet:
    table.only("id", "name", "cidr", "zone")
    cidr = _network(table)
    return Subnet(id=table.id("subnet"), name=table.text("name"), cidr=cidr, zone=table.text("zone"))


def _security_group(table: _Table) -> SecurityGroup:
    table.only("id", "name", "rules")
    rules = tuple(_rule(rule) for rule in table.tables("rules"))
    return SecurityGroup(id=table.id("security-group"), name=table.text("name"), rules=rules)


def _rule(table: _Table) -> SecurityRule:
    table.only("cidr", "fromPort", "toPort")
    low, high = table.number("fromPort", _LAST_PORT), table.number("toPort", _LAST_PORT)
    if low > high:
        table.fault(f"fromPort {low} is above toPort {high}", "fromPort")
    return SecurityRule(cidr=_network(table), from_port=low, to_port=high)


def _network(table: _Table) -> str:
    """The `cidr` of a table, checked to be an IPv4 network without host bits."""
    cidr = table.text("cidr")
    try:
        return str(IPv4Network(cidr))
    except ValueError as error:
        table.fault(f"cidr must be an IPv4 network such as 127.20.0.0/16: {error}", "cidr")


def _groups(tables: Sequence[_Table], defaults: Sequence[DefaultGroup]) -> tuple[DefaultGroup, ...]:
    groups = {group.family: group for group in defaults}
    taken = {group.id for group in defaults}
    for table in tables:
        table.only("family", "id")
        family, further = table.text("family"), table.text("id")
        if family not in groups:
            table.fault(f"family {family!r} is unknown; known: {', '.join(FAMILIES)}", "family")
        if further in taken:
            table.fault(f"the id {further} is given twice", "id")
        taken.add(further)
        group = groups[family]
        groups[family] = replace(group, further_ids=(*group.further_ids, further))
    return tuple(groups.values())


def _buckets(tables: Sequence[_Table]) -> tuple[Bucket, ...]:
    buckets: dict[tuple[str, str], Bucket] = {}
    for table in tables:
        bucket = _bucket(table)
        if (bucket.project_id, bucket.name) in buckets:
            table.fault(f"project {bucket.project_id} has two buckets {bucket.name!r}", "name")
        buckets[bucket.project_id, bucket.name] = bucket
    return tuple(buckets.values())


def _bucket(table: _Table) -> Bucket:
    table.only("name", "projectId", "access", "path")
    name, project_id, access = table.text("name"), table.text("projectId"), table.text("access")
    if access not in _RIGHTS:
        table.fault(f"access of buckets must be one of {', '.join(_RIGHTS)}", "access")
    if "/" in name:
        table.fault("name of buckets must be one word without a slash", "name")
    given = table.has("path")
    try:
        path = checked(table.text("path")) if given else bucket_key(project_id, name)
    except BadKey as bad:
        key = "path" if given else "name"
        table.fault(f"{key} of buckets can not be used: {bad}", key)
    if path.split("/")[0] in (BACKUPS, UNFINISHED):
        table.fault(
            f"path of buckets must not lie in {BACKUPS} or {UNFINISHED}: those are memstored's", "path"
        )
    return Bucket(name=name, project_id=project_id, path=path, editable=access == "edit")
