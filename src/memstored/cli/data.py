"""What a data folder lets its owner do with the running service: be a client, get a token."""

from pathlib import Path

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.client import Client

__all__ = ["client", "new_token"]


def client(data_dir: Path) -> Client:
    """A client with the first admin's credential of that folder."""
    folder = DataFolder(data_dir)
    if folder.credentials() is None:
        raise Stop(f"{folder.credentials_file} is not there: start the service with this data folder first.")
    return Client.from_file(folder.credentials_file)


def new_token(data_dir: Path) -> str:
    """A fresh token of the first admin."""
    with client(data_dir) as caller:
        return caller.new_token()
