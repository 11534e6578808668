"""Whom a command speaks for: the owner of a data folder, or whoever has a token and an address."""

import os
from pathlib import Path

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.client import Client

__all__ = ["TOKEN", "caller", "client", "new_token"]

TOKEN = "MEMSTORED_TOKEN"  # noqa: S105 - the name of a variable, in which a token stays out of the arguments


def client(data_dir: Path) -> Client:
    """A client with the first admin's credential of that folder."""
    folder = DataFolder(data_dir)
    if folder.credentials() is None:
        raise Stop(f"{folder.credentials_file} is not there: start the service with this data folder first.")
    return Client.from_file(folder.credentials_file)


def caller(url: str) -> Client:
    """A client with the token that is in the environment."""
    token = os.environ.get(TOKEN)
    if not token:
        raise Stop(f"There is no token: put one in the variable {TOKEN}.", code=2)
    return Client.with_token(url, token)


def new_token(data_dir: Path) -> str:
    """A fresh token of the first admin."""
    with client(data_dir) as caller:
        return caller.new_token()
