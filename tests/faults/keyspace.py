"""A keyspace of every type that Redis has, made by number, so that any key of it can be told from another's.

Keys of eight kinds in turn, batch by batch over three databases. What lies in a hash table is compared by its
members, since their order is the server's own. A stream is compared by its entries and who has them pending,
since a replica has its own account of when a consumer was seen. Everything else by `DUMP`, byte for byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

DATABASES = (0, 3, 15)
BATCH = 500
YEAR = 31_536_000_000
"""Milliseconds."""
LIBRARY = (
    "#!lua name=shop\nredis.register_function{function_name='price', "
    "callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}"
)
GROUP = "readers"
ROUNDING = 2
"""Milliseconds: what two servers say is cut off to whole ones."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a key holds, with its type, and between which moments it expires: milliseconds since 1970, None
    for never. A server only tells how long it is until then, at a moment between two at which we asked it.
    """

    value: tuple[object, object]
    expires: tuple[int, int] | None

    def like(self, other: "Held") -> bool:
        """Whether both are the same."""
        if self.expires is None or other.expires is None:
            return self == other
        latest_first = max(self.expires[0], other.expires[0])
        return self.value == other.value and latest_first <= min(self.expires[1], other.expires[1]) + ROUNDING


def key(number: int) -> str:
    """The name of the key of that number; its last digit tells the kind."""
    return f"item:{number}:{number % 8}"


def write(pipeline: Any, number: int, now: int) -> None:  # noqa: ANN401 - redis-py's pipelines know no types
    """One key; `now` is in milliseconds since 1970."""
    name, word = key(number), f"value-{number}"
    match number % 8:
        case 0:
            pipeline.set(name, word * (1 + number % 40))
        case 1:
            pipeline.hset(name, mapping={f"field-{i}": f"{word}-{i}" for i in range(5)})
        case 2:
            pipeline.rpush(name, *(f"{word}-{i}" for i in range(6)))
        case 3:
            pipeline.sadd(name, *(f"{word}-{i}" for i in range(5)))
        case 4:
            pipeline.zadd(name, {f"{word}-{i}": i / 7 for i in range(5)})
        case 5:
            pipeline.xadd(name, {"of": word}, id="1-1")
            pipeline.xgroup_create(name, GROUP, id="0")
            pipeline.xreadgroup(GROUP, "one", {name: ">"}, count=1)
        case 6:
            pipeline.set(name, word, pxat=now + YEAR + number)
        case _:
            pipeline.sadd(name, *range(number % 1000, number % 1000 + 4))


def batches(count: int) -> Iterator[range]:
    """The numbers of so many keys."""
    for first in range(0, count, BATCH):
        yield range(first, min(first + BATCH, count))


def database_of(batch: range) -> int:
    """Where a batch lies."""
    return DATABASES[batch.start // BATCH % len(DATABASES)]


def fill(client: redis.Redis, count: int, now: int) -> None:
    """Write so many."""
    for batch in batches(count):
        pipeline = client.pipeline(transaction=False)
        pipeline.execute_command("SELECT", database_of(batch))
        for number in batch:
            write(pipeline, number, now)
        pipeline.execute_command("SELECT", 0)
        pipeline.execute()


def held(client: redis.Redis, batch: range) -> dict[str, Held]:
    """What the keys of a batch hold."""
    pipeline = client.pipeline(transaction=False)
    pipeline.execute_command("SELECT", database_of(batch))
    pipeline.time()
    for number in batch:
        for command in _asked(number):
            pipeline.execute_command(*command)
        pipeline.pttl(key(number))
    pipeline.time()
    pipeline.execute_command("SELECT", 0)
    _, began, *answers, ended, _ = pipeline.execute()
    first, last = (seconds * 1000 + micros // 1000 for seconds, micros in (began, ended))
    rows = zip(batch, answers[0::3], answers[1::3], answers[2::3], strict=True)
    return {
        key(number): Held((_unordered(value), more), (first + left, last + left) if left >= 0 else None)
        for number, value, more, left in rows
    }


def _asked(number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What tells all of a key: two commands."""
    name = key(number)
    match number % 8:
        case 3:
            return ("SMEMBERS", name), ("TYPE", name)
        case 5:
            return ("XRANGE", name, "-", "+"), ("XPENDING", name, GROUP)
        case _:
            return ("DUMP", name), ("TYPE", name)


def _unordered(value: object) -> object:
    return sorted(value) if isinstance(value, set) else value


def differences(of: redis.Redis, and_of: redis.Redis, count: int) -> list[str]:
    """The keys that two servers hold otherwise, or that one of them does not hold."""
    found = []
    for batch in batches(count):
        one, other = held(of, batch), held(and_of, batch)
        found += [name for name in one if b"none" in one[name].value or not one[name].like(other[name])]
    return found
