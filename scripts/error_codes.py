#!/usr/bin/env python3
"""Finds every error code of the API in the source: where it is given, with which status and words.

The codes are literals in the code that refuses, and stay there. This reads the syntax trees, so nothing
has to be registered; a code that is computed where a literal is expected is an error, not a gap.
`scripts/docs.py` makes docs/reference/errors.md of it; run by itself it prints what it found.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from http import HTTPStatus
from pathlib import Path

from memstored.api.errors import status_of
from memstored.domain.errors import Fault

__all__ = ["Code", "NotLiteral", "StandingReason", "error_codes", "standing_reasons"]

CALLS: Mapping[str, tuple[int, int]] = {
    "Detail": (1, 2),
    "refused": (1, 2),
    "PydanticCustomError": (0, 1),
    "_refuse": (0, 1),
    "error_body": (1, 2),
    "BucketFault": (0, 1),
}
"""Calls that give a code: which argument it is, and which one says it in words."""

PASSED_ON = frozenset(
    {"refused", "_refuse", "_detail", "refusal", "refusing", "delete_node", "_on_http_exception"}
)
"""Functions that hand on a code which stands as a literal somewhere else."""

PLAIN_CREATE = "domain/requests/order.py"
"""The rules that plain create answers with 422, and a restore with 400 (API.md 1)."""

SETTLED: Mapping[str, tuple[int, ...]] = {
    "path_unknown": (404,),
    "method_not_allowed": (405,),
    "no_edit_right": (403,),
}
"""Codes whose statuses do not show where they stand."""

WORD = re.compile(r"[a-z]+(_[a-z0-9]+)*")
GENERAL = frozenset({"invalid_request", "cannot_be_met", "internal_error"})


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """One code: its statuses, the words it is given with (`…` for what varies), the files it stands in."""

    code: str
    statuses: tuple[int, ...]
    words: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StandingReason:
    """A `reason` of a set (S10): state, code, message, what is tried, what comes next."""

    state: str
    code: str
    message: str
    trying: str
    next: str


class NotLiteral(Exception):
    """A code is computed where a literal is expected; the message names the place."""


@dataclass(frozen=True, slots=True)
class _Find:
    code: str
    status: int | None
    words: str
    file: str


def error_codes(package: Path) -> list[Code]:
    """Every code in the package, by name. Raises `NotLiteral`."""
    finds = [*_of_classes(), *(find for file in _files(package) for find in _Scan(package, file).finds())]
    by_code: dict[str, list[_Find]] = {}
    for find in finds:
        by_code.setdefault(find.code, []).append(find)
    return sorted(_summed_up(code, group) for code, group in by_code.items())


def standing_reasons(package: Path) -> list[StandingReason]:
    """Every reason that the control loop gives for a state, in the order of the source."""
    tree = ast.parse((package / "domain/standing.py").read_text(encoding="utf-8"))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _name(n) == "Standing"]
    whole = sorted((c for c in calls if len(c.args) == len(fields(StandingReason))), key=lambda c: c.lineno)
    rows = [[_text(arg, None) or "…" for arg in call.args] for call in whole]
    return [StandingReason(*row) for row in rows if WORD.fullmatch(row[1])]


def _summed_up(code: str, group: list[_Find]) -> Code:
    given = {find.status for find in group if find.status}
    if any(find.file == PLAIN_CREATE for find in group):
        given.add(HTTPStatus.BAD_REQUEST)
    statuses = SETTLED.get(code) or tuple(sorted(given))
    words = dict.fromkeys(find.words for find in group if find.words)
    files = sorted({find.file for find in group})
    return Code(code=code, statuses=statuses, words=tuple(words), files=tuple(files))


def _files(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


def _faults(root: type[Fault] = Fault) -> Iterator[type[Fault]]:
    yield root
    for kind in root.__subclasses__():
        yield from _faults(kind)


def _of_classes() -> Iterator[_Find]:
    """The codes that whole kinds of refusals have, with the docstring of each as its words."""
    for kind in _faults():
        if kind is not Fault:
            words = (kind.__doc__ or "").strip()
            file = kind.__module__.removeprefix("memstored.").replace(".", "/") + ".py"
            yield _Find(kind.code, status_of(kind("")), words, file)


class _Scan:
    """One file: walks its tree, knowing the function and the refusal that it is in."""

    def __init__(self, package: Path, file: Path) -> None:
        self._file = file.relative_to(package).as_posix()
        self._tree = ast.parse(file.read_text(encoding="utf-8"))
        self._kinds = {kind.__name__: status_of(kind("")) for kind in _faults()}

    def finds(self) -> Iterator[_Find]:
        """Every code that is given in the file."""
        yield from self._walk(self._tree, None, None)

    def _walk(self, node: ast.AST, inside: ast.AST | None, status: int | None) -> Iterator[_Find]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = node
        if isinstance(node, ast.Call):
            status = self._kinds.get(_name(node), status)
            yield from self._of_call(node, inside, status)
        elif isinstance(node, ast.Assign):
            yield from self._of_assignment(node)
        elif isinstance(node, ast.Tuple):
            yield from self._of_pair(node)
        elif isinstance(node, ast.Return) and _function(inside) == "_code":
            yield from self._of_return(node)
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child, inside, status)

    def _of_call(self, call: ast.Call, inside: ast.AST | None, status: int | None) -> Iterator[_Find]:
        name = _name(call)
        keywords = {k.arg: k.value for k in call.keywords if k.arg}
        if name in CALLS:
            at, says = CALLS[name]
            given = keywords.get("code") or _argument(call, at)
            words = keywords.get("message") or _argument(call, says)
            if words is not None:  # else another function of that name
                yield from self._given(call, given, words, inside, self._status(call, status))
        elif "code" in keywords and (name in self._kinds or name == "replace"):
            words = keywords.get("message") or _argument(call, 0)
            yield from self._given(call, keywords["code"], words, inside, status or HTTPStatus.BAD_REQUEST)

    def _given(
        self,
        call: ast.Call,
        given: ast.expr | None,
        words: ast.expr | None,
        inside: ast.AST | None,
        status: int,
    ) -> Iterator[_Find]:
        code = _text(given, None)
        if WORD.fullmatch(code):
            yield _Find(code, status, _text(words, inside), self._file)
        elif given is not None and _function(inside) not in PASSED_ON:
            raise NotLiteral(f"{self._file}:{call.lineno}: the code is not a literal")

    def _status(self, call: ast.Call, enclosing: int | None) -> int:
        first = _argument(call, 0)
        if _name(call) == "error_body" and isinstance(first, ast.Attribute):
            return HTTPStatus[first.attr]
        default = HTTPStatus.UNPROCESSABLE_ENTITY if self._file == PLAIN_CREATE else HTTPStatus.BAD_REQUEST
        return enclosing or default

    def _of_assignment(self, assign: ast.Assign) -> Iterator[_Find]:
        """`code, message = "path_unknown", f"…"`."""
        target, value = assign.targets[0], assign.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            named = {t.id: v for t, v in zip(target.elts, value.elts, strict=True) if isinstance(t, ast.Name)}
            code = _text(named.get("code"), None)
            if WORD.fullmatch(code) and code not in GENERAL:
                yield _Find(code, None, _text(named.get("message"), None), self._file)

    def _of_pair(self, pair: ast.Tuple) -> Iterator[_Find]:
        """A word and a sentence, as tables and functions of rules have them."""
        if len(pair.elts) == 2:  # noqa: PLR2004 - a pair
            code, words = (_text(part, None) for part in pair.elts)
            if WORD.fullmatch(code) and words.endswith("."):
                yield _Find(code, HTTPStatus.BAD_REQUEST, words, self._file)

    def _of_return(self, node: ast.Return) -> Iterator[_Find]:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield _Find(part.value, HTTPStatus.BAD_REQUEST, "Says what the field takes.", self._file)


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _function(inside: ast.AST | None) -> str:
    return inside.name if isinstance(inside, ast.FunctionDef | ast.AsyncFunctionDef) else ""


def _argument(call: ast.Call, index: int) -> ast.expr | None:
    return call.args[index] if index < len(call.args) else None


def _text(node: ast.expr | None, inside: ast.AST | None) -> str:
    """The text of a literal, with `…` for what varies; of a name, the text it was last given before."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, None) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body, inside)} / {_text(node.orelse, inside)}"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "SetState":
        return node.attr
    if isinstance(node, ast.Name) and inside is not None:
        return _text(_last_given(node, inside), None)
    return ""


def _last_given(name: ast.Name, inside: ast.AST) -> ast.expr | None:
    given = [
        n
        for n in ast.walk(inside)
        if isinstance(n, ast.Assign)
        and n.lineno <= name.lineno
        and isinstance(n.targets[0], ast.Name)
        and n.targets[0].id == name.id
    ]
    return max(given, key=lambda n: n.lineno).value if given else None


def main() -> None:
    """Print every code with its statuses."""
    for code in error_codes(Path(__file__).parent.parent / "src/memstored"):
        statuses = ", ".join(map(str, code.statuses))
        sys.stdout.write(f"{code.code}  {statuses}  {' / '.join(code.words)}\n")


if __name__ == "__main__":
    main()
