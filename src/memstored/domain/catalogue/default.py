"""The catalogue of a service that was given none: MemStore's flavors, this machine's loopback network."""

from collections.abc import Sequence

from memstored.domain.catalogue.records import (
    FAMILIES,
    Catalogue,
    DefaultGroup,
    Flavor,
    SecurityGroup,
    SecurityRule,
    Subnet,
    fixed_id,
)

__all__ = ["default_catalogue"]


def default_catalogue() -> Catalogue:
    """MemStore's flavors, and three zones on this machine's loopback network."""
    return Catalogue(
        flavors=(*_DOCUMENTED, *_general(), *_memory(), *_small()),
        subnets=tuple(_subnet(zone, cidr) for zone, cidr in _ZONES),
        security_groups=(_DEFAULT_SECURITY_GROUP,),
        parameter_groups=_default_groups(),
    )


def _default_groups() -> tuple[DefaultGroup, ...]:
    """One group for each engine family, under its fixed id alone."""
    return tuple(_default_group(family) for family in FAMILIES)


def _default_group(family: str) -> DefaultGroup:
    name = f"Redis.{family}.Default"
    return DefaultGroup(id=fixed_id("parameter-group", name), name=name, family=family)


def _flavor(name: str, vcpus: int, memory: int) -> Flavor:
    return Flavor(id=fixed_id("flavor", name), name=name, vcpus=vcpus, memory=memory)


def _general() -> Sequence[Flavor]:
    return [_flavor(f"m2a.{size}", vcpus, 4 * vcpus) for size, vcpus in _SIZES]


def _memory() -> Sequence[Flavor]:
    return [_flavor(f"r2a.{size}", vcpus, 8 * vcpus) for size, vcpus in _SIZES]


def _small() -> Sequence[Flavor]:
    burst = [_flavor("t1i.small", 2, 2), _flavor("t1i.medium", 2, 4), _flavor("t1i.large", 2, 8)]
    return [*burst, _flavor("t1i.xlarge", 4, 16), _flavor("t1i.2xlarge", 8, 32)]


def _subnet(zone: str, cidr: str) -> Subnet:
    name = f"subnet-{zone}"
    return Subnet(id=fixed_id("subnet", name), name=name, cidr=cidr, zone=f"zone-{zone}")


_SIZES = (("large", 2), ("xlarge", 4), ("2xlarge", 8), ("4xlarge", 16), ("8xlarge", 32))

_ZONES = (("a", "127.20.0.0/16"), ("b", "127.21.0.0/16"), ("c", "127.22.0.0/16"))

_DOCUMENTED = (
    Flavor(id="3830ebad-ea2f-4822-8a7d-9e301c86a58d", name="a1-2-co", vcpus=2, memory=4),
    Flavor(id="9e34af24-e1fa-475f-ba5c-11f0116e1d85", name="a1-4-co", vcpus=4, memory=8),
    Flavor(id="f443e5e2-84c1-47c1-984b-ee2221b96fe8", name="a1-8-co", vcpus=8, memory=16),
)

_DEFAULT_SECURITY_GROUP = SecurityGroup(
    id=fixed_id("security-group", "default"),
    name="default",
    rules=(SecurityRule(cidr="127.0.0.0/8", from_port=2000, to_port=50000),),
)
