"""Saved data for restores: made by a plain server, put into object storage, and compared key by key."""

import time
from dataclasses import dataclass
from pathlib import Path

import redis
from bare import PLAIN, Start
from servers import Server, eventually

from memstored.domain.model import Source
from memstored.objects.storage import Objects

__all__ = ["Content", "content_of", "kept", "sample", "saved_file"]

LIBRARY = "#!lua name=adding\nredis.register_function('plus', function(_, args) return args[1] + 1 end)"
CLOSE = 2.0
"""Seconds by which two readings of the same expiry may differ."""


@dataclass(frozen=True, slots=True)
class Content:
    """All that a server holds: each key's `DUMP` by database and name, the seconds since 1970 at which those
    expire that do, and its functions.
    """

    keys: dict[tuple[int, bytes], bytes]
    expiries: dict[tuple[int, bytes], float]
    functions: bytes | None

    def same(self, other: "Content") -> bool:
        """Whether both hold the same, expiries within what reading them takes."""
        if (self.keys, self.functions) != (other.keys, other.functions):
            return False
        if self.expiries.keys() != other.expiries.keys():
            return False
        return all(abs(self.expiries[key] - other.expiries[key]) < CLOSE for key in self.expiries)


def content_of(host: str, port: int, **login: str) -> Content:
    """Read everything that the server there holds, by hand."""
    keys, expiries = {}, {}
    with redis.Redis(host, port, socket_timeout=10, protocol=2, **login) as client:
        for number in sorted(int(name[2:]) for name in client.info("keyspace")):
            client.select(number)
            for key in client.scan_iter(count=1000):
                keys[number, key] = client.dump(key)
                if (left := client.pttl(key)) >= 0:
                    expiries[number, key] = time.time() + left / 1000
        known = client.info("server")["redis_version"]
        functions = client.function_dump() if int(known.split(".")[0]) >= 7 else None
    return Content(keys, expiries, functions)


def sample(start: Start, *, strings: int = 2000, size: int = 100) -> Server:
    """A plain server with keys of every type in several databases."""
    server = start(PLAIN)
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        for number in range(strings):
            pipe.set(f"string:{number}", f"{number}-" + "x" * size)
        pipe.set("expiring", "soon", ex=3600)
        pipe.hset("hash", mapping={f"field{n}": n for n in range(20)})
        pipe.rpush("list", *range(30))
        pipe.sadd("set", *range(10))
        pipe.zadd("sorted set", {f"member{n}": n / 3 for n in range(20)})
        pipe.xadd("stream", {"a": 1}, id="1-1")
        pipe.xgroup_create("stream", "group", id="0")
        pipe.execute_command("SELECT", 9)
        pipe.set("elsewhere", "ninth")
        pipe.pfadd("sketch", "a", "b")
        pipe.execute()
    if server.engine.version >= "7":
        with server.client() as client:
            client.function_load(LIBRARY)
    return server


def saved_file(server: Server) -> bytes:
    """What the server writes with `SAVE`, not compressed."""
    with server.client() as client:
        client.config_set("rdbcompression", "no")
        client.save()
        client.config_set("rdbcompression", "yes")
    return eventually((server.folder / "dump.rdb").read_bytes, what="the file")


async def kept(objects: Objects, data: bytes, **known: object) -> Source:
    """Put the data into object storage, and return what a request for a set knows of it."""
    key = "backups/p/saved.rdb"
    stored = await objects.put(key, iter((data,)))
    return Source(key=key, name="nightly", size=stored.size, **{"checksum": stored.checksum} | known)


def file_of(place: Path) -> Path:
    """Where that object lies, when its storage is a folder of the house."""
    return place / "objects" / "backups" / "p" / "saved.rdb"
