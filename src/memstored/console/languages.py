"""English and Korean: which of the two a visitor reads, and the texts.

Texts are written in English where they are used, by `_("…")` in templates and `english("…")` in Python. What
they are in Korean stands under the English text in `korean/*.json`, a file for each group of pages.
`tests/unit/console/test_languages.py` compares both.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files

__all__ = ["Language", "Words", "chosen", "english"]


class Language(StrEnum):
    """By its tag, as in `Accept-Language` and `lang`."""

    ENGLISH = "en"
    KOREAN = "ko"


def english(text: str) -> str:
    """The text itself; says that it is shown by `_` later, so that its translation is asked for."""
    return text


@cache
def korean() -> Mapping[str, str]:
    """Every English text with the Korean one."""
    texts: dict[str, str] = {}
    for file in sorted((files("memstored.console") / "korean").iterdir(), key=lambda it: it.name):
        texts |= json.loads(file.read_text(encoding="utf-8"))
    return texts


class Words:
    """Texts in one language; `_` of the templates."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts: Mapping[str, str] = korean() if language is Language.KOREAN else {}

    def __call__(self, text: str, **values: object) -> str:
        """The text, with `values` in the place of their names: `_("{count} sets", count=3)`."""
        said = self._texts.get(text, text)
        return said.format(**values) if values else said


def chosen(cookie: str | None, accepted: str) -> Language:
    """The visitor's language: what was chosen before, else the first of `Accept-Language` that we have."""
    if cookie in set(Language):
        return Language(cookie)
    weighed = sorted(map(_weighed, accepted.split(",")), key=lambda it: -it[1])
    known = (tag for tag, weight in weighed if weight > 0 and tag in set(Language))
    return Language(next(known, Language.ENGLISH))


def _weighed(part: str) -> tuple[str, float]:
    """`ko-KR;q=0.8` as (`ko`, 0.8); what can not be read weighs nothing."""
    tag, _, weight = part.partition(";")
    try:
        return tag.strip().partition("-")[0].lower(), float(weight.partition("=")[2] or 1)
    except ValueError:
        return "", 0.0
