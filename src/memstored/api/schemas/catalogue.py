"""Answers of the catalogue routes (API.md 3)."""

from typing import Literal

from memstored.api.schemas.forms import Document

__all__ = [
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


class EngineRow(Document):
    """A Redis program that was found: where, whether it has TLS, and its SPDX licence."""

    version: str
    program: str
    tls: bool
    license: str


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
