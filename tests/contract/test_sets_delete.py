"""API.md 2.2: deleting a set."""

import pytest
from harness import Api
from set_calls import SETS, created, delete, faults, put_state, running, stored

from memstored.domain.words import OperationKind, SetState


async def test_a_deletion_is_recorded_before_it_is_answered(api: Api) -> None:
    """The set is `Terminating` when the answer, its id, comes; the control loop was told."""
    set_id = await running(api)
    api.control.woken.clear()

    answer = await delete(api, set_id)

    it = await stored(api, set_id)
    assert answer.status_code == 200
    assert answer.content == f'{{"objectId":"{set_id}"}}\n'.encode()
    assert it.status is SetState.TERMINATING
    assert it.operation is not None
    assert it.operation.kind is OperationKind.DELETE
    assert api.control.woken == [set_id]


@pytest.mark.parametrize("status", [s for s in SetState if s is not SetState.TERMINATED])
async def test_every_state_allows_it(api: Api, status: SetState) -> None:
    """A set can be deleted whatever it is doing."""
    set_id = await created(api)
    await put_state(api, set_id, status)

    answer = await delete(api, set_id)

    assert answer.status_code == 200
    assert (await stored(api, set_id)).status is SetState.TERMINATING


async def test_a_repeat_is_harmless(api: Api) -> None:
    """Asked again while the set goes, the answer is the same and nothing changes."""
    set_id = await running(api)
    await delete(api, set_id)
    before = await stored(api, set_id)

    again = await delete(api, set_id)

    assert again.status_code == 200
    assert await stored(api, set_id) == before


async def test_the_operation_before_is_closed(api: Api) -> None:
    """What ran before the deletion is filed as failed, so one operation runs at a time."""
    set_id = await created(api)

    await delete(api, set_id)

    rows = (await api.get(f"{SETS}/{set_id}/operations")).json()["data"]
    assert [(r["kind"], r["state"]) for r in rows] == [("delete", "running"), ("create", "failed")]


@pytest.mark.parametrize("value", ["true", "false"])
async def test_the_word_on_backups_is_accepted(api: Api, value: str) -> None:
    """Without automatic backups the parameter is not needed and changes nothing."""
    set_id = await running(api)

    assert (await delete(api, f"{set_id}?keepAutomaticBackups={value}")).status_code == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("keepAutomaticBackups=True", "malformed"),
        ("keepAutomaticBackups=", "malformed"),
        ("keepautomaticbackups=true", "unknown_field"),
    ],
)
async def test_a_query_that_is_wrong_deletes_nothing(api: Api, query: str, code: str) -> None:
    """A typo must not delete a set in another way than was meant."""
    set_id = await running(api)

    answer = await delete(api, f"{set_id}?{query}")

    assert answer.status_code == 400
    assert faults(answer) == {(query.partition("=")[0], code)}
    assert (await stored(api, set_id)).status is SetState.RUNNING


async def test_a_set_that_is_gone_is_not_found(api: Api) -> None:
    """A `Terminated` set answers 404 like one that never was."""
    set_id = await running(api)
    await put_state(api, set_id, SetState.TERMINATED)

    assert (await delete(api, set_id)).status_code == 404
    assert (await delete(api, "none")).status_code == 404
