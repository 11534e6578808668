import resource
from pathlib import Path

import pytest
import uvloop

from memstored.runtime import haproxy
from memstored.runtime.haproxy import ProxyTrouble, configuration, usable_haproxy

READS_ITS_FILE = 'test -s "$4" && grep -q "stats socket" "$4"'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for; the shell's are in the system's own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(haproxy, "SYSTEM", ())
    return tmp_path


def a_program(folder: Path, words: str) -> Path:
    """An HAProxy that does this when it is asked whether it understands a configuration."""
    program = folder / "haproxy"
    program.write_text(f"#!/bin/sh\n{words}\n")
    program.chmod(0o755)
    return program


def test_what_understands_the_configuration_is_used(folder: Path) -> None:
    """It is asked under the service's own event loop, and gets a file that can be opened."""
    program = a_program(folder, READS_ITS_FILE)

    assert uvloop.run(usable_haproxy()) == str(program)


async def test_none_is_a_reason(folder: Path) -> None:
    """It says what to do."""
    with pytest.raises(ProxyTrouble, match="no haproxy is here: install it"):
        await usable_haproxy()


async def test_what_does_not_understand_it_is_a_reason(folder: Path) -> None:
    """An old one does not know every word."""
    a_program(folder, "exit 1")

    with pytest.raises(ProxyTrouble, match=r"install 2\.4 or later"):
        await usable_haproxy()


async def test_what_can_not_be_run_is_a_reason(folder: Path) -> None:
    """A broken file says nothing."""
    a_program(folder, "").write_bytes(b"\x7fELF not really")

    with pytest.raises(ProxyTrouble, match="can not be run"):
        await usable_haproxy()


def test_what_hangs_is_ended(folder: Path) -> None:
    """Nothing waits for it, and nothing of it is left."""
    a_program(folder, f"echo $$ > {folder}/pid; exec /bin/sleep 60")

    with pytest.raises(ProxyTrouble, match="did not answer"):
        uvloop.run(usable_haproxy(patience=0.5))

    pid = (folder / "pid").read_text().strip()
    assert not Path("/proc", pid).exists()


@pytest.mark.parametrize(
    ("granted", "connections"),
    [(1_048_576, 20_064), (resource.RLIM_INFINITY, 20_064), (4096, 2016), (16, 1)],
)
def test_it_promises_no_more_connections_than_it_may_open(
    monkeypatch: pytest.MonkeyPatch, granted: int, connections: int
) -> None:
    """A promise that the machine does not grant would keep it from starting."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, granted))

    text = configuration({"primary": "127.0.0.1"}, 6379)

    assert f"maxconn {connections}\n" in text


def test_it_is_told_of_addresses_and_of_no_node() -> None:
    """It is born leading nowhere."""
    text = configuration({"primary": "127.20.0.7", "reader": "127.20.0.8"}, 6379)

    assert "bind 127.20.0.7:6379\n" in text
    assert "bind 127.20.0.8:6379\n" in text
    assert text.count("server node 127.0.0.1:1 disabled") == 2
