"""Which place the settings name. Whatever can not be right is refused before anything is asked of it.

What an S3 store needs is imported when there is one: it is a tenth of a second of every start.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from memstored.domain.object_keys import is_key
from memstored.domain.settings import ObjectSettings
from memstored.objects.folder import Folder
from memstored.objects.protocol import Place
from memstored.objects.reserve import Reserve
from memstored.objects.signing import Keys

if TYPE_CHECKING:
    from memstored.objects.s3 import Address

__all__ = ["place_of"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENDPOINT = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?/?")


def place_of(settings: ObjectSettings, default: Path, environment: Mapping[str, str]) -> Place:
    """The place; `default` is the folder when no url is set. Raises `ValueError` with the reason."""
    url = urlsplit(settings.url or "file:")
    if url.scheme == "s3":
        from memstored.objects.s3 import S3  # noqa: PLC0415 - see the head of the file

        if settings.reserve_mib is not None:
            raise ValueError("objects.reserve_mib belongs to a folder; an S3 store has its own bounds.")
        return S3(_address(settings), _keys(environment), timeout=settings.timeout)
    for name in ("endpoint", "region"):
        if getattr(settings, name) is not None:
            raise ValueError(f"objects.{name} belongs to an objects.url of the form s3://bucket/prefix.")
    reserve = Reserve(settings.reserve_mib)
    if settings.url is None:
        return Folder(default, timeout=settings.timeout, make=True, reserve=reserve)
    path = Path(unquote(url.path))
    if url.scheme != "file" or url.netloc or url.query or url.fragment or not path.name:
        raise ValueError("objects.url must be file:///folder or s3://bucket/prefix.")
    return Folder(path, timeout=settings.timeout, reserve=reserve)


def _address(settings: ObjectSettings) -> "Address":
    """Where the bucket is. What is refused is not repeated: people put keys into urls."""
    from memstored.objects.s3 import Address  # noqa: PLC0415 - see the head of the file

    url = urlsplit(settings.url or "")
    prefix = unquote(url.path).strip("/")
    if not _BUCKET.fullmatch(url.netloc) or url.query or url.fragment or not (prefix == "" or is_key(prefix)):
        raise ValueError("objects.url must be s3://bucket or s3://bucket/prefix, without keys in it.")
    region = settings.region or "us-east-1"
    endpoint = settings.endpoint or f"https://s3.{region}.amazonaws.com"
    if not _ENDPOINT.fullmatch(endpoint):
        raise ValueError("objects.endpoint must be https://host or http://host, with :port if need be.")
    return Address(endpoint=endpoint.rstrip("/"), region=region, bucket=url.netloc, prefix=prefix)


def _keys(environment: Mapping[str, str]) -> Keys:
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        raise ValueError(
            "objects.url is an S3 store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment."
        )
    return Keys(access=access, secret=secret, token=environment.get("AWS_SESSION_TOKEN"))
