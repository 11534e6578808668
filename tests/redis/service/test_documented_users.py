"""The page about users and passwords, carried out as it is written."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from live_set import LiveSet
from service_process import PROGRAM, ServiceProcess, versions

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/how-to/users-and-passwords.md"
OLD = "6.2.5"
PASSWORD = "correct horse battery staple"
BEFORE = """
set -euo pipefail
TOKEN=$(.venv/bin/memstored token)
PROJECT=$(sed -n 's/.*"projectId": "\\(.*\\)".*/\\1/p' data/credentials.json)
API=http://127.0.0.1:8700/v1
call() { curl -s -H "X-Auth-Token: $TOKEN" "$@"; echo; }
"""
"""What the page takes from another one: `$API`, `$TOKEN`, `$PROJECT`, `call`."""


@pytest.fixture
def checkout(service: ServiceProcess) -> ServiceProcess:
    """A service whose place looks like a checkout: `.venv` and `data` lie side by side."""
    link = service.place / ".venv"
    if not link.exists():
        link.symlink_to(PROGRAM.parents[1])
    return service


def commands() -> str:
    """Every command of the page, in its order."""
    return "\n".join(
        re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )


def run(service: ServiceProcess, script: str) -> list[str]:
    """What the commands print, line by line; the password is typed to whatever asks for one."""
    here = script.replace("http://127.0.0.1:8700", service.url)
    done = subprocess.run(
        ["bash", "-c", here],
        input=PASSWORD,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=service.place,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


@pytest.mark.skipif(OLD not in versions(), reason=f"no Redis {OLD} here, which the page orders")
@pytest.mark.skipif(
    not all(map(shutil.which, ("curl", "openssl"))), reason="no curl or openssl here to follow the page with"
)
def test_the_page_can_be_followed(checkout: ServiceProcess) -> None:
    """Each way gives a form that the service takes, and in the end the password opens the set."""
    lines = [line.strip() for line in run(checkout, BEFORE + commands()) if line.strip()]

    hashed, *encrypted, ordered, name = lines
    assert re.fullmatch("[0-9a-f]{64}", hashed)
    assert all(re.fullmatch("[A-Za-z0-9+/]{512}", text) for text in encrypted)
    assert len(encrypted) == len(set(encrypted)) == 4
    assert re.fullmatch(r'\{"objectId":"[0-9a-f-]{36}"\}', ordered)
    assert name == "accounts-app"
    for form in (hashed, *encrypted):
        made = LiveSet.running(checkout, OLD, 1, user={"name": "default", "password": form})
        with made.at(made.address(), password=PASSWORD) as client:
            assert client.ping()
