"""What a receiver is sent, in the form of the Standard Webhooks specification, and its signature.

A message that is sent again has the same id and the same bytes, so a receiver can tell that it has it.
"""

import hashlib
import hmac
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid4, uuid5

from memstored.domain.webhook import Line, Secret, Webhook

__all__ = ["Message", "new_secret", "of_events", "of_test", "signed"]

PREFIX = "whsec_"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: its id, which stays the same, and its JSON."""

    id: str
    body: bytes


def new_secret() -> str:
    """A fresh secret, as verifiers take it."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def of_events(webhook: Webhook, lines: Sequence[Line]) -> Message:
    """Events, oldest first, each as the API shows it; `timestamp` is the time of the newest."""
    told = "\n".join([webhook.id, *(line.id for line in lines)])
    body = _body("events", webhook.project_id, lines[-1].time, (line.text for line in lines))
    return Message(id=f"msg_{uuid5(NAMESPACE_URL, told)}", body=body)


def of_test(webhook: Webhook, now: float) -> Message:
    """A message without events, by which the owner sees whether anything arrives."""
    return Message(id=f"msg_{uuid4()}", body=_body("ping", webhook.project_id, now, ()))


def _body(kind: str, project_id: str, time: float, rows: Iterable[str]) -> bytes:
    at = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = json.dumps({"type": kind, "timestamp": at, "projectId": project_id}, separators=(",", ":"))
    return f'{head[:-1]},"data":[{",".join(rows)}]}}'.encode()


def signed(message: Message, keys: Iterable[Secret], now: float) -> Mapping[str, str]:
    """The headers that prove who sent the message, and when: a signature by each of these secrets."""
    at = str(int(now))
    content = f"{message.id}.{at}.".encode() + message.body
    signatures = " ".join(f"v1,{_signature(key.value, content)}" for key in keys)
    return {"webhook-id": message.id, "webhook-timestamp": at, "webhook-signature": signatures}


def _signature(key: str, content: bytes) -> str:
    raw = b64decode(key.removeprefix(PREFIX))
    return b64encode(hmac.digest(raw, content, hashlib.sha256)).decode()
