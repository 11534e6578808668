"""Where the keys of a TOML text stand."""

import tomllib

from memstored.domain.catalogue.lines import Path, key_lines

TEXT = (
    """\
# flavors = 1
when = 1979-05-27 07:32:00 # ] }
"quoted \\u00e9".'dotted # key' = 'a = 1'
many = ["]", \'\'\'
[[flavors]]
\'\'\', { a = 1, b.c = [
  2 ] } ,
]
[one]
a = """
    """\"\"\"
b = 2
\"\"\"
[one.two]
c = 3
[[rows]]
d = "x\\"]"
[[rows.cells]]
[[rows.cells]]
e = {}
[[rows]]
d = -0.5e3
[rows.size]
f = true
"""
)


def places(value: object, place: Path = ()) -> set[Path]:
    """Every place in what `tomllib` reads."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {place} - {()} | {inner for step, one in pairs for inner in places(one, (*place, step))}


def test_every_key_is_found_on_its_line() -> None:
    """Comments, strings over several lines, dotted keys and nested tables do not lead astray."""
    lines = key_lines(TEXT)

    assert set(lines) == places(tomllib.loads(TEXT))
    assert {
        "when": lines["when",],
        "dotted": lines["quoted \u00e9", "dotted # key"],
        "inline": lines["many", 2, "b", "c", 0],
        "c": lines["one", "two", "c"],
        "second cell": lines["rows", 0, "cells", 1, "e"],
        "second row": lines["rows", 1],
        "f": lines["rows", 1, "size", "f"],
    } == {"when": 2, "dotted": 3, "inline": 7, "c": 14, "second cell": 19, "second row": 20, "f": 23}
