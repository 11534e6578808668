"""Clients of an engine without users: RESP 2, and the password of the moment alone (H19)."""

from collections.abc import Iterable, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from memstored.domain.ports import Identity
from memstored.redis.dialect import Passwords

__all__ = ["control_client", "old_client"]


class _Renaming(redis.Connection):
    """Sends commands by the names that they have at a node of the set with this secret."""

    def __init__(self, *, fence: str, **options: Any) -> None:  # noqa: ANN401 - those of any connection
        super().__init__(**options)
        self._dialect = Passwords(fence=fence, password=None)

    def send_command(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - what redis-py has
        """Send the command."""
        super().send_command(*self._spoken(args), **options)

    def pack_commands(self, commands: Iterable[Sequence[Any]]) -> Any:  # noqa: ANN401 - what redis-py makes of it
        """The commands in Redis's protocol."""
        return super().pack_commands([self._spoken(command) for command in commands])

    def _spoken(self, args: Sequence[Any]) -> tuple[Any, ...]:
        return (*self._dialect.spoken(tuple(str(args[0]).split())), *args[1:])


def old_client(host: str, port: int, passwords: Sequence[str | None], **options: Any) -> redis.Redis:  # noqa: ANN401 - options of a pool
    """A client that logged in with the first of these passwords that is taken; with the first, if none is."""
    return _first([_client(host, port, password, **options) for password in passwords])


def control_client(host: str, port: int, control: Identity, password: str) -> redis.Redis:
    """A client that may do everything: it knows what the commands are called."""
    renaming = {"connection_class": _Renaming, "fence": control.secret}
    return _first([_client(host, port, known, **renaming) for known in (control.secret, password)])


def _client(host: str, port: int, password: str | None, **more: Any) -> redis.Redis:  # noqa: ANN401 - options of a pool
    plain = {"protocol": 2, "decode_responses": True, "retry": Retry(NoBackoff(), 0), "socket_timeout": None}
    options = {**plain, **more}
    pool = redis.ConnectionPool(host=host, port=port, password=password, **options)
    return redis.Redis.from_pool(pool)


def _first(clients: list[redis.Redis]) -> redis.Redis:
    taken = next((client for client in clients if _let_in(client)), clients[0])
    for client in clients:
        if client is not taken:
            client.close()
    return taken


def _let_in(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
