"""The API for people to read: one page made from the OpenAPI document, with no scripts and no other hosts."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from starlette.responses import HTMLResponse

__all__ = ["reference_page"]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
body{color:#1b1f24;background:#fff}
code{font:14px/1.4 ui-monospace,monospace}
h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de}
details{margin:.4rem 0;border:1px solid #d0d7de;border-radius:6px;padding:.4rem .8rem}
summary{cursor:pointer}
summary b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;border-top:1px solid #d0d7de;padding:.3rem .6rem .3rem 0}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#79c0ff}}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def reference_page(doc: Mapping[str, Any]) -> HTMLResponse:
    """The page for this document."""
    title = escape(doc["info"]["title"])
    body = "".join([*_intro(doc), *_operations(doc), *_shapes(doc)])
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )
    return HTMLResponse(page, headers={"content-security-policy": _POLICY})


def _intro(doc: Mapping[str, Any]) -> Iterator[str]:
    info = doc["info"]
    yield f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
    yield f"<p>{escape(info.get('description', ''))}</p>"
    yield '<p>The same as a document for programs: <a href="/openapi.json">/openapi.json</a>.</p>'


def _operations(doc: Mapping[str, Any]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for path, item in doc["paths"].items():
        for method, operation in item.items():
            [tag, *_] = operation.get("tags", ["other"])
            groups.setdefault(tag, []).append(_operation(method, path, operation))
    for tag, rows in groups.items():
        yield f"<h2>{escape(tag.capitalize())}</h2>{''.join(rows)}"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    head = f"<b><code>{method.upper()}</code></b> <code>{escape(path)}</code>"
    summary = escape(operation.get("summary", ""))
    text = escape(operation.get("description", ""))
    parameters = [_parameter(p) for p in operation.get("parameters", [])]
    bodies = [_row("body", _content(operation["requestBody"]))] if "requestBody" in operation else []
    responses = [_row(status, _response(r)) for status, r in operation["responses"].items()]
    return (
        f"<details><summary>{head} — {summary}</summary><p>{text}</p>"
        f"<table>{''.join([*parameters, *bodies])}</table><table>{''.join(responses)}</table></details>"
    )


def _parameter(parameter: Mapping[str, Any]) -> str:
    need = "required" if parameter.get("required") else "optional"
    words = (
        f"{parameter['in']}, {need}. {_type(parameter['schema'])} {escape(parameter.get('description', ''))}"
    )
    return _row(parameter["name"], words)


def _response(response: Mapping[str, Any]) -> str:
    return f"{escape(response['description'])} {_content(response)}"


def _content(holder: Mapping[str, Any]) -> str:
    kinds = holder.get("content", {}).values()
    return ", ".join(_type(kind.get("schema", {})) for kind in kinds)


def _shapes(doc: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Shapes</h2>"
    for name, schema in sorted(doc.get("components", {}).get("schemas", {}).items()):
        required = schema.get("required", [])
        rows = [_field(key, value, key in required) for key, value in schema.get("properties", {}).items()]
        text = escape(schema.get("description", ""))
        label = f'<summary id="{escape(name)}"><code>{escape(name)}</code></summary>'
        yield f"<details open>{label}<p>{text}</p><table>{''.join(rows)}</table></details>"


def _field(name: str, schema: Mapping[str, Any], required: bool) -> str:  # noqa: FBT001 - a fact, no switch
    need = "" if required else " (optional)"
    return _row(name, f"{_type(schema)}{need} {escape(schema.get('description', ''))}")


def _row(label: str, html: str) -> str:
    return f"<tr><th><code>{escape(label)}</code></th><td>{html}</td></tr>"


def _type(schema: Mapping[str, Any]) -> str:
    """What a value may be, in a few words; shapes are links to their place on the page."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}"><code>{name}</code></a>'
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(_type(part) for part in schema[key])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "")))
