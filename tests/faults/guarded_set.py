"""A set whose engine has no users: everybody says its one password (H19)."""

from pathlib import Path
from typing import Any

import redis
from live_set import LiveSet
from old_client import control_client
from redis.backoff import NoBackoff
from redis.retry import Retry
from service_process import ServiceProcess

from memstored.client.passwords import encrypt
from memstored.domain.ports import Identity

__all__ = ["BUILT", "PASSWORD", "VERSION", "GuardedSet", "guarded_user"]

PASSWORD = "the tenants' own"
VERSION = "5.0.6"
BUILT = Path(__file__).parents[2] / ".tools" / f"redis-{VERSION}"
"""Where `scripts/setup engines` puts such an engine."""


def guarded_user(service: ServiceProcess) -> dict[str, str]:
    """The user that such a set needs, in the only form in which it can be ordered."""
    key = service.client.get("/v1/redis/password-key")["publicKey"]
    return {"name": "default", "password": encrypt(key, PASSWORD)}


class GuardedSet(LiveSet):
    """A set by its id; every client logs in."""

    def client_at(self, host: str, *, patience: float = 10.0, **login: str) -> redis.Redis:
        """A client that knows the password, unless it is to log in otherwise."""
        options: dict[str, Any] = {"password": PASSWORD} | login
        return redis.Redis(
            host,
            6379,
            protocol=2,
            decode_responses=True,
            socket_timeout=patience,
            socket_connect_timeout=5,
            retry=Retry(NoBackoff(), 0),
            **options,
        )

    def control_client(self, host: str, control: Identity) -> redis.Redis:
        """A client that knows what the commands are called."""
        return control_client(host, 6379, control, PASSWORD)
