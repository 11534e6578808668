"""What a caller orders with `POST /v1/instance-sets`, and what of it can not be had here (API.md 2.1).

The fields are well-formed when an `Order` is made; the rules of this page are those that MemStore answers
with 422. A malformed field holds a stand-in: what a rule says of that does not count.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from memstored.domain.catalogue import Catalogue
from memstored.domain.engine import capabilities_of, family_of
from memstored.domain.errors import Detail
from memstored.domain.model import DEFAULT_USER, BackupSchedule
from memstored.domain.parameter_group import AnyGroup, ParameterGroup, values_of
from memstored.domain.parameters import MAXMEMORY, engine_values, memory_span
from memstored.domain.requests.change import of_sound_fields
from memstored.domain.settings import Quotas

__all__ = [
    "SHA_256",
    "Login",
    "Offer",
    "Order",
    "RestoreWish",
    "unknown_security_groups",
    "unmet",
    "wanted_memory",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The user that is to be made.

    `password` is the SHA-256 of the password in hex; anything else is what was sent and could not be read.
    `clear` is the password itself (1 to 128 bytes of UTF-8), known only when it was sent encrypted.
    """

    name: str
    password: str = field(repr=False)
    clear: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreWish:
    """The data that a set is to begin with: a backup by its name, or a file `bucket/[folder/...]name`."""

    backup_name: str | None = None
    file: str | None = None

    @property
    def field(self) -> str:
        """Where a fault of the data is said to be."""
        return "restoreSource.files[0]" if self.backup_name is None else "restoreSource.backupName"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A set that somebody wants. `replicas` counts all nodes; the subnet lists hold ids."""

    name: str
    description: str | None
    replicas: int
    flavor_id: str
    recovery_enabled: bool
    subnets: tuple[str, ...]
    primary_subnet: str
    replica_subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    backup_schedule: BackupSchedule | None
    user: Login | None
    tls_enabled: bool
    parameter_group_id: str
    port: int
    project_id: str
    version: str
    restore: RestoreWish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is to be had here: the catalogue, the engine versions, and the quotas of the project.

    `rdb_formats` is the newest RDB format that each engine family loads; `tls` are those of the versions
    whose program has TLS. `custom` is the parameter group that is ordered, where it is the project's own.
    """

    catalogue: Catalogue
    versions: Collection[str]
    tls: Collection[str]
    quotas: Quotas
    rdb_formats: Mapping[str, int]
    custom: ParameterGroup | None = None

    def parameter_group(self, group_id: str) -> AnyGroup | None:
        """The parameter group that is ordered; None when there is none such."""
        return self.catalogue.parameter_group(group_id) or self.custom


SHA_256 = re.compile(r"[0-9a-fA-F]{64}")
"""The form of a password that Redis itself stores: its SHA-256 in hex (API.md 5)."""

_HOW_TO_SEND = (
    "Send the SHA-256 of the password as 64 hexadecimal digits, or the password (1 to 128 bytes of UTF-8) "
    "encrypted with the present key of GET /v1/redis/password-key (RSA-OAEP with SHA-256) in base64."
)

FEWEST_WITH_REPLICA = 2


def unmet(order: Order, offer: Offer, misread: Collection[str] = ()) -> list[Detail]:
    """Every rule that the order breaks, less what depends on a misread field."""
    unsound = {field.partition(".")[0].partition("[")[0] for field in misread}
    asked = (rule for needs, rule in _RULES if not needs & unsound)
    return of_sound_fields((detail for rule in asked for detail in rule(order, offer)), misread)


def _flavor(order: Order, offer: Offer) -> Iterator[Detail]:
    if offer.catalogue.flavor(order.flavor_id) is None:
        yield Detail("flavorId", "unknown_flavor", "Take a flavor from GET /v1/redis/flavors.")


def _subnets(order: Order, offer: Offer) -> Iterator[Detail]:
    for index, subnet_id in enumerate(order.subnets):
        if offer.catalogue.subnet(subnet_id) is None:
            message = "Take a subnet from GET /v1/redis/subnets."
            yield Detail(f"subnets[{index}].id", "unknown_subnet", message)


def _assignments(order: Order, _offer: Offer) -> Iterator[Detail]:
    assigned = {"primary.id": order.primary_subnet}
    assigned |= {f"replicas[{i}].id": subnet_id for i, subnet_id in enumerate(order.replica_subnets)}
    for place, subnet_id in assigned.items():
        if subnet_id not in order.subnets:
            message = "Assign one of the subnets that the field subnets lists."
            yield Detail(f"subnetAssignments[0].{place}", "subnet_not_of_set", message)


def _replica_count(order: Order, _offer: Offer) -> Iterator[Detail]:
    if len(order.replica_subnets) != order.replicas - 1:
        message = f"Assign exactly {order.replicas - 1} replicas: the field replicas counts the primary too."
        yield Detail("subnetAssignments[0].replicas", "replica_count", message)


def _recovery(order: Order, _offer: Offer) -> Iterator[Detail]:
    if order.recovery_enabled and order.replicas < FEWEST_WITH_REPLICA:
        yield Detail("recoveryEnabled", "too_few_nodes", "High availability needs at least two nodes.")


def _backups(order: Order, _offer: Offer) -> Iterator[Detail]:
    if order.backup_schedule is not None and order.replicas < FEWEST_WITH_REPLICA:
        yield Detail("backupSchedule", "too_few_nodes", "Automatic backups need at least two nodes.")


def _security_groups(order: Order, offer: Offer) -> Iterator[Detail]:
    yield from unknown_security_groups(order.security_groups, offer.catalogue)


def unknown_security_groups(ids: Collection[str], catalogue: Catalogue) -> Iterator[Detail]:
    """A detail for each security group that the catalogue does not have."""
    for index, group_id in enumerate(ids):
        if catalogue.security_group(group_id) is None:
            message = "Take a security group from GET /v1/redis/security-groups."
            yield Detail(f"securityGroups[{index}].id", "unknown_security_group", message)


def _version(order: Order, offer: Offer) -> Iterator[Detail]:
    if order.version not in offer.versions:
        message = f"Take one of the versions that are here: {', '.join(offer.versions) or 'there are none'}."
        yield Detail("version", "version_unavailable", message)


def _parameter_group(order: Order, offer: Offer) -> Iterator[Detail]:
    if offer.parameter_group(order.parameter_group_id) is None:
        message = "Take a parameter group from GET /v1/parameter-groups."
        yield Detail("parameterGroupId", "unknown_parameter_group", message)


def _parameter_family(order: Order, offer: Offer) -> Iterator[Detail]:
    group = offer.parameter_group(order.parameter_group_id)
    if group is None or order.version not in offer.versions:
        return
    family = family_of(order.version)
    if group.family != family:
        message = f"Take a parameter group for Redis {family}; {group.name} is for {group.family}."
        yield Detail("parameterGroupId", "parameter_group_family", message)


def _parameter_memory(order: Order, offer: Offer) -> Iterator[Detail]:
    """The `maxmemory` of a group may be too few or too many bytes for a flavor."""
    flavor, wanted = offer.catalogue.flavor(order.flavor_id), wanted_memory(order, offer)
    if flavor is None or wanted is None:
        return
    least, most = memory_span(flavor.memory)
    if not least <= wanted <= most:
        message = f"The flavor takes a {MAXMEMORY} of {least} to {most} bytes; the group has {wanted}."
        yield Detail("parameterGroupId", "maxmemory_unfit", message)


def wanted_memory(order: Order, offer: Offer) -> int | None:
    """The bytes of data that the nodes take in; None when flavor or parameter group are not known."""
    flavor, group = offer.catalogue.flavor(order.flavor_id), offer.parameter_group(order.parameter_group_id)
    if flavor is None or group is None:
        return None
    return int(engine_values(group.family, values_of(group).settings, flavor.memory)[MAXMEMORY])


def _tls(order: Order, offer: Offer) -> Iterator[Detail]:
    if order.tls_enabled and order.version in offer.versions and order.version not in offer.tls:
        message = f"There is no TLS in the program of Redis {order.version} here; leave it off."
        yield Detail("tlsEnabled", "tls_unavailable", message)


def _password(order: Order, _offer: Offer) -> Iterator[Detail]:
    if order.user is not None and not SHA_256.fullmatch(order.user.password):
        yield Detail("user.password", "password_not_encrypted", _HOW_TO_SEND)


def _only_user(order: Order, offer: Offer) -> Iterator[Detail]:
    """An engine without ACL has one password and no names: it guards the set and is needed in clear (H19)."""
    if order.version not in offer.versions or capabilities_of(order.version).acl:
        return
    engine = f"Redis {order.version} knows no users"
    if order.user is None:
        message = f"{engine}, only a password, and needs one: give a user with the name {DEFAULT_USER}."
        yield Detail("user", "user_required", message)
        return
    if order.user.name != DEFAULT_USER:
        message = f"{engine}: give the name {DEFAULT_USER}."
        yield Detail("user.name", "named_user_unavailable", message)
    if order.user.clear is None and SHA_256.fullmatch(order.user.password):
        message = f"{engine} and no hashes: encrypt the password with the key of GET /v1/redis/password-key."
        yield Detail("user.password", "password_hash_unavailable", message)
    if "\0" in (order.user.clear or ""):
        # The engine reads it up to there, so its beginning alone would open the set.
        message = f"Redis {order.version} takes no password with the character U+0000; choose another."
        yield Detail("user.password", "password_unusable", message)


def _quota(order: Order, offer: Offer) -> Iterator[Detail]:
    most = min(offer.quotas.nodes_per_set, offer.quotas.replicas_per_set + 1)
    if order.replicas > most:
        yield Detail("replicas", "quota_exceeded", f"This project's sets have at most {most} nodes.")


Rule = Callable[[Order, Offer], Iterator[Detail]]

_RULES: tuple[tuple[frozenset[str], Rule], ...] = (
    (frozenset(), _quota),
    (frozenset(), _flavor),
    (frozenset({"replicas"}), _recovery),
    (frozenset(), _subnets),
    (frozenset({"subnets"}), _assignments),
    (frozenset({"replicas"}), _replica_count),
    (frozenset(), _security_groups),
    (frozenset({"replicas"}), _backups),
    (frozenset(), _password),
    (frozenset({"version"}), _only_user),
    (frozenset({"version"}), _tls),
    (frozenset(), _parameter_group),
    (frozenset({"version"}), _parameter_family),
    (frozenset({"flavorId"}), _parameter_memory),
    (frozenset(), _version),
)
"""Each rule, and the fields it needs to be sound beside those that it says something of."""
