"""The receiver of the page about webhooks, run as it is written, and sent to by what the service uses."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import pytest

from memstored.control.clock import SystemClock
from memstored.domain.destinations import Destinations
from memstored.domain.webhook import Line, Secret, Webhook
from memstored.domain.words import WebhookId
from memstored.notify.lookup import SystemLookup
from memstored.notify.message import Message, new_secret, of_events, of_test, signed
from memstored.notify.sender import Sender

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/webhooks.md"
SECRET = Secret(value=new_secret())
HOOK = Webhook(
    id=WebhookId("hook"),
    project_id="project",
    url="",
    event_names=(),
    created_at=0.0,
    updated_at=0.0,
    secrets=(SECRET,),
)
FAILOVER = {
    "id": "e1",
    "time": "2026-01-31T03:12:07.250Z",
    "name": "Cluster Failover",
    "resourceName": "orders",
}


def line(event: dict[str, str]) -> Line:
    """An event as it goes out."""
    return Line(sequence=1, id=event["id"], name=event["name"], time=0.0, text=json.dumps(event))


@dataclass
class Running:
    """The receiver at work."""

    url: str
    said: IO[str]


@pytest.fixture
def running() -> Iterator[Running]:
    """The program of the page as a process of its own."""
    [program] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET.value, "PORT": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().split()[-1]
            yield Running(f"http://127.0.0.1:{port}/", process.stdout)
        finally:
            process.kill()


@pytest.fixture
def sender() -> Sender:
    """What the service sends with; it may connect to this machine."""
    return Sender(
        destinations=Destinations.of(allow=["127.0.0.1/32"], inner=(), http=True),
        lookup=SystemLookup(),
        clock=SystemClock(),
    )


async def test_it_takes_what_the_service_sends(running: Running, sender: Sender) -> None:
    """A test, and each event once however often it comes; signed by a new secret as well."""
    other = {**FAILOVER, "id": "e2"}
    both = [Secret(value=new_secret()), SECRET]
    messages = [
        of_test(HOOK, time.time()),
        of_events(HOOK, [line(FAILOVER)]),
        of_events(HOOK, [line(FAILOVER)]),
        of_events(HOOK, [line(FAILOVER), line(other)]),
    ]

    attempts = [await sender.send(running.url, message, both) for message in messages]

    assert [it.status for it in attempts] == [204] * 4
    told = [running.said.readline().strip() for _ in range(2)]
    assert told == ["2026-01-31T03:12:07.250Z Cluster Failover orders"] * 2


async def test_it_refuses_what_is_not_genuine(running: Running, sender: Sender) -> None:
    """Another secret, another body, an old message, none of our headers; and it goes on."""
    message = of_test(HOOK, time.time())
    forged = await sender.send(running.url, message, [Secret(value=new_secret())])
    sound, old = signed(message, [SECRET], time.time()), signed(message, [SECRET], time.time() - 3600)
    altered = Message(id=message.id, body=message.body.replace(b"ping", b"pong"))

    async with httpx.AsyncClient(base_url=running.url) as http:
        answers = [
            await http.post("/", content=altered.body, headers=sound),
            await http.post("/", content=message.body, headers=old),
            await http.post("/", content=message.body),
            await http.post("/", content=message.body, headers={**sound, "webhook-timestamp": "soon"}),
        ]

    assert forged.status == 401
    assert [it.status_code for it in answers] == [401] * 4
    assert (await sender.send(running.url, message, [SECRET])).status == 204
