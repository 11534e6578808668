"""Reading the settings file (TOML) and the catalogue file; every fault is one clear line."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType

from memstored.cli.errors import Stop
from memstored.domain.catalogue import Catalogue, CatalogueFault, default_catalogue, parse
from memstored.domain.settings import (
    BackupSettings,
    EngineSettings,
    FailoverSettings,
    MetricsSettings,
    ObjectSettings,
    Quotas,
    QuotaSettings,
    Settings,
    TlsSettings,
    UserSettings,
    WebhookSettings,
)

__all__ = ["host_and_port", "metrics_token", "read_catalogue", "read_settings"]

USAGE = 2
_THIRDS = 3
FLOOR = 1.0
"""The least `failure_detection`, in seconds: below it ordinary pauses look like deaths."""
SECOND = 1.0
"""The least `metrics.interval`: each look asks a node for all that it can say of itself."""
HIGHEST_PORT = 65535
SHORTEST_TOKEN = 16
DAY = 24 * 3600.0
"""The least `password_key_period`: for so long a key is tried after another took its place."""


def read_catalogue(file: Path | None) -> Catalogue:
    """The catalogue of that file, or the default one."""
    if file is None:
        return default_catalogue()
    try:
        return parse(_text(file), str(file))
    except CatalogueFault as fault:
        raise Stop(str(fault), code=USAGE) from None


def read_settings(file: Path | None) -> Settings:
    """The settings of that file, or the defaults."""
    if file is None:
        return Settings()
    try:
        table = tomllib.loads(_text(file))
        return _settings(table)
    except tomllib.TOMLDecodeError as error:
        raise Stop(f"{file}: {error}.", code=USAGE) from None
    except ValueError as error:
        raise Stop(f"{file}: {error}", code=USAGE) from None


def metrics_token(settings: MetricsSettings) -> str | None:
    """The token that readers of metrics show, from its file; None when they show none. Raises `Stop`."""
    if settings.token_file is None:
        return None
    token = _text(Path(settings.token_file)).strip()
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise Stop(
            f"{settings.token_file} must hold a token of at least {SHORTEST_TOKEN} printable characters "
            "without blanks, and nothing else; make one with: openssl rand -hex 32",
            code=USAGE,
        )
    return token


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Stop(f"{file} can not be read: {error.strerror}.", code=USAGE) from None
    except UnicodeDecodeError:
        raise Stop(f"{file} is not UTF-8 text.", code=USAGE) from None


def _settings(table: Mapping[str, object]) -> Settings:
    _only(table, set(Settings.__dataclass_fields__), "")
    return Settings(
        quota=_quota(_table(table, "quota", "")),
        failover=_failover(_table(table, "failover", "")),
        backup=_backup(_table(table, "backup", "")),
        objects=_objects(_table(table, "objects", "")),
        tls=_tls(_table(table, "tls", "")),
        user=_user(_table(table, "user", "")),
        metrics=_metrics(_table(table, "metrics", "")),
        engines=_engines(_table(table, "engines", "")),
        webhook=_webhook(_table(table, "webhook", "")),
    )


def _quota(table: Mapping[str, object]) -> QuotaSettings:
    fields = set(Quotas.__dataclass_fields__)
    _only(table, fields | {"projects"}, "quota.")
    default = Quotas(**{k: _whole(v, f"quota.{k}") for k, v in table.items() if k != "projects"})
    projects = _table(table, "projects", "quota.")
    overrides = {}
    for project, values in projects.items():
        where = f"quota.projects.{project}"
        own = _as_table(values, where)
        _only(own, fields, f"{where}.")
        merged = {name: getattr(default, name) for name in fields}
        overrides[project] = Quotas(**merged | {k: _whole(v, f"{where}.{k}") for k, v in own.items()})
    return QuotaSettings(default=default, projects=MappingProxyType(overrides))


def _failover(table: Mapping[str, object]) -> FailoverSettings:
    durations = {"failure_detection", "busy_detection", "probe_interval", "brake_window"}
    _only(table, durations | {"brake_count"}, "failover.")
    readers: dict[str, Callable[[object, str], float]] = dict.fromkeys(durations, _seconds)
    values = {k: readers.get(k, _whole)(v, f"failover.{k}") for k, v in table.items()}
    settings = FailoverSettings(**values)  # type: ignore[arg-type]  # brake_count is read as a whole number
    if settings.failure_detection < FLOOR:
        raise ValueError(f"failover.failure_detection must be at least {FLOOR} s.")
    return settings


def _backup(table: Mapping[str, object]) -> BackupSettings:
    _only(table, set(BackupSettings.__dataclass_fields__), "backup.")
    return BackupSettings(**{k: _whole(v, f"backup.{k}") for k, v in table.items()})


def _objects(table: Mapping[str, object]) -> ObjectSettings:
    _only(table, set(ObjectSettings.__dataclass_fields__), "objects.")
    numbers = {"timeout", "reserve_mib"}
    words = {k: _word(v, f"objects.{k}") for k, v in table.items() if k not in numbers}
    settings = ObjectSettings(**words)  # type: ignore[arg-type]  # those that are no text are left out
    if "reserve_mib" in table:
        settings = replace(settings, reserve_mib=_whole(table["reserve_mib"], "objects.reserve_mib"))
    if "timeout" in table:
        settings = replace(settings, timeout=_seconds(table["timeout"], "objects.timeout"))
    return settings


def _tls(table: Mapping[str, object]) -> TlsSettings:
    _only(table, set(TlsSettings.__dataclass_fields__), "tls.")
    settings = TlsSettings(**{k: _days(v, f"tls.{k}") for k, v in table.items()})
    if settings.authority_days < _THIRDS * settings.overlap_days:
        raise ValueError("tls.authority_days must be three times tls.overlap_days, or one ends too early.")
    return settings


def _days(value: object, name: str) -> int:
    """Whole days; only an overlap may have none: then a new authority signs as soon as all nodes know it."""
    none = name == "tls.overlap_days" and value == 0 and not isinstance(value, bool)
    return 0 if none else _whole(value, name)


def _user(table: Mapping[str, object]) -> UserSettings:
    _only(table, set(UserSettings.__dataclass_fields__), "user.")
    settings = UserSettings(**{k: _seconds(v, f"user.{k}") for k, v in table.items()})
    if settings.password_key_period < DAY:
        raise ValueError(f"user.password_key_period must be at least a day ({DAY:.0f} s).")
    return settings


def _metrics(table: Mapping[str, object]) -> MetricsSettings:
    _only(table, set(MetricsSettings.__dataclass_fields__), "metrics.")
    words = {k: _word(v, f"metrics.{k}") for k, v in table.items() if k != "interval"}
    settings = MetricsSettings(**words)  # type: ignore[arg-type]  # the one that is no text is left out
    if "interval" in table:
        settings = replace(settings, interval=_seconds(table["interval"], "metrics.interval"))
    if settings.interval < SECOND:
        raise ValueError(f"metrics.interval must be at least {SECOND} s.")
    if settings.address is not None:
        host_and_port(settings.address)
    return settings


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of `127.0.0.1:9121` or `[::1]:9121`; raises `ValueError`."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise ValueError("metrics.address must be like 127.0.0.1:9121 or [::1]:9121.")
    return host.strip("[]"), int(port)


def _engines(table: Mapping[str, object]) -> EngineSettings:
    _only(table, set(EngineSettings.__dataclass_fields__), "engines.")
    folders = table.get("folders", [])
    if not isinstance(folders, list) or not all(_absolute(folder) for folder in folders):
        raise ValueError("engines.folders must be a list of absolute paths.")
    return EngineSettings(folders=tuple(folders))


def _webhook(table: Mapping[str, object]) -> WebhookSettings:
    _only(table, set(WebhookSettings.__dataclass_fields__), "webhook.")
    settings = WebhookSettings()
    if "allow" in table:
        settings = replace(settings, allow=_networks(table["allow"], "webhook.allow"))
    if "http" in table:
        settings = replace(settings, http=_truth(table["http"], "webhook.http"))
    if "ca_file" in table:
        settings = replace(settings, ca_file=_word(table["ca_file"], "webhook.ca_file"))
    if "give_up_after" in table:
        seconds = _seconds(table["give_up_after"], "webhook.give_up_after")
        settings = replace(settings, give_up_after=seconds)
    return settings


def _networks(value: object, name: str) -> tuple[str, ...]:
    try:
        if isinstance(value, list) and all(isinstance(network, str) for network in value):
            return tuple(str(ip_network(network)) for network in value)
    except ValueError:
        pass
    raise ValueError(f'{name} must be a list of networks like "10.1.0.0/16", without bits of a host.')


def _truth(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false.")  # noqa: TRY004 - one kind of fault for the whole file
    return value


def _absolute(value: object) -> bool:
    return isinstance(value, str) and Path(value).is_absolute() and value.isprintable()


def _table(table: Mapping[str, object], name: str, where: str) -> Mapping[str, object]:
    return _as_table(table.get(name, {}), f"{where}{name}")


def _as_table(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a table.")  # noqa: TRY004 - one kind of fault for the whole file
    return value


def _only(table: Mapping[str, object], known: set[str], where: str) -> None:
    for name in table:
        if name not in known:
            raise ValueError(f"{where}{name} is not a setting; known here: {', '.join(sorted(known))}.")


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1.")
    return value


def _word(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"{name} must be a string that is not empty.")
    return value


def _seconds(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a number of seconds above 0.")
    return float(value)
