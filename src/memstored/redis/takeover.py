"""Becoming the one who controls a node: over a fresh connection, before anything else is said (S7, H14).

We come in as the set's control user, which can not act, and look who has the node. If that is somebody who
came before, we make our own user, log in as it, and delete the former's, which ends every connection of
theirs; the way in is made anew, which ends those that are half-way through this very door. Each step may be
repeated, and whoever is killed between two leaves a node that the next one takes.

Two who come at once: each makes its user before it looks for others', and a server does one thing after the
other, so at least one sees both. The one that has to give way deletes itself, and never acted.
"""

from collections.abc import Callable, Sequence
from functools import partial

import hiredis

from memstored.domain.controllers import Controller, Controllers
from memstored.domain.ports import Identity
from memstored.redis.acl import acting, acting_prefix, acting_rules, control_rules
from memstored.redis.connection import Command, Connection, Reply, packed

__all__ = ["Takeover"]

_LIST: Command = ("ACL", "LIST")


class Takeover:
    """Taking one node, as often as we connect to it.

    `taken` is told when the node is ours, `busy` when it can not be taken yet because a script keeps it from
    all else; then we are logged in as the control user. `failed` is told what the engine said instead, and
    `superseded` who came after us.
    """

    def __init__(
        self,
        control: Identity,
        controllers: Controllers,
        *,
        taken: Callable[[Connection], None],
        busy: Callable[[Connection], None],
        failed: Callable[[str], None],
        superseded: Callable[[Controller], None],
    ) -> None:
        self._control = control
        self._controllers = controllers
        self._own = acting(control, controllers.own)
        self._login: Command = ("AUTH", self._own.user, self._own.secret)
        self._tell_taken = taken
        self._tell_busy = busy
        self._tell_failed = failed
        self._tell_superseded = superseded
        self._had = False

    def begin(self, connection: Connection) -> None:
        """Take the node over a connection that is logged in as the control user."""
        # A user that was ours is so still, unless somebody took the node: worth a try, for while a script
        # runs nobody tells us who has it.
        again = (self._login,) if self._had else ()
        self._say(connection, (_LIST, *again), self._looked)

    def _looked(self, connection: Connection, replies: list[Reply]) -> None:
        listed, *again = replies
        let_in = bool(again) and not _refused(again[0])
        if _refused(listed):
            self._unseen(connection, str(listed), let_in=let_in)
            return
        others = self._others(listed)
        later = self._later(others)
        if later is not None:
            self._tell_superseded(later)
        elif let_in and not others:
            self._tell_taken(connection)
        else:
            self._take(connection, others)

    def _unseen(self, connection: Connection, refusal: str, *, let_in: bool) -> None:
        """Nobody says who has the node. Who is let in as before still has it."""
        if let_in:
            self._tell_taken(connection)
        elif refusal.startswith("BUSY "):
            self._tell_busy(connection)
        else:
            self._tell_failed(refusal)

    def _take(self, connection: Connection, others: Sequence[str]) -> None:
        """Make our user, be it, and delete all others; then look again who is there."""
        way_in = (
            ("MULTI",),
            ("ACL", "DELUSER", self._control.user),
            ("ACL", "SETUSER", *control_rules(self._control)),
            ("EXEC",),
        )
        commands: tuple[Command, ...] = (
            ("ACL", "SETUSER", *acting_rules(self._own)),
            self._login,
            *((("ACL", "DELUSER", *others),) if others else ()),
            *way_in,
            _LIST,
        )
        self._say(connection, commands, self._made)

    def _made(self, connection: Connection, replies: list[Reply]) -> None:
        # Those of a transaction are within its own answer.
        each = (it for reply in replies for it in (reply if isinstance(reply, list) else [reply]))
        refusal = next((it for it in each if _refused(it)), None)
        if refusal is not None:
            self._tell_failed(str(refusal))
            return
        others = self._others(replies[-1])
        later = self._later(others)
        if later is not None:
            self._say(connection, (("ACL", "DELUSER", self._own.user),), partial(self._left, later))
        elif others:
            self._take(connection, others)
        else:
            self._had = True
            self._tell_taken(connection)

    def _left(self, later: Controller, _connection: Connection, _replies: list[Reply]) -> None:
        self._tell_superseded(later)

    def _others(self, listed: list[bytes]) -> list[str]:
        """The names of all users of controllers but our own. Lines of `ACL LIST`: `user <name> …`."""
        names = (line.split(maxsplit=2)[1].decode() for line in listed)
        prefix = acting_prefix(self._control)
        return [name for name in names if name.startswith(prefix) and name != self._own.user]

    def _later(self, others: Sequence[str]) -> Controller | None:
        """Whoever of them is not to be replaced; what has no controller's name always is."""
        prefix = acting_prefix(self._control)
        found = (Controller.named(name.removeprefix(prefix)) for name in others)
        return next((c for c in found if c is not None and not self._controllers.replaces(c)), None)

    def _say(
        self,
        connection: Connection,
        commands: Sequence[Command],
        then: Callable[[Connection, list[Reply]], None],
    ) -> None:
        connection.ask(packed(commands), len(commands), partial(_answered, connection, then))


def _answered(
    connection: Connection, then: Callable[[Connection, list[Reply]], None], replies: list[Reply] | None
) -> None:
    """Go on with the answers; a connection that ended is tried anew by its line."""
    if replies is not None:
        then(connection, replies)


def _refused(reply: Reply) -> bool:
    return isinstance(reply, hiredis.ReplyError)
