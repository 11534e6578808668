"""JSON as this API writes it: compact, in UTF-8, ending in one newline (API.md 1)."""

import json
from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import Response

from memstored.api.schemas.forms import Created

__all__ = ["Answer", "Json", "answer", "created", "written"]

JSON_TYPE = "application/json; charset=UTF-8"


class Json(str):
    """JSON that is written already."""

    __slots__ = ()


class Answer(Response):
    """A JSON answer; takes a pydantic model, `Json`, or anything that `json` can write."""

    media_type = "application/json"

    def __init__(
        self, content: object, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(content, int(status_code), {"content-type": JSON_TYPE, **(headers or {})})

    def render(self, content: object) -> bytes:
        """The bytes of the body."""
        if isinstance(content, Json):
            return content.encode() + b"\n"
        if isinstance(content, BaseModel):
            return content.model_dump_json(by_alias=True).encode() + b"\n"
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode() + b"\n"


def answer(content: object, status: int = 200) -> Answer:
    """A JSON answer with this content."""
    return Answer(content, status)


def created(object_id: str) -> Answer:
    """201 with the id of what was created."""
    return Answer(Created(object_id=object_id), 201)


def written(object_id: str) -> Answer:
    """200 with the id of what was changed or deleted."""
    return Answer(Created(object_id=object_id))
