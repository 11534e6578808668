"""Bare redis-servers as anybody would run them, without anything of memstored's around them."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from servers import Engine, Server, eventually

from memstored.domain.engine import Family, family_of

Start = Callable[..., Server]
PLAIN = (("save", '""'), ("protected-mode", "no"), ("repl-diskless-sync-delay", "0"))
"""An open server that keeps nothing on the disk; everything else is the engine's default."""
BEFORE_7 = (Family.V5_0, Family.V6_2)


def replication(server: Server) -> dict[str, Any]:
    """What the server says of its replication."""
    with server.client() as client:
        return dict(client.info("replication"))


def role(server: Server) -> str:
    """`master` or `slave`."""
    return str(replication(server)["role"])


def follow(replica: Server, primary: Server) -> None:
    """Make one server follow the other, and return when both say that they are in step."""
    with replica.client() as client:
        client.replicaof(primary.host, primary.port)
    await_link(replica)
    eventually(lambda: online(primary) >= 1 and in_step(primary, replica), what="the replica in step")
    with primary.client() as client:
        client.publish("stamp", "1")
    # Only what was produced after the copy proves that the stream has begun (H5).
    eventually(lambda: in_step(primary, replica), what="the replica reading the stream")


def await_link(replica: Server) -> None:
    """Return when the replica's link is up."""
    eventually(lambda: replication(replica)["master_link_status"] == "up", what="the link")


def online(primary: Server) -> int:
    """How many replicas the primary counts as online."""
    rows = replication(primary)
    return sum(rows[f"slave{n}"]["state"] == "online" for n in range(rows["connected_slaves"]))


def in_step(primary: Server, replica: Server) -> bool:
    """Whether both are at the same offset."""
    return replication(primary)["master_repl_offset"] == replication(replica)["slave_repl_offset"]


def pair(start: Start) -> tuple[Server, Server]:
    """A primary and its replica."""
    primary, replica = start(PLAIN), start(PLAIN)
    follow(replica, primary)
    return primary, replica


def hoarder(start: Start, engine: Engine) -> Server:
    """A server that keeps keys whose time is over until somebody asks for them, however long a test takes."""
    debugged = () if family_of(engine.version) in BEFORE_7 else (("enable-debug-command", "local"),)
    server = start(PLAIN + debugged)
    with server.client() as client:
        client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    return server


def nowhere(server: Server) -> None:
    """Make the server follow nobody."""
    with server.client() as client:
        client.replicaof("127.0.0.1", 1)


def no_one(server: Server) -> None:
    """Make the server a master."""
    with server.client() as client:
        client.replicaof("NO", "ONE")


def fill(server: Server, prefix: str, count: int, size: int = 1, **options: Any) -> list[str]:  # noqa: ANN401 - options of SET
    """Write so many keys, and return them once all were acknowledged."""
    keys = [f"{prefix}:{number}" for number in range(count)]
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.set(key, "x" * size, **options)
        assert all(pipe.execute())
    return keys


def missing(server: Server, keys: list[str]) -> int:
    """How many of the keys the server does not have."""
    with server.client() as client:
        return len(keys) - int(client.exists(*keys))


def all_sent(primary: redis.Redis) -> bool:
    """Whether all that the primary has for its replicas was handed to the kernel: none of them waits."""
    replicas = [row for row in primary.client_list() if "S" in row["flags"]]
    return bool(replicas) and all("w" not in row["events"] for row in replicas)


def raw(host: str, port: int, words: str = "PING", *, source: str | None = None) -> socket.socket:
    """A connection on which `words` were said, and nothing was read."""
    sock = socket.create_connection((host, port), timeout=10, source_address=(source, 0) if source else None)
    try:
        sock.sendall(words.encode() + b"\r\n")
    except OSError:
        sock.close()
        raise
    return sock


def heard(sock: socket.socket, patience: float = 10.0) -> bytes:
    """What came next: b"" when the connection ended; raises `TimeoutError` when nothing came in time."""
    sock.settimeout(patience)
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""


def silent(sock: socket.socket, patience: float = 0.3) -> bool:
    """Whether nothing comes for so long, not even an end."""
    try:
        heard(sock, patience)
    except TimeoutError:
        return True
    return False


def stop_children(server: Server) -> None:
    """Stop (SIGSTOP) the children that the server has now: what they do takes as long as the test wants."""
    number = server.process.pid
    for child in Path(f"/proc/{number}/task/{number}/children").read_text(encoding="ascii").split():
        os.kill(int(child), signal.SIGSTOP)


def kill_leader(server: Server) -> None:
    """SIGKILL the server alone, not its children, as `kill -9` does."""
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
