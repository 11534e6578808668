"""How log lines look. Apart from `logs`, so that the command line can name it without what writes them."""

from enum import StrEnum

__all__ = ["LogForm"]


class LogForm(StrEnum):
    """How lines look: for people, or one JSON object each."""

    CONSOLE = "console"
    JSON = "json"
