"""Secrets as people give them: typed without being shown, or piped in; never as arguments."""

import sys

import typer

from memstored.cli.errors import Stop

__all__ = ["secret"]

USAGE = 2


def secret(what: str, *, again: bool) -> str:
    """A secret that is typed (twice, with `again`), or all that is piped in, less a line break at its end."""
    if sys.stdin.isatty():
        prompt = "Again" if again else False
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=prompt, err=True))
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise Stop(f"Give the {what.lower()} in UTF-8.", code=USAGE) from None
