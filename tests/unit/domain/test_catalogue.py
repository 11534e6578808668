"""The default catalogue: documented ids, derived ids, lookups."""

from ipaddress import IPv4Network
from uuid import NAMESPACE_URL, uuid5

import pytest

from memstored.domain.catalogue import FAMILIES, DefaultGroup, default_catalogue
from memstored.domain.parameters import parameters_of

CATALOGUE = default_catalogue()


@pytest.mark.parametrize(
    ("flavor_id", "name", "vcpus", "memory"),
    [
        ("3830ebad-ea2f-4822-8a7d-9e301c86a58d", "a1-2-co", 2, 4),
        ("9e34af24-e1fa-475f-ba5c-11f0116e1d85", "a1-4-co", 4, 8),
        ("f443e5e2-84c1-47c1-984b-ee2221b96fe8", "a1-8-co", 8, 16),
    ],
)
def test_documented_flavors_have_their_documented_ids(
    flavor_id: str, name: str, vcpus: int, memory: int
) -> None:
    """The ids that MemStore documents lead to the flavors that it documents."""
    flavor = CATALOGUE.flavor(flavor_id)

    assert flavor is not None
    assert (flavor.name, flavor.vcpus, flavor.memory) == (name, vcpus, memory)


@pytest.mark.parametrize(
    ("family", "sizes"),
    [
        ("m2a", [(2, 8), (4, 16), (8, 32)]),
        ("r2a", [(2, 16), (4, 32)]),
        ("t1i", [(2, 2), (2, 4), (2, 8)]),
    ],
)
def test_flavor_families_begin_with_the_documented_sizes(family: str, sizes: list[tuple[int, int]]) -> None:
    """Each family of flavors offers the documented pairs of vcpus and GiB."""
    found = [(f.vcpus, f.memory) for f in CATALOGUE.flavors if f.name.startswith(f"{family}.")]

    assert found[: len(sizes)] == sizes


def test_other_ids_follow_from_the_name() -> None:
    """Ids that nobody documents are derived from kind and name, so every installation has the same."""
    flavor = next(f for f in CATALOGUE.flavors if f.name == "m2a.large")

    assert flavor.id == str(uuid5(NAMESPACE_URL, "memstored:flavor:m2a.large"))


def test_ids_are_unique() -> None:
    """No two things of one kind share an id."""
    kinds = (CATALOGUE.flavors, CATALOGUE.subnets, CATALOGUE.security_groups, CATALOGUE.parameter_groups)

    assert [len({thing.id for thing in things}) for things in kinds] == [len(things) for things in kinds]


def test_default_subnets_are_three_zones_on_the_loopback_network() -> None:
    """Nodes get addresses that any user of this machine may bind, in three zones."""
    networks = [IPv4Network(subnet.cidr) for subnet in CATALOGUE.subnets]

    assert [str(n) for n in networks] == ["127.20.0.0/16", "127.21.0.0/16", "127.22.0.0/16"]
    assert len({subnet.zone for subnet in CATALOGUE.subnets}) == 3


def test_every_family_has_its_default_group() -> None:
    """There is one default parameter group for each engine family, with parameters in it."""
    names = [group.name for group in CATALOGUE.parameter_groups]

    assert names == [f"Redis.{family}.Default" for family in ("7.2", "7.0", "6.2", "5.0")]
    assert all(parameters_of(family) for family in FAMILIES)


def test_unknown_ids_lead_to_nothing() -> None:
    """An id that is not in the catalogue leads to nothing, whatever its form; case counts."""
    documented = "9E34AF24-E1FA-475F-BA5C-11F0116E1D85"

    assert CATALOGUE.flavor(documented) is None
    assert CATALOGUE.subnet("") is None
    assert CATALOGUE.security_group("../default") is None
    assert CATALOGUE.parameter_group("Redis.7.0.Default") is None


def test_a_default_group_answers_to_its_further_ids() -> None:
    """A default group is found by its fixed id and by each id that the catalogue adds."""
    group = DefaultGroup(id="a", name="Redis.7.0.Default", family="7.0", further_ids=("b", "c"))
    catalogue = type(CATALOGUE)(flavors=(), subnets=(), security_groups=(), parameter_groups=(group,))

    assert [catalogue.parameter_group(i) for i in ("a", "b", "c")] == [group, group, group]


def test_default_parameters_keep_data_in_memory_only() -> None:
    """A default group evicts by LRU at 65 % of the flavor and never writes to disk (API.md 7)."""
    values = {p.name: p.default for p in parameters_of("7.0")}

    assert values["maxmemory"] == "65%"
    assert values["maxmemory-policy"] == "allkeys-lru"
    assert (values["save"], values["appendonly"]) == ("", "no")


def test_what_would_break_the_service_is_not_editable() -> None:
    """Persistence, databases and replication settings can not be changed by a group (API.md 7)."""
    fixed = {p.name for p in parameters_of("6.2") if not p.editable}

    assert {"save", "appendonly", "databases", "repl-backlog-ttl", "replica-read-only"} <= fixed


def test_parameters_are_those_of_the_family() -> None:
    """Redis 7.0 renamed the limits of compact encodings; each family shows the names it knows."""
    new = {p.name for p in parameters_of("7.0")}
    old = {p.name for p in parameters_of("6.2")}

    assert "hash-max-listpack-entries" in new
    assert "hash-max-ziplist-entries" in old
    assert not new & {"hash-max-ziplist-entries"}
    assert parameters_of("4.0") == ()
