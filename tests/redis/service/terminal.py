"""Commands in a terminal, and what is seen of them there."""

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path


def typed(place: Path, *words: str, interrupted_at: str | None = None) -> tuple[int, str]:
    """Run a command in a terminal of 80 columns; its exit code, and all that it wrote.

    Ctrl-C is typed as soon as `interrupted_at` is seen.
    """
    screen, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    # A run of tests in the background does not hear Ctrl-C, and what it starts would not either.
    words = ("env", "--default-signal=INT", *words)
    process = subprocess.Popen(
        words, stdin=its, stdout=its, stderr=its, cwd=place, env={**environment, "TERM": "xterm"}
    )
    os.close(its)
    shown, deadline = b"", time.monotonic() + 60
    while (piece := _read(screen, deadline)) is not None:
        shown += piece
        if interrupted_at is not None and interrupted_at.encode() in shown:
            process.send_signal(signal.SIGINT)
            interrupted_at = None
    os.close(screen)
    return process.wait(60), shown.decode().replace("\r\n", "\n")


def _read(screen: int, deadline: float) -> bytes | None:
    """The next piece; None when nobody has the terminal any more."""
    ready, _, _ = select.select([screen], [], [], max(deadline - time.monotonic(), 0))
    assert ready, "the command does not end"
    try:
        return os.read(screen, 65536)
    except OSError as end:
        assert end.errno == errno.EIO, end  # noqa: PT017 - how Linux says it
        return None


class Terminal:
    """A shell in a terminal of so many columns, in which one command after the other is run.

    `config` is the folder of its user's configuration.
    """

    def __init__(self, place: Path, *, columns: int, config: Path) -> None:
        self._screen, its = pty.openpty()
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=its,
            stderr=its,
            cwd=place,
            env={
                **os.environ,
                "COLUMNS": str(columns),
                "TERM": "xterm",
                "XDG_CONFIG_HOME": str(config),
            },
        )
        os.close(its)

    def run(self, commands: str) -> str:
        """What is on the screen when these are done."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{commands}\necho '<'done'>'\n".encode())
        self._shell.stdin.flush()
        shown, deadline = b"", time.monotonic() + 60
        while b"<done>\r\n" not in shown:
            ready, _, _ = select.select([self._screen], [], [], deadline - time.monotonic())
            assert ready, f"{commands} does not end: {shown!r}"
            shown += os.read(self._screen, 65536)
        return last_drawn(shown.decode().replace("\r\n", "\n").removesuffix("<done>\n"))

    def close(self) -> None:
        """End the shell."""
        self._shell.kill()
        self._shell.communicate()
        os.close(self._screen)


def last_drawn(shown: str) -> str:
    """Without colours, and without what was drawn over: that goes up line by line, and erases each."""
    lines = [""]
    for part in re.split(r"(\x1b\[1A|\x1b\[2K|\n|\r)", shown):
        if part == "\n":
            lines.append("")
        elif part == "\x1b[1A":
            lines.pop()
        elif part == "\x1b[2K":
            lines[-1] = ""
        elif part != "\r":
            lines[-1] += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", part)
    return "\n".join(lines)
