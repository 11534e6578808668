"""Answers of the catalogue routes (API.md 3)."""

from typing import Annotated, Literal

from pydantic import Field

from memstored.api.schemas.forms import Document
from memstored.domain.engine import Product

__all__ = [
    "EngineCapabilities",
    "EngineList",
    "EngineRow",
    "FlavorList",
    "FlavorRow",
    "PasswordKeyDocument",
    "QuotaList",
    "QuotaRow",
    "SecurityGroupList",
    "SecurityGroupRow",
    "SecurityRuleRow",
    "SubnetList",
    "SubnetRow",
]


class FlavorRow(Document):
    """A size of node; `memory` in GiB."""

    id: str
    name: str
    vcpus: int
    memory: int


class FlavorList(Document):
    """All flavors."""

    flavors: list[FlavorRow]


class SubnetRow(Document):
    """A range of addresses in a zone."""

    id: str
    name: str
    cidr: str
    zone: str


class SubnetList(Document):
    """All subnets."""

    subnets: list[SubnetRow]


class SecurityRuleRow(Document):
    """TCP connections that are let in, from `cidr` to the ports from `fromPort` to `toPort`."""

    cidr: str
    from_port: int
    to_port: int


class SecurityGroupRow(Document):
    """A named list of what is let in."""

    id: str
    name: str
    rules: list[SecurityRuleRow]


class SecurityGroupList(Document):
    """All security groups."""

    security_groups: list[SecurityGroupRow]


class EngineCapabilities(Document):
    """What programs of its generation can do; what is false is done in another way, or not at all."""

    acl: Annotated[bool, Field(description="Users with commands of their own.")]
    floating: Annotated[bool, Field(description="Nodes bind the set's addresses; else HAProxy carries them.")]
    write_pause: Annotated[bool, Field(description="Writes can be held back while a primary is changed.")]
    kill_by_address: Annotated[bool, Field(description="`CLIENT KILL LADDR`.")]
    rdb_only: Annotated[bool, Field(description="A backup is streamed without a growing buffer.")]
    diskless_load: Annotated[bool, Field(description="A copy is taken in without a file.")]
    sanitizing: Annotated[bool, Field(description="Saved data is checked in full while it is loaded.")]
    several_settings: Annotated[bool, Field(description="One `CONFIG SET` takes several settings.")]
    functions: Annotated[bool, Field(description="`FUNCTION`.")]


class EngineRow(Document):
    """A program that was found: where, whether it has TLS, its SPDX licence, what it can do.

    `reason` says why it is not offered, null when it is; `capabilities` is null where nothing is known of it.
    """

    engine: Product
    version: str
    program: str
    tls: bool
    license: str
    offered: bool
    reason: str | None
    capabilities: EngineCapabilities | None


class EngineList(Document):
    """All programs found."""

    engines: list[EngineRow]


class PasswordKeyDocument(Document):
    """The key to encrypt passwords with; `publicKey` is a SubjectPublicKeyInfo in PEM."""

    key_id: str
    algorithm: Literal["RSA-OAEP-256"]
    public_key: str


class QuotaRow(Document):
    """An upper bound and what is taken of it; of a bound per set, by the set that takes most."""

    name: str
    limit: int
    used: int


class QuotaList(Document):
    """The quotas of the caller's project."""

    quotas: list[QuotaRow]
