"""The style sheet and the scripts: files of the package, each at an address that has its hash.

Such an address is valid for ever, so a browser never asks for a file twice. Scripts of others are in
`assets` as they were published, with their licences; `SHA256` says which.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["SHA256", "address_of", "asset"]

SHA256: Mapping[str, str] = {
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "sse.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
}
"""htmx.org 2.0.11 and htmx-ext-sse 2.2.4 of npm, `dist`."""

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asset:
    content: bytes
    digest: str
    media_type: str


@cache
def _assets() -> Mapping[str, _Asset]:
    return {
        file.name: _Asset(
            content=(content := file.read_bytes()),
            digest=sha256(content).hexdigest()[:16],
            media_type=_TYPES[suffix],
        )
        for file in (files("memstored.console") / "assets").iterdir()
        if (suffix := file.name.rpartition(".")[2]) in _TYPES
    }


def address_of(name: str) -> str:
    """Where the file is, from the console's own place on."""
    return f"assets/{_assets()[name].digest}/{name}"


async def asset(request: Request) -> Response:
    """The file at `assets/{digest}/{name}`."""
    found = _assets().get(request.path_params["name"])
    if found is None or found.digest != request.path_params["digest"]:
        raise HTTPException(404)
    headers = {"cache-control": _FOREVER, "content-type": found.media_type}
    return Response(found.content, headers=headers)
