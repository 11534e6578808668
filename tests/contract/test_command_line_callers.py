"""Who speaks on the command line: profiles, and what a shell completes for them."""

import asyncio
import io
import json
import sys
from pathlib import Path

import pytest
from backup_calls import saved
from harness import Api
from set_calls import running
from typed_commands import Done, Run

from memstored.cli import completing


async def test_whoever_logs_in_is_spoken_for(
    run: Run, api: Api, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret is piped in, tried, and kept; a wrong one is not."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    made = json.loads((await run("credential", "create", "ci", "--role", "reader")).out)
    for name in ("MEMSTORED_URL", "MEMSTORED_TOKEN"):
        monkeypatch.delenv(name)

    async def login(secret: str, profile: str) -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{secret}\n".encode())))
        url = f"http://127.0.0.1:{port}"
        return await run("login", "--url", url, "--credential-id", made["objectId"], "--profile", profile)

    good, bad = await login(made["secret"], "ci"), await login("wrong", "other")
    profiles = await run("profile", "list", "-o", "name")
    token = await run("token")
    listed = await run("set", "list", "-o", "json")
    refused = await run("set", "create", "orders", "--profile", "ci")

    assert (good.code, bad.code, profiles.out) == (0, 3, "ci\n")
    assert await client_is_reader(api, token.out.strip())
    assert (listed.code, json.loads(listed.out), refused.code) == (0, [], 3)
    assert made["secret"] not in good.out + good.err + profiles.out


async def client_is_reader(api: Api, token: str) -> bool:
    """Whether a token is good for reading, and for that alone."""
    answers = [
        await api.request(method, "/v1/instance-sets", token=token, json={}) for method in ("GET", "POST")
    ]
    return [it.status_code for it in answers] == [200, 403]


async def test_a_shell_completes_names(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sets, backups and groups; none, and no error, when the service is away."""
    await running(api)
    await saved(api)

    found = [
        await asyncio.to_thread(names, begin)
        for names, begin in (
            (completing.set_names, "ord"),
            (completing.set_names, "x"),
            (completing.backup_names, "n"),
            (completing.group_names, "Redis.7.0"),
        )
    ]
    monkeypatch.setenv("MEMSTORED_URL", "http://127.0.0.1:9")

    assert found == [["orders"], [], ["nightly"], ["Redis.7.0.Default"]]
    assert await asyncio.to_thread(completing.set_names, "ord") == []
