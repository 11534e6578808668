"""The OpenAPI document: what every route says of itself, completed by what holds for all of them.

Routes name their answers with `answers` and their refusals with `refusals`, and bodies that they parse
themselves with `request_body`; `document` puts it together.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from memstored.api.schemas.forms import Created, ErrorBody, Form

__all__ = [
    "COMMON_REFUSALS",
    "Paths",
    "Responses",
    "answers",
    "document",
    "refusals",
    "request_body",
    "writes",
]

Responses = dict[int | str, dict[str, Any]]
"""What a route may answer, by status, as FastAPI takes it."""

_REFERENCE = "#/components/schemas/{model}"

_WORDS: Mapping[int, str] = {
    400: "A field or query parameter is wrong, or a precondition does not hold; `details` names every fault.",
    401: "The token is missing, unknown or expired.",
    403: "The caller's role or project does not allow this.",
    404: "There is no such object in the caller's project.",
    409: "The name is already in use in this project.",
    413: "The request body is over 1 MiB.",
    422: "Every field is well-formed, but the request can not be met here.",
    500: "A fault of the service, or a part that it needs is away (then with `Retry-After`).",
}


def refusals(*statuses: int) -> Responses:
    """The refusals that a route may answer with."""
    return {status: {"model": ErrorBody, "description": _WORDS[status]} for status in statuses}


COMMON_REFUSALS = refusals(400, 401, 403, 413, 500)
"""What any route under `/v1` may answer with (API.md 1)."""


def answers(model: type[BaseModel], description: str, status: int = 200) -> Responses:
    """The answer of a route that went well."""
    return {status: {"model": model, "description": description}}


def writes(description: str, status: int = 200) -> Responses:
    """The answer of a write that went well: the id of what was made or changed."""
    return answers(Created, description, status)


def request_body(shape: type[Form]) -> dict[str, Any]:
    """`openapi_extra` of a route that parses this body itself."""
    schema = shape.model_json_schema(ref_template=_REFERENCE)
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole OpenAPI document of the app's routes."""
    shared = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    doc = deepcopy(shared)  # parts of it belong to the routes, which other apps have too
    components = doc.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    components["headers"] = {"RequestId": _REQUEST_ID}
    for path in doc["paths"].values():
        for operation in path.values():
            _finish(operation, schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return doc


class Paths:
    """Which methods each path of a document has; asked for the `Allow` header of a 405."""

    def __init__(self, doc: Mapping[str, Any]) -> None:
        self._known = [
            (re.compile(_pattern(path)), [method.upper() for method in item])
            for path, item in doc["paths"].items()
        ]

    def methods(self, path: str) -> list[str]:
        """The methods that this path has, sorted; none for an unknown path."""
        found = (methods for pattern, methods in self._known if pattern.fullmatch(path))
        return sorted({method for methods in found for method in methods})


_REQUEST_ID = {
    "description": "The id of this request, as it stands in logs and events.",
    "schema": {"type": "string", "format": "uuid"},
}


def _pattern(template: str) -> str:
    parts = re.split(r"\{[^}]*\}", template)
    return "[^/]+".join(re.escape(part) for part in parts)


def _finish(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move shapes to where they can be shared, and say what holds for all answers."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = _shared(content["schema"], schemas)
    responses = operation["responses"]
    automatic = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if automatic.get("$ref", "").endswith("/HTTPValidationError"):
        del responses["422"]
    for status, response in responses.items():
        response.setdefault("description", HTTPStatus(int(status)).phrase)
        response.setdefault("headers", {})["X-Request-Id"] = {"$ref": "#/components/headers/RequestId"}


def _shared(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return schema
    schemas.update(schema.pop("$defs", {}))
    schemas[schema["title"]] = schema
    return {"$ref": _REFERENCE.format(model=schema["title"])}
