"""How programs connect to a set, as text to copy. Pure.

What they are given is what the set really has: its address, its port, its user and TLS. A password is never
in it: it comes from the environment, or is asked for.
"""

from dataclasses import dataclass

from memstored.domain.engine import capabilities_of
from memstored.domain.model import DEFAULT_USER, InstanceSet

__all__ = ["PASSWORD", "TRUSTED", "Place", "Snippet", "place_of", "snippets"]

TRUSTED = "ca.pem"
"""The file with the certificates to trust, as the console gives it."""
PASSWORD = "REDIS_PASSWORD"  # noqa: S105 - the name of a variable
"""The variable that programs take the password from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to connect and how. `user` is None where its name need not be given: it is the default one.

    `old`: the engine has no users and knows neither `HELLO` nor RESP3, with which newer clients begin.
    """

    host: str
    port: int
    tls: bool
    user: str | None
    password: bool
    old: bool


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text for a program; `id` is a word for addresses in the page."""

    id: str
    program: str
    text: str


def place_of(instance_set: InstanceSet, host: str) -> Place:
    """The place at one of the set's addresses."""
    user = instance_set.user
    return Place(
        host=host,
        port=instance_set.port,
        tls=instance_set.tls_enabled,
        user=user.name if user is not None and user.name != DEFAULT_USER else None,
        password=user is not None,
        old=not capabilities_of(instance_set.version).acl,
    )


def snippets(place: Place) -> tuple[Snippet, ...]:
    """The same place for every client."""
    return (
        Snippet("redis-cli", "redis-cli", _redis_cli(place)),
        Snippet("redis-py", "redis-py (Python)", _redis_py(place)),
        Snippet("ioredis", "ioredis (Node.js)", _ioredis(place)),
        Snippet("spring", "Spring Boot", _spring(place)),
    )


def _redis_cli(place: Place) -> str:
    words = ["redis-cli", f"-h {place.host}", f"-p {place.port}"]
    words += [f"--tls --cacert {TRUSTED}"] if place.tls else []
    words += [f"--user {place.user}"] if place.user else []
    words += ["--askpass"] if place.password and not place.old else []
    # One that came with such an engine can not ask, so the shell does.
    before = ["read -rs REDISCLI_AUTH && export REDISCLI_AUTH"] if place.password and place.old else []
    return "\n".join([*before, " ".join(words)])


def _redis_py(place: Place) -> str:
    imports = ["import os", ""] if place.password else []
    options = [f'host="{place.host}"', f"port={place.port}"]
    options += [f'username="{place.user}"'] if place.user else []
    options += [f'password=os.environ["{PASSWORD}"]'] if place.password else []
    options += ["ssl=True", f'ssl_ca_certs="{TRUSTED}"', "ssl_check_hostname=True"] if place.tls else []
    options += ["protocol=2"] if place.old else []
    return "\n".join(
        [*imports, "import redis", "", "client = redis.Redis(", *_lines(options), ")", "print(client.ping())"]
    )


def _ioredis(place: Place) -> str:
    imports = ['const fs = require("fs");'] if place.tls else []
    options = [f'host: "{place.host}"', f"port: {place.port}"]
    options += [f'username: "{place.user}"'] if place.user else []
    options += [f"password: process.env.{PASSWORD}"] if place.password else []
    options += [f'tls: {{ ca: fs.readFileSync("{TRUSTED}") }}'] if place.tls else []
    return "\n".join(
        [
            *imports,
            'const Redis = require("ioredis");',
            "",
            "const client = new Redis({",
            *_lines(options),
            "});",
            "client.ping().then(console.log);",
        ]
    )


def _lines(options: list[str]) -> list[str]:
    return [f"    {option}," for option in options]


def _spring(place: Place) -> str:
    lines = ["spring:"]
    if place.tls:
        lines += [
            "  ssl:",
            "    bundle:",
            "      pem:",
            "        memstored:",
            "          truststore:",
            f'            certificate: "file:{TRUSTED}"',
        ]
    lines += ["  data:", "    redis:", f'      host: "{place.host}"', f"      port: {place.port}"]
    lines += [f'      username: "{place.user}"'] if place.user else []
    lines += [f'      password: "${{{PASSWORD}}}"'] if place.password else []
    lines += ["      ssl:", '        bundle: "memstored"'] if place.tls else []
    return "\n".join(lines)
