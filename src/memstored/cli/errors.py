"""What stops a command: one clear line for the person who typed it, and an exit code other than 0."""

__all__ = ["Stop"]


class Stop(Exception):
    """A command can not go on; the message says what is wrong and what to do. Exit code 2: the command or
    its settings are wrong; 6: another service has taken over; 1: something else is in the way.
    """

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
