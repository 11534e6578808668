"""Templates: what they may use, and how they show numbers and times."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from memstored.console import charts, wording
from memstored.console.assets import address_of
from memstored.console.states import meaning, tone
from memstored.domain.schedule import time_of

__all__ = ["environment", "prepare", "render"]

_STEP = 1024.0
_MINUTE = 60
_SHORT = 10.0
"""Seconds below which hundredths of them are shown."""


@cache
def environment() -> Environment:
    """The one environment: everything is escaped, and a name that nobody gave is a fault."""
    made = Environment(
        loader=PackageLoader("memstored.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(asset=address_of, line=charts.line, meaning=meaning, tone=tone)
    made.globals.update(chart_span=charts.SPAN, chart_height=charts.HEIGHT)
    made.globals.update(kind=wording.kind, step=wording.step, hindrance=wording.hindrance)
    made.globals.update(trouble=wording.trouble)
    made.filters.update(size=size, number=number, moment=moment, moment_tag=moment_tag, took=took)
    made.filters.update(kst=time_of)
    return made


@cache
def prepare() -> None:
    """Compile every template: a tenth of a second, which the first page would take from the event loop."""
    for name in environment().list_templates():
        environment().get_template(name)


def render(template: str, values: Mapping[str, object]) -> str:
    """The text of a template with these values."""
    return environment().get_template(template).render(values)


def size(count: float) -> str:
    """Bytes as people read them: `12.4 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < _STEP:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _STEP
    return f"{count:.1f} TiB"


def number(value: float) -> str:
    """`1,234`, or `0.5` below ten where it is no integer."""
    return f"{value:.1f}" if abs(value) < 10 and value != round(value) else f"{value:,.0f}"  # noqa: PLR2004 - two digits are enough


def took(seconds: float) -> str:
    """A length of time as people read it: `0.42 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < _MINUTE:
        return f"{seconds:.2f} s" if seconds < _SHORT else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours} h {minutes} min"


def moment(seconds: float) -> str:
    """A time (seconds since 1970) as people read it: `2026-11-25 23:14:05 UTC`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def moment_tag(seconds: float) -> str:
    """The same for `datetime` of a `time` element."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
