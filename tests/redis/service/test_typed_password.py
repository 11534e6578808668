"""`memstored user password-encrypt` at a terminal: asked twice, shown never."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from service_process import PROGRAM, ServiceProcess

IN_A_TERMINAL = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"


class Terminal:
    """A program whose standard input is a terminal; its output is a file, as when a shell captures it."""

    def __init__(self, service: ServiceProcess) -> None:
        self.output = service.place / "printed"
        words = f"exec {PROGRAM} user password-encrypt --data-dir {service.data_dir} > {self.output}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_A_TERMINAL, "sh", "-c", words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.shown = b""

    def await_prompt(self, prompt: bytes, times: int = 1) -> None:
        """Return when the program has asked for it so many times: what is typed before is thrown away."""
        assert self.process.stdout is not None
        while self.shown.count(prompt) < times:
            read = os.read(self.process.stdout.fileno(), 1000)
            assert read, self.shown
            self.shown += read

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def end(self) -> int:
        """Its exit code; what it showed last is in `shown`."""
        rest, _ = self.process.communicate(timeout=30)
        self.shown += rest
        return self.process.returncode


@pytest.fixture
def terminal(service: ServiceProcess) -> Iterator[Terminal]:
    """The command, waiting at a terminal."""
    made = Terminal(service)
    with made.process as process:
        yield made
        process.kill()


def test_a_typed_password_is_not_shown(terminal: Terminal) -> None:
    """The terminal shows the questions; what is printed is the accepted form alone."""
    for prompt in (b"Password: ", b"Again: "):
        terminal.await_prompt(prompt)
        terminal.type("open sesame")

    assert terminal.end() == 0
    assert b"sesame" not in terminal.shown
    assert len(terminal.output.read_text()) == 513


def test_what_was_typed_differently_is_asked_for_again(terminal: Terminal) -> None:
    """A slip of the finger does not become the password."""
    terminal.await_prompt(b"Password: ")
    terminal.type("open sesame")
    terminal.await_prompt(b"Again: ")
    terminal.type("open sesam")

    terminal.await_prompt(b"Password: ", times=2)

    assert b"sesam" not in terminal.shown
