"""The way of redis-cli to a set with TLS: whoever answers is looked at on every connection."""

import socket
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from memstored.cli.errors import Stop
from memstored.cli.relay import run_relayed
from memstored.client.models import Endpoint
from memstored.domain.ports import Papers
from memstored.redis.certificates import Signer, new_authority
from memstored.redis.tls import server_context

HOST = "127.0.0.1"
NOW = 1_767_225_600.0
AUTHORITY, KEY = new_authority("memstored authority", now=NOW, days=3650)
FOREIGN, FOREIGN_KEY = new_authority("memstored authority", now=NOW, days=3650)


def papers(*addresses: str, authority: str = AUTHORITY, key: str = KEY) -> Papers:
    """What a node at these addresses shows."""
    return Signer.from_pem(authority, key).leaf("a node", addresses, now=NOW, days=3650).papers


class Answering:
    """Greets whoever comes over TLS with one line, with the certificates one after the other."""

    def __init__(self, *shown: Papers) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.place = Endpoint(host=HOST, port=self._listener.getsockname()[1])
        self._shown = shown
        self._thread = threading.Thread(target=self._answer)

    def _answer(self) -> None:
        for shown in self._shown:
            plain, _ = self._listener.accept()
            # A caller who does not believe us, or has seen enough, is gone.
            with (
                plain,
                suppress(OSError),
                server_context(shown).wrap_socket(plain, server_side=True) as secure,
            ):
                asked = secure.recv(100)
                secure.sendall(b"heard " + asked)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Stands for redis-cli: asks one thing at the socket that it is told, and ends with 3."""
    script = tmp_path / "program"
    script.write_text(
        f"#!{sys.executable}\n"
        "import contextlib, socket, sys\n"
        "_, option, path, word = sys.argv\n"
        "assert (option, path.rpartition('/')[2]) == ('-s', 'orders')\n"
        "answer = b''\n"
        # Whoever is hung up on says so, as redis-cli does.
        "with socket.socket(socket.AF_UNIX) as near, contextlib.suppress(ConnectionError):\n"
        "    near.connect(path)\n"
        "    near.sendall(word.encode())\n"
        "    answer = near.recv(100)\n"
        "print(answer.decode() or 'nothing', flush=True)\n"
        "sys.exit(3)\n"
    )
    script.chmod(0o700)
    return str(script)


def test_what_is_said_is_passed_on_both_ways(program: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The exit code is that of redis-cli."""
    with Answering(papers(HOST), papers(HOST)) as node:
        code = run_relayed("orders", node.place, AUTHORITY, program, ["PING"])

    assert (code, capfd.readouterr().out) == (3, "heard PING\n")


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (papers("127.0.0.2"), "IP address mismatch"),
        (papers(HOST, authority=FOREIGN, key=FOREIGN_KEY), "certificate"),
    ],
    ids=["another's name", "another authority"],
)
def test_a_stranger_is_not_spoken_to(
    shown: Papers, words: str, program: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """redis-cli is not even started."""
    with Answering(shown) as node, pytest.raises(Stop, match=f"not to be trusted: .*{words}"):
        run_relayed("orders", node.place, AUTHORITY, program, ["PING"])

    assert capfd.readouterr().out == ""


def test_a_stranger_who_comes_later_is_not_spoken_to(program: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each connection is looked at: redis-cli makes another one when its first ends."""
    with Answering(papers(HOST), papers("127.0.0.2")) as node:
        run_relayed("orders", node.place, AUTHORITY, program, ["PING"])

    shown = capfd.readouterr()
    assert shown.out == "nothing\n"
    assert "IP address mismatch" in shown.err


def test_nobody_there_is_told(program: str) -> None:
    """With the address and the system's words."""
    with socket.create_server((HOST, 0)) as gone:
        place = Endpoint(host=HOST, port=gone.getsockname()[1])

    with pytest.raises(Stop, match=rf"No connection to {HOST}:\d+: Connect"):
        run_relayed("orders", place, AUTHORITY, program, ["PING"])


def test_a_folder_that_holds_no_socket_is_told(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a socket is short; which folder it is in is for the user to say."""
    deep = tmp_path / ("deep" * 25)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))

    with Answering(papers(HOST)) as node, pytest.raises(Stop, match="by TMPDIR"):
        run_relayed("orders", node.place, AUTHORITY, program, ["PING"])

    assert list(deep.iterdir()) == []


@pytest.mark.parametrize("authorities", ["", "<html>", "-----BEGIN CERTIFICATE-----\njunk\n"])
def test_without_authorities_nobody_is_trusted(authorities: str, program: str) -> None:
    """Not even who the system would trust."""
    with pytest.raises(Stop, match="Whom to trust is not known"):
        run_relayed("orders", Endpoint(host=HOST, port=1), authorities, program, ["PING"])
