"""`memstored connect`: redis-cli at a real set, with and without TLS."""

import os
import subprocess

import pytest
from service_process import NEWEST, PROGRAM, ServiceProcess

from memstored.domain.engine import capabilities_of

PASSWORD = "correct horse"


def run(service: ServiceProcess, *words: str, typed: str = "", **variables: str) -> str:
    """What `memstored` prints with these words and this piped in; it must be content."""
    done = subprocess.run(
        [str(PROGRAM), *words],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=service.place,
        env={**os.environ, "XDG_CONFIG_HOME": str(service.place / "config"), **variables},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not capabilities_of(NEWEST).acl, reason="no Redis with users here")
@pytest.mark.parametrize(
    "tls", [pytest.param(False, id="plain"), pytest.param(True, id="tls", marks=pytest.mark.tls)]
)
def test_redis_cli_is_told_where_and_how(service: ServiceProcess, tls: bool) -> None:  # noqa: FBT001 - a parameter
    """The user's password comes from where redis-cli takes it, the authority to trust from the service."""
    order = (
        "set",
        "create",
        "orders",
        "--user",
        "app",
        "--version",
        NEWEST,
        "--wait",
        *(["--tls"] if tls else []),
    )
    run(service, *order, typed=PASSWORD)

    said = run(service, "connect", "orders", "SET", "colour", "green", REDISCLI_AUTH=PASSWORD)
    read = run(service, "connect", "orders", typed="GET colour\nACL WHOAMI\n", REDISCLI_AUTH=PASSWORD)

    run(service, "connect", "orders", "RPUSH", "queue", "-1", REDISCLI_AUTH=PASSWORD)
    queue = run(service, "connect", "orders", "LRANGE", "queue", "0", "-1", REDISCLI_AUTH=PASSWORD)

    assert (said, queue) == ("OK\n", "-1\n")
    assert read == "green\napp\n"
