from io import StringIO

from rich.console import Console

from memstored.cli.engines import table
from memstored.domain.engine import Product
from memstored.runtime.engines import Finding
from memstored.runtime.protocol import Engine


def a_finding(version: str, program: str, *, tls: bool = False, **more: object) -> Finding:
    """A program that was found."""
    engine = Engine(version=version, program=program, tls=tls, license="BSD-3-Clause")
    return Finding(engine=engine, **more)  # type: ignore[arg-type]


def shown(*findings: Finding) -> str:
    """The table in a terminal of 80 columns."""
    out = StringIO()
    Console(file=out, width=80, color_system=None).print(table(findings))
    return out.getvalue()


def test_a_row_tells_where_a_program_is_and_what_it_can_do() -> None:
    """Version, engine, TLS and place; capabilities by the words of the API."""
    said = shown(a_finding("7.0.15", "/usr/bin/redis-server", tls=True))

    assert "7.0.15   redis   yes  /usr/bin/redis-server" in said
    assert "write pause, kill by address" in said
    assert "not offered" not in said


def test_what_needs_a_proxy_says_so() -> None:
    """Redis 5.0 has none of the capabilities that later ones were given names for."""
    assert "addresses behind HAProxy" in shown(a_finding("5.0.6", "/opt/redis-server"))


def test_what_is_not_offered_says_why() -> None:
    """Nothing is told of what it could do."""
    said = shown(
        a_finding("8.1.3", "/opt/valkey-server", product=Product.VALKEY, obstacle="only Redis is offered")
    )

    assert "8.1.3    valkey  no   /opt/valkey-server" in said
    assert "not offered: only Redis is offered" in said
    assert "acl" not in said


def test_a_long_name_is_shown_whole() -> None:
    """It goes on in the next line, and no line is wider than the terminal."""
    program = "/srv" + "/a-folder-of-some-length" * 6 + "/redis-server"

    said = shown(a_finding("7.0.15", program))

    assert program in "".join(
        line.strip().removeprefix("7.0.15   redis   no   ") for line in said.split("\n")
    )
    assert max(map(len, said.split("\n"))) <= 80
