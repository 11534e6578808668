"""One trial: the service dies in an operation, and what must be so when the next one has taken over."""

from collections import Counter
from dataclasses import dataclass

import redis
from live_set import LiveSet
from service_process import wait_for
from step_operations import Operation, lose_primary
from step_stage import Record, Stage
from steps import Step

from memstored.client import Unreachable

__all__ = ["Outcome", "run"]

DEADLINE = 40.0
MARK = "write node/started"
"""Comes twice for each node: the mark before its server is started, and then which process it became."""
TAKE_OVER = frozenset({MARK, "write node/redis.log", "spawn in node"})
"""Dying at one of these leaves a node that may have been started: it is replaced, never tried again (S2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a trial went: whether the service died by itself at the chosen step, and whom it had answered."""

    reached: bool
    answered: bool


def run(stage: Stage, operation: Operation, fatal: Step | None) -> Outcome:
    """Let the service die at the step, start the next one, and see that all is well; None: let it live."""
    operation.before(stage)
    if operation.before is not lose_primary:
        stage.write()
    before, heard = stage.record(), stage.events()
    stage.service.arm(fatal)
    answered = _begin(stage, operation)
    _await_end(stage, operation)
    reached = not stage.service.running
    if fatal is not None:
        if not reached:
            stage.service.kill()
        stage.service.start()
    if not before.next_number:
        stage.find()
    check(stage, operation, before, heard, fatal, answered=answered)
    return Outcome(reached=reached, answered=answered)


def _begin(stage: Stage, operation: Operation) -> bool:
    try:
        operation.begin(stage)
    except Unreachable:
        return False
    return True


def _await_end(stage: Stage, operation: Operation) -> None:
    """Return when the service has died, or nothing is left to do."""

    def over() -> bool:
        if not stage.service.running:
            return True
        try:
            return _settled(stage, operation)
        except (Unreachable, StopIteration):
            return False

    wait_for(over, deadline=DEADLINE, what="the end of the operation", instead=stage.service.counted)
    stage.service.await_quiet()


def _settled(stage: Stage, operation: Operation) -> bool:
    rows = stage.service.sets()
    if not operation.nodes or not rows:
        return not rows and not operation.nodes
    calm = rows[0]["status"] in ("Running", "Warning") and stage.made.show()["operation"] is None
    return calm and operation.done(stage) and _serving(stage) == operation.nodes


def _serving(stage: Stage) -> int:
    return sum(row["status"] == "Running" for row in stage.made.rows())


def check(
    stage: Stage,
    operation: Operation,
    before: Record,
    heard: Counter[str],
    fatal: Step | None,
    *,
    answered: bool,
) -> None:
    """The set is what was asked for, or, where nobody was answered and nothing recorded, what it was."""
    first = next(iter(operation.told))
    taken = not operation.asked or stage.events()[first] > heard[first]
    assert taken or not answered, "answered, and not done"
    if taken:
        wait_for(
            lambda: _settled(stage, operation),
            deadline=DEADLINE,
            what="what was asked for",
            instead=lambda: stage.made.account() if stage.set_ is not None else stage.service.sets(),
        )
    if not operation.nodes and taken:
        stage.set_ = None
    _check_servers(stage)
    assert stage.missing() == [], "written before, and gone"
    told = Counter({n: c for n, c in (stage.events() - heard).items() if n not in operation.also})
    assert told == Counter(operation.told if taken else {}) or _spare(stage, fatal), f"told {dict(told)}"
    _check_once(stage, operation, before, fatal, taken=taken)


def _spare(stage: Stage, fatal: Step | None) -> bool:
    """Whether a node was between its mark and the note of its process, perhaps not the one of the step."""
    steps = stage.service.counted()
    between = steps.count(MARK) % 2 == 1 or steps[-1] in TAKE_OVER
    return fatal is not None and between


def _check_servers(stage: Stage) -> None:
    """No server without a row, no row without a server, and addresses that lead home."""
    service, made = stage.service, stage.set_
    rows = [row for row in made.rows() if row["status"] != "Failed"] if made is not None else []
    nodes = {row["objectId"] for row in rows}
    dead = {row["objectId"] for row in made.rows()} - nodes if made is not None else set()
    wait_for(
        lambda: sorted(service.servers().values()) == sorted(nodes),
        what="servers being the rows' and no others",
        instead=lambda: (service.servers(), nodes),
    )
    wait_for(lambda: service.node_folders() - dead == nodes, what="folders being the rows'")
    purposes = (
        ("primary", "reader") if made is not None and made.show()["endpoints"]["reader"] else ("primary",)
    )
    owners = {f"node/{node}" for node in nodes}
    owners |= {f"set/{made.id}/{purpose}" for purpose in purposes} if made is not None else set()
    held = {f"node/{node}" for node in dead}
    wait_for(
        lambda: set(service.held_addresses()) - held == owners,
        what="addresses being the rows' and sets'",
        instead=lambda: (service.held_addresses(), owners),
    )
    if made is not None:
        wait_for(lambda: _leads_home(made), what="addresses leading home", instead=made.account)


def _leads_home(made: LiveSet) -> bool:
    replicas = {made.server_of(row) for row in made.replicas() if row["status"] == "Running"}
    try:
        primary = made.primary()["status"] == "Failed" or made.addresses_lead_home()
        return primary and (not replicas or made.server_at(made.reader_address()) in replicas)
    except redis.RedisError:
        return False


def _check_once(
    stage: Stage, operation: Operation, before: Record, fatal: Step | None, *, taken: bool
) -> None:
    """Nothing was done twice: no number, no promotion, no copy of the data, no event, no start of a node."""
    if stage.set_ is None:
        return
    after = stage.record()
    new = after.next_number - (before.next_number or 1)
    wanted = operation.new if taken else 0
    assert wanted <= new <= wanted + _spare(stage, fatal), f"{new} node numbers were used"
    assert after.epoch - before.epoch == (operation.epochs if taken else 0), "epochs"
    for node in before.run_ids.keys() & after.run_ids.keys():
        assert before.run_ids[node] in (None, after.run_ids[node]), f"node {node} is another server now"
    for node in before.servers.keys() & after.servers.keys():
        assert before.servers[node] == after.servers[node], f"node {node} was started again"
    copies = sum(after.full_syncs.values()) - sum(
        copies for node, copies in before.full_syncs.items() if node in after.full_syncs
    )
    joined = new if before.next_number else new - 1
    assert copies <= joined, f"{copies} full copies of the data for {joined} new nodes"
