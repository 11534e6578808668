"""What the page of a set has to copy: run as it stands, at sets that are as it says."""

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from html import unescape
from pathlib import Path

import httpx
import pytest
from guarded_set import BUILT, VERSION, GuardedSet, guarded_user
from guarded_set import PASSWORD as OLD_PASSWORD
from live_set import LiveSet
from service_process import NEWEST, ServiceProcess

from memstored.cli.connect import program
from memstored.console.cookies import SESSION

PASSWORD = "correct horse battery"
LOGIN = {"name": "app", "password": sha256(PASSWORD.encode()).hexdigest()}
BASH = "/bin/bash"


@pytest.mark.parametrize(
    "security", [{}, {"user": LOGIN}, {"user": LOGIN, "tlsEnabled": True}], ids=["open", "user", "tls"]
)
def test_what_is_to_copy_connects(
    service: ServiceProcess, tmp_path: Path, security: dict[str, object]
) -> None:
    """With a user, and over TLS with the file that the page gives."""
    live = LiveSet.running(service, NEWEST, 1, instanceSetName="orders", **security)

    assert said(service, live, tmp_path, PASSWORD) == ["PONG", "True"]


@pytest.mark.skipif(not BUILT.exists(), reason=f"no Redis {VERSION} here")
def test_what_is_to_copy_connects_without_users(old_service: ServiceProcess, tmp_path: Path) -> None:
    """An engine that has a password and no users is told the password alone."""
    user = guarded_user(old_service)
    live = GuardedSet.running(old_service, VERSION, 1, instanceSetName="orders", user=user)

    assert said(old_service, live, tmp_path, OLD_PASSWORD) == ["PONG", "True"]


def said(service: ServiceProcess, live: LiveSet, folder: Path, password: str) -> list[str]:
    """What the texts for redis-cli, at which a PING is typed, and for redis-py print."""
    with console(service) as visitor:
        page = visitor.get(f"sets/{live.id}/connect").text
        (folder / "ca.pem").write_text(visitor.get(f"sets/{live.id}/ca.pem").text)
    words, script = snippet(page, "redis-cli"), snippet(page, "redis-py")
    asked = "askpass" in words or "REDISCLI_AUTH" in words
    typed = f"{password}\nPING\n" if asked else "PING\n"
    found = f"{Path(program()).parent}:{os.environ['PATH']}"
    shell = run([BASH, "-c", words], folder, {"PATH": found}, typed)
    return [shell[-1], run([sys.executable, "-c", script], folder, {"REDIS_PASSWORD": password})[-1]]


def run(words: list[str], folder: Path, variables: dict[str, str], typed: str = "") -> list[str]:
    """The lines that a program prints."""
    ended = subprocess.run(
        words, cwd=folder, env=variables, input=typed, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def snippet(page: str, name: str) -> str:
    """The text to copy for a program."""
    found = re.search(rf'id="text-{name}">([^<]*)<', page)
    assert found is not None, page
    return unescape(found[1])


def console(service: ServiceProcess) -> httpx.Client:
    """The console for who has signed in with the first credential."""
    first = json.loads((service.data_dir / "credentials.json").read_text())
    claim = {"id": first["applicationCredentialId"], "secret": first["applicationCredentialSecret"]}
    identity = {"methods": ["application_credential"], "application_credential": claim}
    answer = httpx.post(f"{service.url}/identity/v3/auth/tokens", json={"auth": {"identity": identity}})
    cookies = {SESSION: answer.headers["x-subject-token"]}
    return httpx.Client(base_url=f"{service.url}/console/", cookies=cookies)
