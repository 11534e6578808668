"""`memstored doctor`: what of a machine, a data folder and its service is in the way, and what to do.

Every check looks at one thing and changes nothing. They work while the service runs and while it does not.
"""

import asyncio
import ctypes
import os
import resource
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.cli.output import Output, Row, print_rows

__all__ = [
    "Check",
    "Machine",
    "Verdict",
    "examine",
    "folder_checks",
    "machine_checks",
    "report",
    "service_checks",
]

GIB = 1 << 30
FILES, BACKLOG = 10240, 511
"""What a machine with some hundred connections to each node needs; what Redis itself asks for."""
UNSYNCHRONISED = 5
TIMEX = 512
"""Bytes that are enough for the kernel's `struct timex` on every platform."""


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at: what was found, and what to do unless that is good."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the checks of the machine ask: files of the kernel, and what else it tells."""

    read: Callable[[str], str | None]
    files: Callable[[], int]
    synchronised: Callable[[], bool]

    @classmethod
    def this(cls) -> "Machine":
        """The one that this runs on."""
        return cls(read=_read, files=_most_files, synchronised=_synchronised)


def report(data_dir: Path, settings: Path | None, output: Output) -> None:
    """Print every check; raises `Stop` when one of them came out bad."""
    checks = list(examine(DataFolder(data_dir), settings))
    print_rows(checks, output, row=_row, name=lambda it: f"{it.name}: {it.verdict}")
    bad = [it.name for it in checks if it.verdict is Verdict.BAD]
    if bad:
        raise Stop(f"{len(bad)} of {len(checks)} checks found what must be changed: {', '.join(bad)}.")


def examine(folder: DataFolder, settings: Path | None) -> Iterator[Check]:
    """Every check, in the order in which trouble is best looked for."""
    yield engine_check(settings)
    yield from machine_checks(Machine.this())
    yield from folder_checks(folder)
    yield from service_checks(folder)


def engine_check(settings: Path | None) -> Check:
    """Which programs of Redis a service that is started now would offer."""
    from memstored.cli.settings import read_settings  # noqa: PLC0415 - only this command needs them
    from memstored.runtime.engines import take_inventory  # noqa: PLC0415

    folders = [Path(it) for it in read_settings(settings).engines.folders]
    offered = [it.engine for it in asyncio.run(take_inventory(folders)) if it.obstacle is None]
    found = ", ".join(f"{it.version}{' with TLS' if it.tls else ''}" for it in offered)
    if offered:
        return Check(name="engines", verdict=Verdict.OK, found=found)
    return Check(
        name="engines",
        verdict=Verdict.BAD,
        found="none",
        advice="Install redis-server, or name its folder in the settings; `memstored engines` tells more.",
    )


def machine_checks(machine: Machine) -> Iterator[Check]:
    """Memory, limits and the clock."""
    yield _memory(machine)
    most = machine.files()
    yield _judged(
        "open files",
        f"at most {most}",
        good=most >= FILES,
        advice=f"Raise the limit to {FILES}: LimitNOFILE= in the unit, or `ulimit -n`.",
    )
    overcommit = (machine.read("/proc/sys/vm/overcommit_memory") or "").strip()
    yield _judged(
        "overcommit",
        f"vm.overcommit_memory = {overcommit or '?'}",
        good=overcommit == "1",
        advice="`sysctl vm.overcommit_memory=1`, or copies of data fail when memory is half full.",
    )
    pages = machine.read("/sys/kernel/mm/transparent_hugepage/enabled") or ""
    yield _judged(
        "huge pages",
        next((word.strip("[]") for word in pages.split() if word.startswith("[")), "not there"),
        good="[always]" not in pages,
        advice="`echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`, or forks stall nodes.",
    )
    backlog = int(machine.read("/proc/sys/net/core/somaxconn") or 0)
    yield _judged(
        "connections",
        f"net.core.somaxconn = {backlog}",
        good=backlog >= BACKLOG,
        advice=f"`sysctl net.core.somaxconn={BACKLOG}` or more, or clients are turned away.",
    )
    synchronised = machine.synchronised()
    yield _judged(
        "clock",
        "synchronised" if synchronised else "not synchronised",
        good=synchronised,
        advice="Have it set by NTP (chrony, systemd-timesyncd): backups and tokens go by it.",
    )


def folder_checks(folder: DataFolder) -> Iterator[Check]:
    """The folder itself, its store, and nodes that nobody knows."""
    if not folder.path.exists():
        advice = "Start the service with it, or name another with --data-dir."
        yield Check(name="folder", verdict=Verdict.WARN, found=f"{folder.path} is not there", advice=advice)
        return
    yield _folder(folder)
    free = shutil.disk_usage(folder.path).free
    yield _judged(
        "disk",
        f"{free / GIB:.1f} GiB free",
        good=free >= GIB,
        advice="Make room: the store must grow, and backups end when little is left.",
    )
    store = folder.path / "memstored.db"
    if not store.exists():
        return
    try:
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True, timeout=5.0)) as opened:
            (said,) = opened.execute("PRAGMA quick_check(1)").fetchone()
            known = {str(row[0]) for row in opened.execute("SELECT id FROM nodes")}
    except sqlite3.Error as error:
        advice = "Stop the service and restore the file, or the folder, from a copy."
        yield Check(name="store", verdict=Verdict.BAD, found=str(error), advice=advice)
        return
    yield Check(
        name="store",
        verdict=Verdict.OK if said == "ok" else Verdict.BAD,
        found=str(said),
        advice="" if said == "ok" else "Stop the service and restore the file from a copy.",
    )
    yield _orphans(folder, known)


def service_checks(folder: DataFolder) -> Iterator[Check]:
    """Whether the folder's service answers, and can work."""
    from memstored.client import NEVER, Client, ClientError  # noqa: PLC0415 - the HTTP library is for who calls

    server = folder.server()
    if server is None:
        return
    url = str(server.get("url"))
    try:
        with Client(url=url, patience=NEVER, timeout=5.0) as client:
            health = client.show_readiness()
    except ClientError as trouble:
        advice = "Start it again with `memstored serve`; its nodes go on meanwhile."
        yield Check(name="service", verdict=Verdict.BAD, found=str(trouble), advice=advice)
        return
    yield Check(
        name="service",
        verdict=Verdict.OK if health.status == "ok" else Verdict.BAD,
        found=f"answers at {url}" if health.status == "ok" else f"{health.reason}: {health.message}",
        advice=""
        if health.status == "ok"
        else "It recovers by itself when that has passed; its log tells more.",
    )


def _judged(name: str, found: str, *, good: bool, advice: str) -> Check:
    """A check that warns: what it finds costs speed or reserve, and does not stop a service."""
    verdict = Verdict.OK if good else Verdict.WARN
    return Check(name=name, verdict=verdict, found=found, advice="" if good else advice)


def _memory(machine: Machine) -> Check:
    lines = (machine.read("/proc/meminfo") or "").splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    free, whole = sizes.get("MemAvailable", 0), sizes.get("MemTotal", 0)
    found = f"{free / GIB:.1f} of {whole / GIB:.1f} GiB available"
    return _judged(
        "memory", found, good=free >= GIB, advice="Delete sets, or add memory: nodes would be ended."
    )


def _folder(folder: DataFolder) -> Check:
    found = folder.path.stat()
    if not folder.is_ours:
        advice = "Name a data folder of memstored's with --data-dir."
        return Check(
            name="folder", verdict=Verdict.BAD, found=f"{folder.path} is not memstored's", advice=advice
        )
    if found.st_uid != os.geteuid():
        advice = "Run memstored, and this, as the folder's owner."
        return Check(name="folder", verdict=Verdict.BAD, found=f"is uid {found.st_uid}'s", advice=advice)
    open_to_others = stat.S_IMODE(found.st_mode) & 0o077
    return _judged(
        "folder",
        f"{folder.path}, mode {stat.S_IMODE(found.st_mode):04o}",
        good=not open_to_others,
        advice=f"`chmod 0700 {folder.path}`; the service does that too, when it starts.",
    )


def _orphans(folder: DataFolder, known: set[str]) -> Check:
    nodes = folder.runtime / "nodes"
    here = {it.name for it in nodes.iterdir()} if nodes.exists() else set()
    strange = sorted(here - known)
    return _judged(
        "orphans",
        f"{len(here)} nodes, {len(strange)} of no set{': ' if strange else ''}{', '.join(strange[:3])}",
        good=not strange,
        advice="A running service ends them within a minute, if they are not trying a backup; start it.",
    )


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None


def _most_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 30 if hard == resource.RLIM_INFINITY else hard


def _synchronised() -> bool:
    """What the kernel says of its clock; reading it takes no right."""
    asked = ctypes.create_string_buffer(TIMEX)
    return bool(ctypes.CDLL(None).adjtimex(asked) != UNSYNCHRONISED)


def _row(it: Check) -> Row:
    return {
        "": it.verdict.value,
        "check": it.name,
        "found": f"{it.found}. {it.advice}" if it.advice else it.found,
    }
