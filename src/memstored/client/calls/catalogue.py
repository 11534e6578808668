"""Calls about what can be ordered, quotas, keys and health (API.md 3, 5, 6, 11)."""

from memstored.client.calls.reading import get, one, rows, write
from memstored.client.decoding import decode
from memstored.client.models import Engine, Flavor, Health, PasswordKey, Quota, SecurityGroup, Subnet
from memstored.client.wire import Call, Request, path

__all__ = [
    "list_engines",
    "list_flavors",
    "list_quotas",
    "list_security_groups",
    "list_subnets",
    "list_versions",
    "renew_authority",
    "show_authorities",
    "show_health",
    "show_password_key",
    "show_readiness",
]


def list_versions() -> Call[tuple[str, ...]]:
    """The versions of Redis that are here, newest first."""
    return get(path("redis", "versions"), lambda reply: decode(tuple[str, ...], reply.json()))


def list_flavors() -> Call[tuple[Flavor, ...]]:
    """The sizes of nodes."""
    return get(path("redis", "flavors"), rows(Flavor, "flavors"))


def list_engines() -> Call[tuple[Engine, ...]]:
    """The programs that were found, and what each can do."""
    return get(path("redis", "engines"), rows(Engine, "engines"))


def list_subnets() -> Call[tuple[Subnet, ...]]:
    """Where nodes may be made."""
    return get(path("redis", "subnets"), rows(Subnet, "subnets"))


def list_security_groups() -> Call[tuple[SecurityGroup, ...]]:
    """Lists of what is let in."""
    return get(path("redis", "security-groups"), rows(SecurityGroup, "securityGroups"))


def list_quotas() -> Call[tuple[Quota, ...]]:
    """The quotas of the project."""
    return get(path("redis", "quotas"), rows(Quota, "quotas"))


def show_password_key() -> Call[PasswordKey]:
    """The key to encrypt passwords with."""
    return get(path("redis", "password-key"), one(PasswordKey))


def show_authorities() -> Call[str]:
    """What a client of a set with TLS trusts: certificates in PEM."""
    return get(path("redis", "ca-certificate"), lambda reply: reply.content.decode())


def renew_authority() -> Call[str]:
    """Have another certificate authority take over; for administrators."""
    return write("POST", path("redis", "ca-certificate", "renew"), {})


def show_health() -> Call[Health]:
    """Whether the process lives; needs no token."""
    return _health("/healthz")


def show_readiness() -> Call[Health]:
    """Whether the service can work, and why it can not; needs no token."""
    return _health("/readyz")


def _health(url: str) -> Call[Health]:
    return Call(
        request=Request(method="GET", url=url),
        read=one(Health),
        harmless=True,
        open_to_all=True,
        accepts=frozenset({503}),
    )
