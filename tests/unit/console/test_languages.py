"""English and Korean: who reads which, and that neither misses a text."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2.ext import extract_from_ast

import memstored.console
from memstored.console.languages import Language, Words, chosen, korean
from memstored.console.rendering import environment

CONSOLE = Path(memstored.console.__file__).parent


def of_templates() -> Iterator[str]:
    """Every text that a template shows by `_`."""
    for file in sorted((CONSOLE / "templates").rglob("*.html")):
        parsed = environment().parse(file.read_text())
        for _line, _function, text in extract_from_ast(parsed, gettext_functions=("_",)):
            # A text that Python marks is None, and of `_("…", name=value)` the values are.
            found = text if isinstance(text, tuple) else (text,)
            yield from (part for part in found if part is not None)


def of_modules() -> Iterator[str]:
    """Every text that Python marks by `english`, for a template to show."""
    for file in sorted(CONSOLE.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "english":
                (text,) = call.args
                yield ast.literal_eval(text)


def used() -> set[str]:
    """Every text that is shown."""
    return {*of_templates(), *of_modules()}


def test_every_text_has_a_korean_one() -> None:
    """Whatever a page shows by `_` has its Korean text, in the file of its group."""
    assert used() - set(korean()) == set()


def test_no_korean_text_is_left_over() -> None:
    """A text that nobody shows any more is gone from the Korean ones, too."""
    assert set(korean()) - used() == set()


def test_a_text_has_one_korean_one() -> None:
    """Where two files have the same text they say the same."""
    said: dict[str, set[str]] = {}
    for file in (CONSOLE / "korean").iterdir():
        for text, korean_one in json.loads(file.read_text()).items():
            said.setdefault(text, set()).add(korean_one)

    assert {text: ones for text, ones in said.items() if len(ones) > 1} == {}


def test_both_texts_name_the_same_values() -> None:
    """A value that the English text shows is shown by the Korean one."""
    names = {
        text: (set(re.findall(r"{(\w+)}", text)), set(re.findall(r"{(\w+)}", said)))
        for text, said in korean().items()
    }

    assert {text: pair for text, pair in names.items() if pair[0] != pair[1]} == {}


def test_a_text_takes_its_values() -> None:
    """Values are put in the place of their names."""
    assert Words(Language.ENGLISH)("of {count}", count=3) == "of 3"
    assert Words(Language.KOREAN)("of {count}", count=3) == "/ 3"


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", Language.ENGLISH),
        (None, "ko", Language.KOREAN),
        (None, "ko-KR,ko;q=0.9,en;q=0.8", Language.KOREAN),
        (None, "en;q=0.5,ko;q=0.9", Language.KOREAN),
        (None, "fr,de;q=0.9", Language.ENGLISH),
        (None, "ko;q=0,en", Language.ENGLISH),
        (None, "ko;q=much", Language.ENGLISH),
        ("en", "ko", Language.ENGLISH),
        ("ko", "en", Language.KOREAN),
        ("xx", "ko", Language.KOREAN),
    ],
)
def test_the_language_is_chosen(cookie: str | None, accepted: str, language: Language) -> None:
    """What was chosen counts; else what the browser would rather have, of the two that there are."""
    assert chosen(cookie, accepted) is language
