"""Whom a command speaks for.

The first of these that is there:

1. `--data-dir`: the first admin of that folder's service
2. `--profile`
3. the environment: MEMSTORED_URL, with MEMSTORED_TOKEN or MEMSTORED_CREDENTIAL_ID and MEMSTORED_SECRET
4. the profile that was logged in with last, or chosen by `memstored profile use`
5. the folder `data` here
"""

import os
from pathlib import Path

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.cli.profiles import Profile, Profiles
from memstored.client import Client, Patience

__all__ = ["caller", "folder_client", "profile_client"]

URL, TOKEN = "MEMSTORED_URL", "MEMSTORED_TOKEN"
CREDENTIAL, SECRET = (
    "MEMSTORED_CREDENTIAL_ID",
    "MEMSTORED_SECRET",
)  # variables, which keep secrets out of the arguments
USAGE = 2


def caller(
    data_dir: Path | None, profile: str | None, *, patience: Patience | None = None, timeout: float = 30.0
) -> Client:
    """A client for whoever is meant; raises `Stop` when nobody is."""
    if data_dir is not None:
        return folder_client(data_dir, patience=patience, timeout=timeout)
    url = os.environ.get(URL)
    if profile is None and url:
        return _of_environment(url, patience, timeout)
    chosen = Profiles.load().chosen(profile)
    if chosen is not None:
        return profile_client(chosen, patience=patience, timeout=timeout)
    if DataFolder(Path("data")).credentials() is not None:
        return folder_client(Path("data"), patience=patience, timeout=timeout)
    raise Stop(
        "Whose service is meant? `memstored login` once, or give --data-dir with the data folder of one that "
        f"runs here, or set {URL} and {TOKEN}.",
        code=USAGE,
    )


def folder_client(data_dir: Path, *, patience: Patience | None = None, timeout: float = 30.0) -> Client:
    """A client with the first admin's credential of that folder."""
    folder = DataFolder(data_dir)
    if folder.credentials() is None:
        raise Stop(f"{folder.credentials_file} is not there: start the service with this data folder first.")
    return Client.from_file(folder.credentials_file, patience=patience, timeout=timeout)


def profile_client(profile: Profile, *, patience: Patience | None = None, timeout: float = 30.0) -> Client:
    """A client of that profile."""
    return Client(
        url=profile.url,
        auth_url=profile.auth_url,
        credential_id=profile.credential_id,
        secret=profile.secret,
        ca_file=Path(profile.ca_file) if profile.ca_file else None,
        patience=patience,
        timeout=timeout,
    )


def _of_environment(url: str, patience: Patience | None, timeout: float) -> Client:
    token, credential = os.environ.get(TOKEN), os.environ.get(CREDENTIAL)
    if not token and not credential:
        raise Stop(
            f"There is no token: put one in {TOKEN}, or a credential in {CREDENTIAL} and {SECRET}.",
            code=USAGE,
        )
    return Client(
        url=url,
        token=token,
        credential_id=credential or "",
        secret=os.environ.get(SECRET, ""),
        patience=patience,
        timeout=timeout,
    )
