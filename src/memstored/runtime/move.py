"""One move of a set's addresses: nodes let go of what they may not keep, and get what is to be theirs.

Used by `runtime.endpoints` and by the fake. All nodes are asked at once, and an address is given as soon as
nobody has it: who does not answer holds up only the addresses that it has itself.

An address is given only after it was taken from every living node that may have it and the connections that
came through it were ended (S8, H13). Who lets go ends them in the same breath (`Link.bind`), so there is no
moment at which we could die, or the node stop, in between; and the kernel gives no address to two.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId

__all__ = ["Lingering", "Move"]

Lingering = set[tuple[NodeId, str]]
"""Nodes that may still serve connections that came through an address which they were told to let go."""


class Move:
    """One move. `holders`: who is to have each address (None: nobody), the most important one first.

    `links` are the living nodes' and `own` tells their own addresses; `trial` says why nobody could bind an
    address now, None when it is free, and raises `OSError` when that can not be tried. `lingering` is kept
    from one move to the next.
    """

    def __init__(
        self,
        *,
        holders: Mapping[str, NodeId | None],
        links: Mapping[NodeId, Link],
        port: int,
        own: Callable[[NodeId], str],
        trial: Callable[[str, int], str | None],
        lingering: Lingering,
    ) -> None:
        self._holders = holders
        self._links = links
        self._port = port
        self._own = own
        self._bind_trouble = trial
        self._lingering = lingering
        self._blockers = {vip: {n for n in links if self._may_have(n, vip)} for vip in holders}
        self._asked: set[NodeId] = set()
        self._given_up: set[str] = set()
        self._progress = asyncio.Condition()
        self._troubles: list[str] = []

    def _may_have(self, node: NodeId, vip: str) -> bool:
        """Whether a node that is not to have the address has it, or serves connections through it."""
        return self._holders[vip] != node and (
            vip in self._links[node].bound or (node, vip) in self._lingering
        )

    async def carry_out(self) -> Sequence[str]:
        """Do all that can be done; returns what could not be, in words. Sends nothing without need (H15)."""
        wanted = dict.fromkeys(holder for holder in self._holders.values() if holder is not None)
        for node in wanted:
            if node not in self._links:
                self._troubles.append(f"node {node} is not connected, so it can not be given an address")
        async with asyncio.TaskGroup() as tasks:
            for node in dict.fromkeys([*wanted, *self._links]):
                if node in self._links:
                    tasks.create_task(self._settle(node))
        return self._troubles

    async def _settle(self, node: NodeId) -> None:
        try:
            await self._let_go(node)
            await self._receive(node)
        except LinkTrouble as trouble:
            self._troubles.append(str(trouble))

    async def _let_go(self, node: NodeId) -> None:
        """Take from the node what it may not keep."""
        lost = [vip for vip, blockers in self._blockers.items() if node in blockers]
        try:
            if lost:
                await self._take(node, lost)
        except LinkTrouble as trouble:
            raise LinkTrouble(
                f"node {node} was not seen to let go of {', '.join(lost)}: {trouble}"
            ) from trouble
        else:
            for vip in lost:
                self._blockers[vip].discard(node)
        finally:
            self._asked.add(node)
            async with self._progress:
                self._progress.notify_all()

    async def _take(self, node: NodeId, lost: Sequence[str]) -> None:
        """One command; what is free for the node is given to it by the same."""
        link = self._links[node]
        if link.bound.isdisjoint(lost):
            for vip in lost:
                await link.end_through(vip, self._port)
        else:
            self._lingering.update((node, vip) for vip in lost)
            kept = [vip for vip in self._due(node) if vip in link.bound]
            free = [vip for vip in self._free(node) if self._trial(vip) is None]
            try:
                await link.bind((self._own(node), *kept, *free), ending=tuple(lost))
            except LinkTrouble:
                if not free or not link.connected:
                    raise
                await link.bind((self._own(node), *kept), ending=tuple(lost))
        self._lingering.difference_update((node, vip) for vip in lost)

    async def _receive(self, node: NodeId) -> None:
        """Give the node what is to be its, each address as soon as nobody else has it."""
        while self._missing(node):
            async with self._progress:
                await self._progress.wait_for(lambda: self._free(node) or self._hopeless(node))
            free = self._free(node)
            if not free:
                return
            await self._give(node, free)

    async def _give(self, node: NodeId, free: Sequence[str]) -> None:
        """What can not be bound now is not tried: every bind makes a node refuse for an instant (H15)."""
        taken = {vip: why for vip in free if (why := self._trial(vip)) is not None}
        for vip, why in taken.items():
            self._give_up(node, vip, why)
        fresh = [vip for vip in free if vip not in taken]
        if not fresh:
            return
        link = self._links[node]
        kept = [vip for vip in self._due(node) if vip in link.bound]
        try:
            await link.bind((self._own(node), *kept, *fresh))
        except LinkTrouble as trouble:
            if len(fresh) == 1 or not link.connected:
                for vip in fresh:
                    self._give_up(node, vip, self._trial(vip) or str(trouble))
            else:
                for vip in fresh:
                    await self._give(node, [vip])

    def _trial(self, vip: str) -> str | None:
        """Why nobody could bind the address now; None when it is free, or that can not be tried here.

        A want of ours, as of descriptors, is none of the node's: it tries by itself, and the kernel judges.
        """
        try:
            return self._bind_trouble(vip, self._port)
        except OSError:
            return None

    def _give_up(self, node: NodeId, vip: str, why: str) -> None:
        self._given_up.add(vip)
        self._troubles.append(f"node {node} could not bind {vip}:{self._port} {why}")

    def _due(self, node: NodeId) -> list[str]:
        return [vip for vip, holder in self._holders.items() if holder == node]

    def _missing(self, node: NodeId) -> list[str]:
        bound = self._links[node].bound
        return [vip for vip in self._due(node) if vip not in bound and vip not in self._given_up]

    def _free(self, node: NodeId) -> list[str]:
        return [vip for vip in self._missing(node) if not self._blockers[vip]]

    def _hopeless(self, node: NodeId) -> bool:
        """Whether all who still have what is to be the node's were asked in vain."""
        return all(self._blockers[vip] <= self._asked for vip in self._missing(node))
