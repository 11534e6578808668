"""A data set with everything that Redis can hold, and what tells whether two servers hold the same."""

import os
import time
from collections.abc import Callable
from typing import Any

import redis
from logins import CONTROL, PASSWORD
from observer import OBSERVER
from old_client import old_client
from servers import Server

from memstored.domain.engine import capabilities_of

DATABASES = (0, 1, 9, 15)
FAR = 3_999_999_990
"""A time in the year 2096, in seconds: the middle of a minute."""
Content = dict[tuple[int, bytes], tuple[str, Any, int]]


def client_of(
    server: Server, user: str | None = None, password: str | None = None, db: int = 0
) -> redis.Redis:
    """A client of one database that gives bytes as they are."""
    if capabilities_of(server.engine.version).acl:
        if user == CONTROL.user:
            server.client(user, password).close()
            user, password = OBSERVER.user, OBSERVER.secret
        return redis.Redis(server.host, server.port, db=db, username=user, password=password)
    passwords = [None, PASSWORD, CONTROL.secret]
    return old_client(server.host, server.port, passwords, db=db, decode_responses=False)


def fill(server: Server, count: int) -> int:
    """Put `count` keys of every type, in small and large encodings, into several databases; return how many.

    An engine that has functions gets one, too.
    """
    before = _count(server)
    for db in DATABASES:
        with client_of(server, db=db) as client, client.pipeline(transaction=False) as pipe:
            for number in range(count):
                _put(pipe, number)
            pipe.execute()
    if capabilities_of(server.engine.version).functions:
        with client_of(server) as client:
            code = "#!lua name=lib\nredis.register_function('one', function() return 1 end)"
            client.function_load(code, replace=True)
    return _count(server) - before


def content(server: Server, user: str | None = None, password: str | None = None) -> Content:
    """Every key of every database: its type, its value, and the minute (since 1970) in which it expires."""
    found: Content = {}
    for db in DATABASES:
        with client_of(server, user, password, db) as client:
            for key in client.scan_iter(count=1000):
                kind = client.type(key).decode()
                found[db, key] = (kind, _VALUES[kind](client, key), _expiry(client, key))
    return found


def dumped(server: Server, key: bytes, user: str | None = None, password: str | None = None) -> bytes:
    """The value of a key of database 0 as this very engine writes it."""
    with client_of(server, user, password) as client:
        return client.dump(key)


def _count(server: Server) -> int:
    with server.client() as client:
        return sum(row["keys"] for row in client.info("keyspace").values())


def _put(pipe: "redis.client.Pipeline", number: int) -> None:
    size = 3 if number % 2 else 200
    members = [b"%d:%d" % (number, member) for member in range(size)]
    pipe.set(f"string:{number}", os.urandom(20) if number % 3 else number)
    pipe.set(f"large:{number}", b"compressible " * 500)
    pipe.hset(f"hash:{number}", mapping={member: os.urandom(70) for member in members})
    pipe.rpush(f"list:{number}", *members)
    pipe.sadd(f"set:{number}", *members)
    pipe.sadd(f"intset:{number}", *range(number, number + 10))
    pipe.zadd(f"zset:{number}", {member: index / 3 for index, member in enumerate(members)})
    pipe.xadd(f"stream:{number}", {b"field": members[0]}, id="1-1")
    pipe.xadd(f"stream:{number}", {b"field": members[1], b"other": b""}, id="2-1")
    pipe.xgroup_create(f"stream:{number}", "group", id="0")
    pipe.xreadgroup("group", "consumer", {f"stream:{number}": ">"}, count=1)
    pipe.setbit(f"bits:{number}", 1000, 1)
    pipe.pfadd(f"hll:{number}", *members)
    pipe.geoadd(f"geo:{number}", (127.0, 37.5, "place"))
    pipe.set(f"later:{number}", "x")
    pipe.expireat(f"later:{number}", FAR + 60 * number)


def _stream(client: redis.Redis, key: bytes) -> Any:  # noqa: ANN401 - what redis-py makes of the answers
    groups = [
        (group["name"], group["consumers"], group["pending"], group["last-delivered-id"])
        for group in client.xinfo_groups(key)
    ]
    pending = [
        (row["message_id"], row["consumer"], row["times_delivered"])
        for row in client.xpending_range(key, "group", "-", "+", 10)
    ]
    return client.xrange(key), groups, pending, client.xinfo_stream(key)["last-generated-id"]


def _expiry(client: redis.Redis, key: bytes) -> int:
    left = client.pttl(key)
    return -1 if left < 0 else int(time.time() + left / 1000) // 60


_VALUES: dict[str, Callable[[redis.Redis, bytes], Any]] = {
    "string": lambda client, key: client.get(key),
    "hash": lambda client, key: client.hgetall(key),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "set": lambda client, key: client.smembers(key),
    "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    "stream": _stream,
}
