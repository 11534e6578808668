"""Messages and their signatures, as the Standard Webhooks specification has them."""

import json
from base64 import b64decode
from dataclasses import replace

from memstored.domain.webhook import Line, Secret, Webhook
from memstored.domain.words import WebhookId
from memstored.notify.message import Message, new_secret, of_events, of_test, signed

HOOK = Webhook(
    id=WebhookId("hook"),
    project_id='a "project"',
    url="https://receiver.example/",
    event_names=(),
    created_at=0.0,
    updated_at=0.0,
    secrets=(),
)
LINES = [
    Line(sequence=7, id="one", name="Cluster Failover", time=1_750_000_000.25, text='{"id":"one"}'),
    Line(sequence=9, id="two", name="Cluster Failover", time=1_750_000_001.5, text='{"id":"zwei ü"}'),
]


def test_the_signature_is_that_of_the_specification() -> None:
    """Its own example: secret, id, time and body give this."""
    message = Message(id="msg_p5jXN8AQM9LWM0D4loKWxJek", body=b'{"test": 2432232314}')
    secret = Secret(value="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = signed(message, [secret], 1614265330.9)

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_secret_signs() -> None:
    """With a blank between, the newest first."""
    keys = [Secret(value=new_secret()), Secret(value=new_secret())]
    message = of_test(HOOK, 0.0)

    both = signed(message, keys, 0.0)["webhook-signature"].split(" ")

    assert both == [signed(message, [key], 0.0)["webhook-signature"] for key in keys]


def test_a_secret_is_long_and_never_the_same() -> None:
    """32 bytes, in base64 after `whsec_`."""
    first, second = new_secret(), new_secret()

    assert first != second
    assert len(b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_events_come_as_the_api_shows_them() -> None:
    """In their order, with the time of the newest."""
    body = json.loads(of_events(HOOK, LINES).body)

    assert body == {
        "type": "events",
        "timestamp": "2025-06-15T15:06:41.500Z",
        "projectId": 'a "project"',
        "data": [{"id": "one"}, {"id": "zwei ü"}],
    }


def test_the_same_events_are_the_same_message() -> None:
    """So that a receiver can tell; any others, or those of another webhook, are not."""
    message = of_events(HOOK, LINES)

    assert of_events(HOOK, LINES) == message
    others = [of_events(HOOK, LINES[:1]), of_events(replace(HOOK, id=WebhookId("other")), LINES)]
    assert len({message.id, *(it.id for it in others)}) == 3
    assert of_test(HOOK, 0.0).id != of_test(HOOK, 0.0).id
