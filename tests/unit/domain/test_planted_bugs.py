"""The test of the tests: a bug planted in each safety rule is caught by the rules' own tests.

Each bug is one changed line in a copy of the sources; the safety tests, run against that copy, must fail.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCES = HERE.parents[2] / "src"
FAILED = 1


@dataclass(frozen=True, slots=True)
class Bug:
    """One changed line: `right` stands in the module exactly once and becomes `wrong`; `tests` must fail.

    `room` is the folder of both.
    """

    rule: str
    module: str
    right: str
    wrong: str
    tests: tuple[str, ...] = ("safety", "last_copy", "saved_data", "histories")
    room: str = "domain"


BUGS = (
    Bug("S1 admits nodes that are not whole", "members", "turn.lineage.primary or node.whole", "'' or True"),
    Bug("S2 reuses numbers", "members", "    number = turn.set.next_number\n", "    number = lost.number\n"),
    Bug(
        "S3 takes silence for death", "members", "seen.life is Life.GONE and", "seen.life is not Life.UP and"
    ),
    Bug("S4 takes the one that holds least", "succession", "fit.append((-offset,", "fit.append((offset,"),
    Bug(
        "S4 takes an emptied replica",
        "succession",
        "if seen.offset <= EMPTIED or not seen.agrees:",
        "if False:",
    ),
    Bug("S5 does not wait for a silent copy", "failover", "for node in holders:", "for node in holders[:1]:"),
    Bug("S6 fences the last copy", "failover", "    if copies:\n", "    if True:\n"),
    Bug(
        "S6 leaves the removal of the last copy open",
        "members",
        "return [n.id for n in holders] == [node.id]",
        "return False",
    ),
    Bug(
        "S6 counts on one that is silent",
        "members",
        "    return not any(_holds_data(turn, n) ",
        "    return False and not any(_holds_data(turn, n) ",
    ),
    Bug(
        "S6 ends a node on what was seen before it recorded",
        "turn",
        "return others if recorded else ",
        "return ",
    ),
    Bug(
        "H16 ends a script rather than the node that can not",
        "turn",
        "(*ending, *others)",
        "(*others, *ending)",
    ),
    Bug(
        "S4 promotes whatever the primary became",
        "plan",
        "if not primary_is_displaced(turn, primary):",
        "if True:",
    ),
    Bug(
        "S5 waits for ever for one that lets nobody in",
        "failover",
        "    refuses = ",
        "    refuses = False and ",
    ),
    Bug(
        "S1 leaves a half copy open",
        "members",
        "        if not serves:\n",
        "        if not serves and not node.launched:\n",
    ),
    Bug("S3 does not await the end of the stream", "failover", "return read_after or ", "return True or "),
    Bug(
        "S4 takes a node of another history",
        "succession",
        "return Unfit.FOREIGN if lineage_offset(lineage, seen) is None else None",
        "return None",
    ),
    Bug("S4 takes whoever answers at the address", "succession", "return Unfit.RESTARTED", "pass"),
    Bug(
        "S4 takes a node that was never whole",
        "succession",
        "if node.whole else Unfit.NEVER_WHOLE",
        "if True else None",
    ),
    Bug("S4 believes a copy before it is proven", "members", "elif seen.offset >= stamp and ", "elif "),
    Bug(
        "S6 throws an unproven copy away",
        "failover",
        "        _succeed_unproven(turn)\n",
        "        _all_lost(turn)\n",
    ),
    Bug(
        "S6 gives up while one loads",
        "failover",
        "    elif not _some_may_answer(turn, succession):\n        _all_lost",
        "    else:\n        _all_lost",
    ),
    Bug("S6 says lost while one is unproven", "progress", " and not any_hope(turn)", ""),
    Bug("S7 records without end", "progress", "primary_hangs(turn) or turn.lineage", "turn.lineage"),
    Bug("S7 forgets the new replid", "promotion", "replid=seen.replid,", "replid=before.replid,"),
    Bug("S8b reads from a replica out of step", "pointing", "in_step = linked and not", "in_step = not"),
    Bug(
        "S9 leaves writes held back", "plan", "            turn.do(Unpause(node.id))\n", "            pass\n"
    ),
    Bug(
        "H7 replaces a node before it is removed",
        "members",
        "    if turn.seen(lost).remains:\n",
        "    if False:\n",
    ),
    Bug("H16 ends no script", "failover", "        turn.do(KillScript(primary.id))\n", "        pass\n"),
    Bug("H4 keeps a replid that its primary left", "plan", "turn.amend_lineage(replid=seen.replid)", "pass"),
    Bug("S7 keeps the epoch", "failover", "epoch=turn.lineage.epoch + 1", "epoch=turn.lineage.epoch"),
    Bug("S7 acts on what is not recorded", "plan", "if not turn.defer and (", "if True and ("),
    Bug(
        "S8 leaves the address where it is", "pointing", "if not pointed(turn, primary, reader):", "if False:"
    ),
    Bug("S9 promotes a target that is behind", "promotion", "and at.offset >= end.offset", "and True"),
    Bug(
        "H12 stops a primary that has the address",
        "promotion",
        "return turn.facts.endpoints.primary_at != primary.id",
        "return True",
    ),
    Bug(
        "S9 waits without end for a primary that can not be asked",
        "promotion",
        "    elif _elapsed(turn, turn.facts.promotion_for, primary) > CATCH_UP:\n",
        "    elif False:\n",
    ),
    Bug("S9 never goes back", "promotion", "elif late or not _still_coming(turn, target):", "elif False:"),
    Bug("H6 overlooks that nobody is primary", "plan", "    if not seen.is_master:\n", "    if False:\n"),
    Bug("S10 gives no reason", "progress", " if standing.code else None", " if False else None"),
    Bug("S10 never brakes", "failover", ">= turn.rules.brake_count", ">= 10**9"),
    Bug(
        "S4 takes an empty master for the saved data",
        "plan",
        "turn.set.source is not None and not",
        "False and not",
    ),
    Bug("S4 believes a load before it is proved", "loading", "load.verified and _stands", "True and _stands"),
    Bug(
        "S4 believes a proof of another state",
        "loading",
        "load.verified and _stands(turn, first)",
        "load.verified",
    ),
    Bug("S7 forgets that the data was proved", "loading", "    if first.whole:\n", "    if False:\n"),
    Bug("S10 leaves a failed restore running", "plan", "        end_nodes(turn)\n", "        pass\n"),
    Bug("H28 loads for ever", "loading", "+ 1 >= MOST_REFUSALS", "+ 1 >= 10**9"),
    Bug(
        "H25 does not count deaths",
        "loading",
        "    if seen.life is Life.GONE and (first",
        "    if False and (first",
    ),
    Bug(
        "H24 takes the one-time identity from a loading node",
        "members",
        " and not (load is not None and load.under_way)",
        "",
    ),
    Bug("H28 lets failing copies go on", "members", "and turn.facts.now < seen.copy_at", "and False"),
)


_LIVE, _REPLACED = ("configuring",), ("replacing",)

APPLY_BUGS = (
    Bug(
        "H30 sets the primary first",
        "configuring",
        "    for node in turn.replicas():\n        if node.removing",
        "    for node in [primary, *turn.replicas()]:\n        if node.removing",
        _LIVE,
    ),
    Bug(
        "H30 records before it is read back",
        "plan",
        "    if bring_values(turn, primary):\n",
        "    if bring_values(turn, primary) or True:\n",
        _LIVE,
    ),
    Bug(
        "H30 goes on after a refusal",
        "configuring",
        "if wanted(turn.set) is not None and (why := hindrance(turn)):",
        "if False and (why := hindrance(turn)):",
        _LIVE,
    ),
    Bug("H30 evicts", "gap", "if not 0 < int(maxmemory.value) < held.used_memory:", "if True:", _LIVE),
    Bug(
        "H30 raises maxmemory first",
        "gap",
        "key=lambda p: (p.name == MAXMEMORY, p.name)",
        "key=lambda p: (p.name != MAXMEMORY, p.name)",
        _LIVE,
    ),
    Bug(
        "S1 admits without comparison",
        "members",
        "            if fits(turn, node):\n                turn.do(Admit",
        "            if True:\n                turn.do(Admit",
        _LIVE,
    ),
    Bug(
        "S4 lets a node copy without comparison",
        "members",
        "(may_begin and fits(turn, node))",
        "may_begin",
        _LIVE,
    ),
    Bug(
        "S6 leaves a node out that refuses a value",
        "configuring",
        "if s.name not in seen.refused)",
        "if True)",
        _LIVE,
    ),
    Bug(
        "S10 waits for ever for a node that is busy",
        "applying",
        "return hangs or _waited_for(turn, node) > PATIENCE",
        "return hangs",
        _LIVE,
    ),
    Bug(
        "S6 lets one go before another has come",
        "replacing",
        "    if len(living) > turn.set.replicas:\n",
        "    if len(living) >= turn.set.replicas:\n",
        _REPLACED,
    ),
    Bug(
        "S6 lets one go while another has no whole copy",
        "replacing",
        "elif all(n.status is NodeState.RUNNING for n in living) and not",
        "elif not",
        _REPLACED,
    ),
    Bug(
        "S6 lets a surplus one go while another has no whole copy",
        "replacing",
        "    if all(n.status is NodeState.RUNNING for n in living):\n",
        "    if True:\n",
        _REPLACED,
    ),
    Bug(
        "S9 lets the primary go without a handover",
        "replacing",
        "    old = [n for n in behind if n.id != primary.id]\n    if old:",
        "    old = behind\n    if old:",
        _REPLACED,
    ),
    Bug(
        "H30 forgets who was not seen to have gone back",
        "applying",
        "    if present.mixed and any(given_up",
        "    if False and any(given_up",
        _REPLACED,
    ),
    Bug(
        "H30 begins what does not fit the flavor",
        "sequence",
        "        return _refused(instance_set, values, span, now)\n    present = configured",
        "        pass\n    present = configured",
        ("sequence",),
    ),
    Bug(
        "S10 never gives up a node that can not be started",
        "failover",
        "        stop_apply(turn, why)\n",
        "        pass\n",
        _REPLACED,
    ),
    Bug(
        "S6 counts a node that stays after all twice",
        "failover",
        "operation is None or operation.node != node.id:",
        "operation is None:",
        _REPLACED,
    ),
)


_KNOWN, _TAKEN, _RECORDED = ("controllers",), ("taking",), ("store_controllers",)

CONTROLLER_BUGS = (
    Bug("S7 gives way to nobody", "controllers", " or other in self.former", " or True", _KNOWN),
    Bug("S7 shuts out a state that was put back", "controllers", "other.number < self.since or ", "", _KNOWN),
    Bug(
        "H14 leaves the former its user",
        "takeover",
        '(("ACL", "DELUSER", *others),) if others else ()',
        "()",
        _TAKEN,
        "redis",
    ),
    Bug(
        "H14 leaves the way in to who is half-way through",
        "takeover",
        '            ("ACL", "DELUSER", self._control.user),\n',
        "",
        _TAKEN,
        "redis",
    ),
    Bug(
        "S7 does not look who has the node",
        "takeover",
        "later = self._later(others)\n        if later is not None:\n            self._tell_superseded",
        "later = self._later(())\n        if later is not None:\n            self._tell_superseded",
        _TAKEN,
        "redis",
    ),
    Bug(
        "S7 does not look again",
        "takeover",
        "        others = self._others(replies[-1])\n",
        "        others: list[str] = []\n",
        _TAKEN,
        "redis",
    ),
    Bug(
        "H14 tears the way in down in two steps",
        "takeover",
        '            ("MULTI",),\n',
        '            ("PING",),\n',
        _TAKEN,
        "redis",
    ),
    Bug(
        "S7 records for whoever asks",
        "controllers",
        "if newest != [self._own]:",
        "if False:",
        _RECORDED,
        "store",
    ),
    Bug("S7 counts by the clock alone", "controllers", "former[0].number + 1", "0", _RECORDED, "store"),
)


def planted(bug: Bug, ground: Path) -> Path:
    """A copy of the sources with the bug in it."""
    copy = ground / "src"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    module = copy / "memstored" / bug.room / f"{bug.module}.py"
    text = module.read_text()
    assert text.count(bug.right) == 1, "the line is not there, or more than once"
    module.write_text(text.replace(bug.right, bug.wrong))
    return copy


@pytest.mark.parametrize("bug", [*BUGS, *APPLY_BUGS, *CONTROLLER_BUGS], ids=lambda bug: bug.rule)
def test_a_planted_bug_is_caught(bug: Bug, tmp_path: Path) -> None:
    """The safety tests or the random histories fail on it."""
    sources = planted(bug, tmp_path)
    # The same histories each time: whether a bug is caught is no matter of luck.
    options = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--hypothesis-seed=1")
    command = [sys.executable, "-m", "pytest", *options]
    files = [str(HERE.parent / bug.room / f"test_{name}.py") for name in bug.tests]
    environment = {
        **os.environ,
        "PYTHONPATH": str(sources),
        "PYTEST_ADDOPTS": "",
        "CI": "",
        "HISTORIES": "25",
        "HISTORIES_AS_FOUND": "1",
    }

    run = subprocess.run(
        [*command, *files], env=environment, capture_output=True, text=True, timeout=110, check=False
    )

    assert run.returncode == FAILED, run.stdout[-2000:]
