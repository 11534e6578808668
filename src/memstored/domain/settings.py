"""What an operator may set. Read from a TOML file by `cli.settings`; everything has a safe default.

Durations are in seconds, sizes as named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = [
    "BackupSettings",
    "EngineSettings",
    "FailoverSettings",
    "MetricsSettings",
    "ObjectSettings",
    "QuotaSettings",
    "Quotas",
    "Settings",
    "TlsSettings",
    "UserSettings",
    "WebhookSettings",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Upper bounds: nodes and replicas of a set; nodes, parameter groups and backups of a project (API.md 3).

    By default there is room for the daily backups of every set that the project may have, kept for 35 days.
    """

    nodes_per_set: int = 6
    replicas_per_set: int = 5
    nodes_per_project: int = 60
    parameter_groups_per_project: int = 20
    backups_per_project: int = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings:
    """The quotas of every project, and those of some projects by id."""

    default: Quotas = Quotas()
    projects: Mapping[str, Quotas] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, project_id: str) -> Quotas:
        """The quotas of one project."""
        return self.projects.get(project_id, self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverSettings:
    """How deaths are seen and how often they are answered.

    A node silent for `failure_detection` (at least 1 s) counts as hung; a busy one for `busy_detection`.
    Nodes are probed every `probe_interval`. More than `brake_count` failovers of a set within
    `brake_window` stop with the reason "poison" (H25).
    """

    failure_detection: float = 5.0
    busy_detection: float = 60.0
    probe_interval: float = 1.0
    brake_count: int = 5
    brake_window: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings:
    """At most `parallel` backups are made at the same time; others wait, `Pending`."""

    parallel: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSettings:
    """Where backups and callers' files lie: `url` is `file:///folder` or `s3://bucket/prefix`.

    None: the folder `objects` of the data folder. `endpoint` and `region` are those of an S3-compatible
    store; its keys come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`). A part of an
    object that does not move for `timeout` seconds is given up. `reserve_mib` stay free on the disk of a
    folder; None: a twentieth of the disk, 1024 at most.
    """

    url: str | None = None
    endpoint: str | None = None
    region: str | None = None
    timeout: float = 30.0
    reserve_mib: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """For how many days certificates hold: the authority's, and those of the nodes.

    Each is renewed when two thirds of its life have passed. A new authority is made known for `overlap_days`
    before anything is signed by it: as often as that, clients must fetch whom to trust.
    """

    authority_days: int = 3650
    certificate_days: int = 365
    overlap_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSettings:
    """The key that callers encrypt passwords with is replaced every `password_key_period` (30 days)."""

    password_key_period: float = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Nodes are asked for their figures every `interval`. `address` (`host:port`) is where `/metrics` is
    served; None: at the API's. `token_file` holds the token that its readers show; None: they show none.
    """

    interval: float = 15.0
    address: str | None = None
    token_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where tenants' webhooks may lead: to public addresses, and to the networks in `allow`; `http` lets them
    do without TLS. `ca_file` (PEM) holds authorities to trust beside the system's. A receiver that fails for
    `give_up_after` seconds is sent nothing any more.
    """

    allow: tuple[str, ...] = ()
    http: bool = False
    ca_file: str | None = None
    give_up_after: float = 3 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """`folders`, by absolute paths, may hold Redis programs that are not on PATH, themselves or in `bin`."""

    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one service."""

    quota: QuotaSettings = QuotaSettings()
    failover: FailoverSettings = FailoverSettings()
    backup: BackupSettings = BackupSettings()
    objects: ObjectSettings = ObjectSettings()
    tls: TlsSettings = TlsSettings()
    user: UserSettings = UserSettings()
    metrics: MetricsSettings = MetricsSettings()
    engines: EngineSettings = EngineSettings()
    webhook: WebhookSettings = WebhookSettings()
