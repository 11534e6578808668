"""Scripts played without a wire: each request gets the next of the replies that the test laid ready."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from memstored.client.session import Access, Patience, Session
from memstored.client.wire import Heard, Item, Pause, Reply, Request, Script, Silence, Step, Stream

T = TypeVar("T")

AUTH = "http://service/identity/v3"
LOST = Silence(why="It went away.", begun=True)
UNSENT = Silence(why="Nobody listens.", begun=False)


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    """An answer with that body as JSON; `_` in names of headers stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, content=json.dumps(body).encode())


def refused(status: int, code: str, **headers: str) -> Reply:
    """A refusal in the form of the API."""
    return reply({"error": {"code": code, "message": f"It is {code}.", "details": []}}, status, **headers)


def issued(value: str) -> Reply:
    """A token, as Keystone gives it."""
    about: dict[str, Any] = {
        "expires_at": "2026-11-23T18:22:37.000000Z",
        "project": {"id": "p1", "name": "one"},
        "user": {"id": "u1", "name": "mia"},
        "roles": [{"id": "r", "name": "member"}],
    }
    return reply({"token": about}, 201, x_subject_token=value)


@dataclass(slots=True)
class Player:
    """Plays scripts: remembers what was asked and how long was paused; pauses move the clock."""

    replies: list[Reply | Silence]
    asked: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def now(self) -> float:
        """Seconds that were paused so far."""
        return sum(self.pauses)

    def do(self, step: Step) -> Heard:
        """One step."""
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            return None
        self.asked.append(step)
        return self.replies.pop(0)

    def play(self, script: Script[T]) -> T:
        """The script's result."""
        heard: Heard = None
        while True:
            try:
                heard = self.do(script.send(heard))
            except StopIteration as end:
                result: T = end.value
                return result

    def items(self, stream: Stream[T]) -> Iterator[T]:
        """What the stream gives."""
        heard: Heard = None
        while True:
            try:
                step = stream.send(heard)
            except StopIteration:
                return
            if isinstance(step, Item):
                yield step.value
                heard = None
            else:
                heard = self.do(step)


def scene(
    *replies: Reply | Silence, credential: bool = False, tries: int = 3, chance: float = 1.0
) -> tuple[Player, Session]:
    """A player with these replies, and the session of a caller who has a credential, or the token `t0`."""
    player = Player(list(replies))
    known = Access(auth_url=AUTH, credential_id="c1", secret="s1")
    access = known if credential else Access(auth_url=AUTH, token="t0")
    patience = Patience(tries=tries, first=1.0, longest=10.0)
    return player, Session(access, patience=patience, chance=lambda: chance, clock=player.now)


def tokens(asked: Iterable[Request]) -> list[str | None]:
    """With which token each request was sent."""
    return [request.headers.get("x-auth-token") for request in asked]
