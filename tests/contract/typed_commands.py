"""`memstored` with words that a test types, in a process that has everything but a terminal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from memstored.cli.main import main

__all__ = ["Done", "Run", "exit_code"]


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> list[list[str]]:
        """Its lines, split at blanks."""
        return [line.split() for line in self.out.splitlines()]


Run = Callable[..., Awaitable[Done]]


def exit_code() -> int:
    """Run the command that `sys.argv` names to its end."""
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
