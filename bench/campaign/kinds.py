"""All kinds of fault, in the order in which they are tried."""

from collections.abc import Mapping

from campaign.empty_restart import EmptyRestart
from campaign.fault import Fault
from campaign.freeze import Freeze
from campaign.hang import Hang
from campaign.kills import Kill, KillMany
from campaign.large import KillInSync, Segv
from campaign.promotion import Promote
from campaign.service_kill import ServiceKill
from campaign.waits import Wait, WaitJoined, WaitStalled

_ALL: tuple[type[Fault], ...] = (
    Kill,
    KillMany,
    EmptyRestart,
    Hang,
    Promote,
    Wait,
    WaitJoined,
    WaitStalled,
    KillInSync,
    Segv,
    Freeze,
    ServiceKill,
)

KINDS: Mapping[str, type[Fault]] = {kind.name: kind for kind in _ALL}
