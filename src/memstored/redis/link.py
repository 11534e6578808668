"""The standing connection to one node: probes it, acts on it as the control loop decided, tells what it saw.

`domain.ports` says what a link promises. Its readings change only by what a node answered: every command
that changes something asks in the same breath how it is now. 600 links probed once a second cost 2.5 % of a
core while their nodes are idle, 4.5 % when every answer differs (measured under uvloop).
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial

import hiredis

from memstored.domain.clock import Clock
from memstored.domain.controllers import Controller, Controllers
from memstored.domain.engine import capabilities_of, family_of
from memstored.domain.facts import NOWHERE, ReadSettings, ReplicationFacts
from memstored.domain.figures import Info
from memstored.domain.model import Setting, TenantUser
from memstored.domain.parameters import RESERVED_CLIENTS, normalized, parameter_of
from memstored.domain.ports import Holdings, Identity, LinkTrouble, SettingRefused, Target
from memstored.domain.words import NodeId
from memstored.redis.config import TLS_FILES
from memstored.redis.connection import Command, Connection, Reply, packed
from memstored.redis.crowd import CLIENT_LIST, CLIENTS, surplus
from memstored.redis.dialect import dialect_of
from memstored.redis.line import Line
from memstored.redis.readings import (
    BOUND,
    HOLDINGS,
    INFO_REPLICATION,
    REPLICATION,
    Readings,
    holdings_of,
    lasting,
    settings_asked,
)
from memstored.redis.takeover import Takeover
from memstored.redis.tls import handshake, shown_by

__all__ = ["RedisLink", "RedisWire"]

_NAME: Command = ("CLIENT", "SETNAME", "memstored")
_UNPAUSE: Command = ("CLIENT", "UNPAUSE")
_KILL_SCRIPT: tuple[Command, ...] = (("SCRIPT", "KILL"),)
_PROBE = packed((INFO_REPLICATION,))
_FIGURES: tuple[Command, ...] = (("INFO",), ("CONFIG", "GET", "maxclients"))
"""Older engines do not tell `maxclients` in `INFO`."""
_CONNECTED = re.compile(rb"^connected_clients:(\d+)", re.MULTILINE)
_GREETING = 2.0
"""Seconds that a fresh connection may take to let us in before another is tried."""
_CONNECT = 5.0
"""Seconds that one attempt to connect may take: at our own start we may stand still for a moment."""
_NAME_AND_VALUE = 2
"""Words that `CONFIG GET` answers for one parameter."""
_PATIENCE = 10.0
"""After so many seconds of silence another connection is tried: the path may be broken, not the node."""


class RedisWire:
    """Opens links to real nodes. A command not answered within `deadline` seconds fails.

    Each node that lets us in is taken for `controllers.own` first; `superseded` is told of a controller that
    came after it. Such a node's link connects no more.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        controllers: Controllers,
        superseded: Callable[[Controller], None],
        deadline: float = 1.0,
    ) -> None:
        self._clock = clock
        self._controllers = controllers
        self._superseded = superseded
        self._deadline = deadline

    def open(self, target: Target, changed: Callable[[NodeId], None]) -> "RedisLink":
        """Begin to connect at once; call `changed` when a reading changed or the connection came or went."""
        return RedisLink(
            target,
            changed,
            clock=self._clock,
            controllers=self._controllers,
            superseded=self._superseded,
            deadline=self._deadline,
        )


class RedisLink:
    """One node's link. Made inside a running event loop and used from it alone.

    `connected` is true once the node let us in and is ours (`redis.takeover`). A refused connection is
    neither life nor silence: `unanswered` stays as it is, since the address answers and only the runtime can
    say whether the node is gone (H15).
    """

    def __init__(
        self,
        target: Target,
        changed: Callable[[NodeId], None],
        *,
        clock: Clock,
        controllers: Controllers,
        superseded: Callable[[Controller], None],
        deadline: float,
    ) -> None:
        self._target = target
        self._superseded = superseded
        self._changed = changed
        self._clock = clock
        self._deadline = deadline
        self._readings = Readings()
        self._connected = False
        self._unanswered = 0
        self._probing = False
        self._patient_since = 0.0
        self._busy = False
        self._loading = False
        self._info: Info | None = None
        self._asking_info = False
        self._clients: int | None = None
        self._counted_at = 0.0
        self._paused_until = 0.0
        self._certificate: str | None = None
        self._dialect = dialect_of(target, controllers)
        self._takeover = Takeover(
            target.control,
            controllers,
            taken=self._introduce,
            busy=self._kept_out,
            failed=self._not_let_in,
            superseded=self._give_way,
        )
        self._untaken = False
        self._account = (*self._dialect.account, *settings_asked(target.version))
        self._refusals = 0
        self._pause_unknown = self._dialect.pauses
        self._line = Line(target.host, target.port, self, deadline=_CONNECT, tls=target.tls)

    @property
    def connected(self) -> bool:
        """Whether the node let us in on the present connection."""
        return self._connected

    @property
    def trouble(self) -> str:
        """Why there is no connection, in the words of the system or the engine (S10)."""
        return self._line.trouble

    @property
    def unanswered(self) -> int:
        """Probes in a row that got no answer at all."""
        return self._unanswered

    @property
    def busy(self) -> bool:
        """Whether the last answer was `-BUSY`."""
        return self._busy

    @property
    def loading(self) -> bool:
        """Whether the last answer was `-LOADING`, or the node said that it is."""
        return self._loading or self._readings.loading

    @property
    def run_id(self) -> str | None:
        """`run_id` of the server behind the present connection."""
        return self._readings.run_id

    @property
    def process_id(self) -> int | None:
        """`process_id` of the server behind the present connection."""
        return self._readings.process_id

    @property
    def replication(self) -> ReplicationFacts | None:
        """The last reading of `INFO replication`; kept when the connection ends."""
        return self._readings.replication

    @property
    def read_at(self) -> float:
        """Monotonic seconds at which `replication` was asked for."""
        return self._readings.read_at

    @property
    def info(self) -> Info | None:
        """The last answer to `ask_info` on the present connection."""
        return self._info

    @property
    def clients(self) -> int | None:
        """`connected_clients` at the last `ask_info` or `make_room`."""
        return self._clients

    @property
    def counted_at(self) -> float:
        """Monotonic seconds at which that was asked."""
        return self._counted_at

    @property
    def refusal(self) -> str | None:
        """Why the node lets us not in, though somebody answers for its address."""
        return self.trouble if self._line.refused and not self._connected else None

    def equipped_as(self, replication: Identity) -> bool:
        """Whether the node has this replication identity, for both ends of a link."""
        return self._readings.equipped_as(replication.user)

    @property
    def admitted(self) -> bool:
        """Whether tenants can log in."""
        return self._readings.admitted

    @property
    def paused(self) -> bool:
        """Whether this link holds the node's writes back; a pause is the node's and outlives a connection."""
        return self._clock.monotonic() < self._paused_until

    @property
    def bound(self) -> frozenset[str]:
        """The addresses the node listens at."""
        return self._readings.bound

    @property
    def certificate(self) -> str | None:
        """The fingerprint of the certificate that the last handshake showed; None without TLS."""
        return self._certificate

    @property
    def settings(self) -> ReadSettings | None:
        """What `CONFIG GET` said of every parameter that a group may set."""
        return self._readings.settings

    def probe(self) -> None:
        """Ask `INFO replication` without waiting; while that is unanswered, only count."""
        if self._probing:
            self._count_silence()
            return
        self._probing = True
        self._patient_since = self._clock.monotonic()
        if self._line.connection is not None and self._connected:
            self._ask_replication(self._line.connection)

    def ask_info(self) -> None:
        """Ask all of `INFO` without waiting, unless an answer is due; what does not come means nothing."""
        connection = self._line.connection
        if connection is None or not self._connected or self._asking_info or self._unanswered:
            return
        self._asking_info = True
        asked_at = self._clock.monotonic()
        connection.ask(self._packed(_FIGURES), len(_FIGURES), partial(self._informed, asked_at))

    async def refresh(self) -> None:
        """Read the replication facts anew, `loading` included, and wait for the answer."""
        await self._do(*REPLICATION)

    async def equip(self, replication: Identity) -> None:
        """Make the replication user, and use it when following. Takes effect without a restart (S1).

        What `take_in` changed is as it was at birth again.
        """
        dialect = self._dialect
        await self._do(*dialect.equip(replication), *dialect.users, secret=replication.secret)

    async def admit(self, user: TenantUser | None) -> None:
        """Create the tenant's user with its commands.

        From now on there is data: later replicas are synced without a file of it on the disk (H21).
        """
        await self._do(*self._dialect.admit(user), *self._dialect.users)

    async def shut(self) -> None:
        """Switch all tenants' users off, then end their connections, subscribers too (H13)."""
        await self._do(*self._dialect.users)
        await self._do(*self._dialect.shut(self._readings), *self._dialect.users)

    async def follow(self, host: str, port: int) -> None:
        """`REPLICAOF host port`; returns before anything is copied."""
        await self._do(("REPLICAOF", host, str(port)), *REPLICATION)

    async def detach(self) -> None:
        """`REPLICAOF 127.0.0.1 1`: data, replid and offset stay, writes are refused (H1)."""
        host, port = NOWHERE
        await self.follow(host, port)

    async def take_in(self, host: str, port: int, identity: Identity) -> None:
        """Follow a loading door as its one-time user; every value that comes is checked in full, where the
        engine can (H25).
        """
        await self._do(
            *self._dialect.take_in(identity),
            ("REPLICAOF", host, str(port)),
            *self._dialect.users,
            *REPLICATION,
            secret=identity.secret,
        )

    async def holdings(self) -> Holdings:
        """Count what the node holds now."""
        return holdings_of(await self._do(*HOLDINGS))

    async def configure(self, settings: Sequence[Setting]) -> None:
        """`CONFIG SET` for each, and `CONFIG GET` to see what the engine made of it."""
        for setting in settings:
            await self._set(setting)

    async def _set(self, setting: Setting) -> None:
        name, value = setting.name, setting.value
        told, seen = await self._exchange(("CONFIG", "SET", name, value), ("CONFIG", "GET", name))
        if isinstance(told, hiredis.ReplyError):
            if _says(told, "BUSY") or _says(told, "LOADING"):
                raise LinkTrouble(f"CONFIG SET: {told}")
            raise SettingRefused(name, self._dialect.hidden(str(told), None))
        parameter = parameter_of(family_of(self._target.version), name)
        if isinstance(seen, hiredis.ReplyError) or parameter is None or len(seen) != _NAME_AND_VALUE:
            raise LinkTrouble(f"CONFIG GET {name}: no answer that can be read")
        read = seen[1].decode()
        if normalized(parameter, read) != normalized(parameter, value):
            raise SettingRefused(name, f"the engine made {read} of {value}")

    async def promote(self) -> None:
        """`REPLICAOF NO ONE`. After `LinkTrouble` it may still be carried out (H9)."""
        await self._do(("REPLICAOF", "NO", "ONE"), *REPLICATION)

    async def pause(self, milliseconds: int) -> None:
        """`CLIENT PAUSE milliseconds WRITE`; `stamp` would wait for its end."""
        asked_at = self._clock.monotonic()
        await self._do(("CLIENT", "PAUSE", str(milliseconds), "WRITE"))
        self._paused_until = asked_at + milliseconds / 1000

    async def unpause(self) -> None:
        """`CLIENT UNPAUSE`."""
        await self._do(_UNPAUSE)
        self._paused_until = 0.0

    async def kill_script(self) -> None:
        """`SCRIPT KILL`; `LinkTrouble` when nothing runs, or what runs has written already."""
        await self._do(*_KILL_SCRIPT)

    async def bind(self, addresses: tuple[str, ...], *, ending: tuple[str, ...] = ()) -> None:
        """`CONFIG SET bind`; connections that stand are kept, this one too (H13, H15), but for what came
        through `ending`. All in one packet: the node reads it whole or not at all.
        """
        kills = (_kill_through(address, self._target.port) for address in ending)
        await self._do(("CONFIG", "SET", "bind", " ".join(addresses)), *kills, *BOUND)

    async def end_through(self, address: str, port: int) -> None:
        """End every client connection that came in through that address, subscribers too (H13)."""
        await self._do(_kill_through(address, port))

    async def take_certificate(self) -> None:
        """Set what names the files to what it is already: the node reads them anew, and takes all or nothing.

        In one command where that is possible: else the first of them makes it read all (H31).
        """
        assert self._target.tls is not None, "only a node with TLS has a certificate"
        several = capabilities_of(self._target.version).several_settings
        names = TLS_FILES if several else TLS_FILES[:1]
        await self._do(("CONFIG", "SET", *(word for setting in names for word in setting)))
        try:
            async with asyncio.timeout(self._deadline):
                seen = await handshake(self._target.host, self._target.port, self._target.tls.authorities)
        except OSError as trouble:  # TimeoutError is one
            raise LinkTrouble(f"TLS handshake: {_words(trouble)}") from trouble
        self._certificate = seen
        self._changed(self._target.node)

    async def make_room(self, most: int) -> None:
        """End the youngest connections of tenants beyond `most`; none is listed where none is surplus."""
        asked_at = self._clock.monotonic()
        (said,) = await self._do(CLIENTS)
        self._count(said, asked_at)
        if self._clients is None or self._clients <= most:
            return
        (listing,) = await self._do(CLIENT_LIST)
        if ids := surplus(listing, most):
            await self._do(*(("CLIENT", "KILL", "ID", number) for number in ids))

    async def stamp(self) -> int:
        """Produce something in the stream and return `master_repl_offset` after it (H5).

        Raises `LinkTrouble` on a replica, which produces nothing.
        """
        await self._do(("PUBLISH", "memstored:stamp", "1"), *REPLICATION)
        seen = self._readings.replication
        if seen is None or not seen.is_master:
            raise LinkTrouble("PUBLISH: only a master produces something in the stream")
        return seen.offset

    def close(self) -> None:
        """End the connection and do not connect again."""
        self._line.close()

    def up(self, connection: Connection) -> None:
        """Called by the line: introduce ourselves and ask for a full account."""
        if self._target.tls is not None:
            self._certificate = shown_by(connection.transport)
        self._untaken = False
        logins = self._dialect.logins
        entrance = self._dialect.entrance
        login = logins[self._refusals % len(logins)] if entrance is None else entrance
        connection.ask(packed((login,)), 1, self._greeted)
        if entrance is None:
            self._introduce(connection)
        else:
            self._takeover.begin(connection)

    def _introduce(self, connection: Connection) -> None:
        connection.ask(self._packed((_NAME,)), 1, _ignored)
        if self._pause_unknown:
            # A controller that ended in a promotion may have left a pause. It would hold back what a replica
            # is sent, and a replica whose primary dies meanwhile forgets how far it was.
            connection.ask(packed((_UNPAUSE,)), 1, _ignored)
        self._ask_account(connection, self._introduced)

    def heard(self) -> None:
        """Called by the line at every sign of life (H15)."""
        if self._unanswered:
            self._unanswered = 0
            self._changed(self._target.node)

    def down(self) -> None:
        """Called by the line: which server comes next is not known."""
        self._connected = False
        self._busy = self._loading = self._asking_info = False
        self._info = self._clients = None
        self._readings = self._readings.disconnected()
        self._changed(self._target.node)

    def _count_silence(self) -> None:
        if self._line.refused:
            return
        self._unanswered += 1
        now = self._clock.monotonic()
        if now - self._patient_since >= (_PATIENCE if self._connected else _GREETING):
            self._patient_since = now
            self._line.renew(f"no answer to {self._unanswered} probes")

    def _ask_replication(self, connection: Connection) -> None:
        asked_at = self._clock.monotonic()
        if self._unsettled():
            commands = REPLICATION
            connection.ask(self._packed(commands), len(commands), partial(self._probed, commands, asked_at))
        else:
            answered = partial(self._probed, (INFO_REPLICATION,), asked_at)
            connection.poll(_PROBE, answered, partial(self._probed_the_same, asked_at), lasting)

    def _unsettled(self) -> bool:
        """Whether the node may be loading: only then a probe asks for `loading` as well."""
        seen = self._readings.replication
        return self._readings.loading or seen is None or not (seen.is_master or seen.link_up)

    def _greeted(self, replies: list[Reply] | None) -> None:
        """The answer to `AUTH`: without our user we would read as anybody might. The next try is another way
        in, where there is one.
        """
        if replies is not None and isinstance(replies[0], hiredis.ReplyError):
            self._refusals += 1
            self._not_let_in(str(replies[0]))

    def _not_let_in(self, why: str) -> None:
        self._probing = False
        self._line.renew(why)

    def _kept_out(self, connection: Connection) -> None:
        """A script keeps us from taking the node: all that can be done is to end it (H16)."""
        self._untaken = True
        self._introduce(connection)

    def _give_way(self, later: Controller) -> None:
        """Somebody came after us: the node is theirs, and we say nothing to it any more (S7)."""
        self._line.trouble = f"the controller {later.name} has the node"
        self._line.close()
        self._superseded(later)

    def _goes_to_take(self, replies: list[Reply]) -> bool:
        """Whether we connect anew to take the node, now that the script is over that kept us from it."""
        over = self._untaken and not any(_says(reply, "BUSY") for reply in replies)
        if over:
            self._not_let_in("a script kept the node from being taken")
        return over

    def _introduced(self, asked_at: float, replies: list[Reply] | None) -> None:
        if replies is None or self._goes_to_take(replies):
            return
        self._probing = False
        self._pause_unknown = self._pause_unknown and self._untaken
        self._connected = True
        self._line.settle()
        self._learn(self._account, asked_at, replies)

    def _ask_account(self, connection: Connection, then: Callable[[float, list[Reply] | None], None]) -> None:
        account = self._account
        connection.ask(self._packed(account), len(account), partial(then, self._clock.monotonic()))

    def _probed(self, commands: tuple[Command, ...], asked_at: float, replies: list[Reply] | None) -> None:
        if replies is None or self._goes_to_take(replies):
            return
        self._probing = False
        self._learn(commands, asked_at, replies)
        connection = self._line.connection
        refused = self._busy or self._loading
        if self._readings.run_id is None and not refused and connection is not None:
            self._ask_account(connection, self._accounted)

    def _probed_the_same(self, asked_at: float) -> None:
        self._probing = False
        self._readings = self._readings.confirmed(asked_at)

    def _informed(self, asked_at: float, replies: list[Reply] | None) -> None:
        self._asking_info = False
        if replies is not None and isinstance(replies[0], bytes):
            self._info = Info(text=replies[0], maxclients=_maxclients(replies[1]), read_at=asked_at)
            self._count(replies[0], asked_at)
            if self._crowded():
                self._changed(self._target.node)

    def _count(self, said: bytes, asked_at: float) -> None:
        found = _CONNECTED.search(said)
        self._clients, self._counted_at = (int(found[1]) if found else None), asked_at

    def _crowded(self) -> bool:
        """Whether tenants have places that are not theirs; only then anybody need look."""
        most = self._info.maxclients if self._info is not None else None
        return most is not None and self._clients is not None and self._clients > most - RESERVED_CLIENTS

    def _accounted(self, asked_at: float, replies: list[Reply] | None) -> None:
        if replies is not None:
            self._learn(self._account, asked_at, replies)

    def _learn(self, commands: tuple[Command, ...], asked_at: float, replies: list[Reply]) -> None:
        before = (self.busy, self.loading, self._readings)
        for command, reply in zip(commands, replies, strict=True):
            self._readings = self._readings.learned(command, reply, asked_at, self._dialect.readers)
        if commands != _KILL_SCRIPT:
            # That one is answered while all else is refused: its answer tells nothing of how the node is.
            self._busy = any(_says(reply, "BUSY") for reply in replies)
            self._loading = any(_says(reply, "LOADING") for reply in replies)
        if before != (self.busy, self.loading, self._readings):
            self._changed(self._target.node)

    async def _do(self, *commands: Command, secret: str | None = None) -> list[Reply]:
        """Send the commands at once and learn from the answers; `secret` never shows in `LinkTrouble`."""
        replies = await self._exchange(*commands)
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, hiredis.ReplyError):
                raise LinkTrouble(f"{_name(command)}: {self._dialect.hidden(str(reply), secret)}")
        return replies

    async def _exchange(self, *commands: Command) -> list[Reply]:
        """The answers to the commands, refusals among them."""
        connection = self._line.connection
        if connection is None or not self._connected:
            raise LinkTrouble(f"{self._target.host}:{self._target.port}: {self.trouble}")
        answer = asyncio.get_running_loop().create_future()
        answered = partial(self._answered, commands, self._clock.monotonic(), answer)
        connection.ask(self._packed(commands), len(commands), answered)
        return await self._awaited(connection, commands[0], answer)

    def _packed(self, commands: tuple[Command, ...]) -> bytes:
        """The commands as this node knows them."""
        return packed(tuple(map(self._dialect.spoken, commands)))

    async def _awaited(
        self, connection: Connection, first: Command, answer: "asyncio.Future[list[Reply]]"
    ) -> list[Reply]:
        """The answers; without them in time the connection is given up, for it may answer much later."""
        try:
            async with asyncio.timeout(self._deadline):
                return await answer
        except TimeoutError:
            trouble = f"{_name(first)}: no answer within {self._deadline} s"
            if self._line.connection is connection:
                self._line.renew(trouble)
            raise LinkTrouble(trouble) from None

    def _answered(
        self,
        commands: tuple[Command, ...],
        asked_at: float,
        answer: "asyncio.Future[list[Reply]]",
        replies: list[Reply] | None,
    ) -> None:
        if replies is not None:
            self._learn(commands, asked_at, replies)
        if answer.done():
            return
        if replies is None:
            answer.set_exception(LinkTrouble(f"{_name(commands[0])}: the connection ended before the answer"))
        else:
            answer.set_result(replies)


def _words(error: OSError) -> str:
    return "not done in time" if isinstance(error, TimeoutError) else str(error)


def _ignored(_replies: list[Reply] | None) -> None:
    """What becomes of our name on the node changes nothing."""


def _maxclients(reply: Reply) -> int | None:
    return None if isinstance(reply, hiredis.ReplyError) else int(reply[1])


def _says(reply: Reply, word: str) -> bool:
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith(f"{word} ")


def _kill_through(address: str, port: int) -> Command:
    return ("CLIENT", "KILL", "LADDR", f"{address}:{port}", "SKIPME", "yes")


def _name(command: Command) -> str:
    """The command without what may be secret: `CONFIG SET`, `ACL SETUSER`."""
    return " ".join(command[:2])
