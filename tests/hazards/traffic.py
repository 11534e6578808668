"""Data in a set, put there and looked for at its primary address."""

from contextlib import suppress

import redis
from live_set import LiveSet


def fill(
    made: LiveSet,
    prefix: str,
    count: int,
    *,
    size: int = 1,
    copies: int = 0,
    px: int | None = None,
) -> list[str]:
    """Write so many keys; return them once all were acknowledged, and held by so many replicas.

    `px` is their life in milliseconds.
    """
    keys = [f"{prefix}:{number}" for number in range(count)]
    with made.at(made.address()) as client:
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.set(key, "x" * size, px=px)
            assert all(pipe.execute())
        assert client.wait(copies, 10_000) >= copies
    return keys


def missing(made: LiveSet, keys: list[str]) -> int:
    """How many of the keys the primary address does not know."""
    with made.at(made.address()) as client:
        return len(keys) - int(client.exists(*keys))


def masters(made: LiveSet) -> list[str]:
    """The nodes that say of themselves that they are masters, as far as they answer."""
    return [row["objectId"] for row in made.rows() if row["endpoint"] and _is_master(made, row["endpoint"])]


def _is_master(made: LiveSet, host: str) -> bool:
    with suppress(redis.RedisError), made.at(host) as client:
        return client.info("replication")["role"] == "master"
    return False
