"""Taking a node, command by command, among others who do the same and may be killed at any time (S7, H14)."""

from collections.abc import Callable
from typing import Any

import hiredis
from hypothesis import given
from hypothesis import strategies as st

from memstored.domain.controllers import Controller, Controllers
from memstored.domain.ports import Identity
from memstored.redis.acl import acting, control_rules
from memstored.redis.takeover import Takeover

CONTROL = Identity(user="memstored-control", secret="the way in")
OTHERS = ("default", "memstored-replication", "alice")
A, B, C = (Controller(number=number, nonce=f"{number}aaaaaaa") for number in (1, 2, 3))
FORMER = Controllers(own=A, since=1)
LATER = Controllers(own=B, former=frozenset({A}), since=1)
LAST = Controllers(own=C, former=frozenset({A, B}), since=1)
COPY = Controllers(own=C, former=frozenset({A}), since=1)
"""Began from a copy that does not know of the second."""

Then = Callable[[list[Any] | None], None]


class Server:
    """The users of a node and its connections, as much of it as matters here."""

    def __init__(self) -> None:
        self.users: dict[str, tuple[str, ...]] = dict.fromkeys(OTHERS, ())
        self.users[CONTROL.user] = control_rules(CONTROL)[2:]
        self.connections: list[Line] = []
        self.busy = False

    def run(self, line: "Line", words: list[str]) -> Any:  # noqa: ANN401 - whatever a command answers
        """Do one command of a connection."""
        if self.busy and words[0] != "AUTH":
            return hiredis.ReplyError("BUSY Redis is busy running a script.")
        if line.queued is not None and words != ["EXEC"]:
            line.queued.append(words)
            return b"QUEUED"
        match words:
            case ["MULTI"]:
                line.queued = []
            case ["EXEC"]:
                queued, line.queued = line.queued, None
                return [self.run(line, each) for each in queued or ()]
            case ["AUTH", user, _]:
                if user not in self.users:
                    return hiredis.ReplyError("WRONGPASS invalid username-password pair or user is disabled.")
                line.user = user
            case ["ACL", *words]:
                return self._users(words)
        return b"OK"

    def _users(self, words: list[str]) -> Any:  # noqa: ANN401 - as above
        match words:
            case ["LIST"]:
                return [f"user {name} {' '.join(rules)}".encode() for name, rules in self.users.items()]
            case ["SETUSER", user, *rules]:
                self.users[user] = tuple(rules)
            case ["DELUSER", *users]:
                for user in users:
                    self.users.pop(user, None)
                    for each in [each for each in self.connections if each.user == user]:
                        each.end()
        return b"OK"

    @property
    def controllers(self) -> set[str]:
        """The users of controllers."""
        return {name for name in self.users if name.startswith(f"{CONTROL.user}-")}


class Line:
    """A connection that is logged in as the control user, and what was said over it and not read yet."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._unread: list[list[str]] = []
        self._replies: list[Any] = []
        self._due: tuple[int, Then] | None = None
        self.user = CONTROL.user
        self.queued: list[list[str]] | None = None
        server.connections.append(self)

    def ask(self, payload: bytes, count: int, then: Then) -> None:
        """Send commands."""
        reader = hiredis.Reader(encoding="utf-8")
        reader.feed(payload)
        self._unread += [reader.gets() for _ in range(count)]
        self._replies, self._due = [], (count, then)

    @property
    def waits(self) -> bool:
        """Whether the server has something to read from it."""
        return bool(self._unread)

    def read(self) -> None:
        """Have the server do the next command."""
        count, then = self._due or (0, lambda _: None)
        self._replies.append(self._server.run(self, self._unread.pop(0)))
        if len(self._replies) == count:
            then(self._replies)

    def end(self) -> None:
        """What was not read never is."""
        self._server.connections.remove(self)
        self._unread = []


class Taker:
    """A controller that connects to the node again and again until it has to give way."""

    def __init__(self, server: Server, controllers: Controllers) -> None:
        self.controllers = controllers
        self.user = acting(CONTROL, controllers.own).user
        self.given_way_to: Controller | None = None
        self.kept_out = 0
        self._server = server
        self._taken: Line | None = None
        self._line: Line | None = None
        self._takeover = Takeover(
            CONTROL,
            controllers,
            taken=self._note_taken,
            busy=self._note_busy,
            failed=self._note_failed,
            superseded=self._note_superseded,
        )

    def step(self) -> None:
        """Connect, or have the server do one command of ours."""
        if self.given_way_to is not None:
            return
        if self._line is None or self._line not in self._server.connections:
            self._line = Line(self._server)
            self._takeover.begin(self._line)  # type: ignore[arg-type]
        elif self._line.waits:
            self._line.read()

    @property
    def has_it(self) -> bool:
        """Whether it believes to have the node, over a connection that stands."""
        return self._taken is not None and self._taken in self._server.connections

    def _note_taken(self, line: Any) -> None:  # noqa: ANN401 - a line, in the place of a connection
        assert line.user == self.user, "it acts as somebody else"
        self._taken = line

    def _note_busy(self, _line: Any) -> None:  # noqa: ANN401 - as above
        self.kept_out += 1
        self._end()

    def _note_failed(self, _why: str) -> None:
        self._end()

    def _note_superseded(self, later: Controller) -> None:
        self.given_way_to = later
        self._end()

    def _end(self) -> None:
        if self._line in self._server.connections:
            assert self._line is not None
            self._line.end()


def settle(*takers: Taker) -> None:
    """Let everybody do all there is to do."""
    for _ in range(60):
        for taker in takers:
            taker.step()


@given(st.lists(st.integers(0, 2), max_size=60))
def test_s07_of_those_that_come_at_once_the_last_one_has_the_node(turns: list[int]) -> None:
    """Whatever the order in which the server does their commands; never do two believe that they have it."""
    server = Server()
    takers = [Taker(server, controllers) for controllers in (FORMER, LATER, LAST)]

    for turn in turns:
        takers[turn].step()
        assert sum(taker.has_it for taker in takers) <= 1
    settle(*takers)

    assert [taker.has_it for taker in takers] == [False, False, True]
    assert takers[2].given_way_to is None
    assert server.controllers == {takers[2].user}
    assert set(server.users) == {*OTHERS, CONTROL.user, takers[2].user}


@given(st.integers(0, 20), st.integers(0, 20))
def test_h14_whoever_is_killed_at_any_step_leaves_a_node_to_take(first: int, second: int) -> None:
    """The way in is always there, and the next one finishes what was begun."""
    server = Server()
    for steps, controllers in ((first, FORMER), (second, LATER)):
        killed = Taker(server, controllers)
        for _ in range(steps):
            killed.step()
        assert CONTROL.user in server.users
        for line in list(server.connections):
            line.end()

    last = Taker(server, LAST)
    settle(last)

    assert last.has_it
    assert server.controllers == {last.user}


@given(st.lists(st.integers(0, 1), max_size=60))
def test_s07_who_does_not_know_the_other_never_takes_its_node(turns: list[int]) -> None:
    """It may have come in first; once both have been there, it is the one that is gone."""
    server = Server()
    later = Taker(server, LATER)
    settle(later)
    former, copy = Taker(server, FORMER), Taker(server, COPY)

    for turn in turns:
        (former, copy)[turn].step()
        assert later.has_it
    settle(former, copy, later)

    assert later.has_it
    assert former.given_way_to == copy.given_way_to == B
    assert server.controllers == {later.user}


def test_h14_the_users_own_comes_before_the_former_is_deleted() -> None:
    """Between any two commands there is a controller's user: a node is never without one."""
    server = Server()
    former = Taker(server, FORMER)
    settle(former)

    later = Taker(server, LATER)
    while not later.has_it:
        later.step()
        assert server.controllers

    assert not former.has_it


def test_whoever_has_the_node_changes_nothing_when_it_comes_back() -> None:
    """It looks, logs in, and goes on."""
    server = Server()
    taker = Taker(server, FORMER)
    settle(taker)
    server.connections[0].end()
    users = server.users
    server.users = dict(users)

    settle(taker)

    assert taker.has_it
    assert list(server.users.items()) == list(users.items())


def test_h16_a_busy_node_that_was_ours_is_ours_still() -> None:
    """Nobody else can have taken it but over this very script; another one is kept out until it ends."""
    server = Server()
    taker = Taker(server, FORMER)
    settle(taker)
    server.connections[0].end()
    server.busy = True

    settle(taker)
    later = Taker(server, LATER)
    settle(later)

    assert taker.has_it
    assert (later.has_it, later.kept_out > 0) == (False, True)


def test_h14_whoever_is_half_way_in_is_ended() -> None:
    """And so is everybody who came in as the control user when that one might do everything."""
    server = Server()
    server.users[CONTROL.user] = ("on", "+@all")
    half_way = Line(server)

    later = Taker(server, LATER)
    settle(later)

    assert half_way not in server.connections
    assert server.users[CONTROL.user] == control_rules(CONTROL)[1:]
