"""Webhooks in the store: one a project, from where on, sealed secrets, and who is told of new events."""

from dataclasses import replace

import pytest
from samples import IDENTITIES as WHO
from samples import NOW, PROJECT, a_set, an_event

from clocks import StillClock
from memstored.domain.webhook import Disabled, DisabledCode, Failing, Secret, Webhook
from memstored.domain.words import EventName, WebhookId
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.errors import Stale, WrongKey
from memstored.store.events import EventRepository, Resource
from memstored.store.sets import SetRepository
from memstored.store.webhooks import WebhookRepository

HOOK = Webhook(
    id=WebhookId("hook"),
    project_id=PROJECT,
    url="https://receiver.example/",
    event_names=(EventName.FAILOVER, EventName.UPDATE),
    created_at=NOW,
    updated_at=NOW,
    secrets=(Secret(value="whsec_new"), Secret(value="whsec_old", until=NOW + 1)),
)
OF = Resource(project_id=PROJECT, type="instance-set", id="set", name="orders")
OTHERS = replace(OF, project_id="another")


@pytest.fixture
def webhooks(database: Database, clock: StillClock, cipher: Cipher) -> WebhookRepository:
    """The repository of webhooks."""
    return WebhookRepository(database, clock, cipher)


async def kept(webhooks: WebhookRepository) -> Webhook:
    """The project's, as it is stored."""
    found = await webhooks.of(PROJECT)
    assert found is not None
    return found


async def test_a_webhook_is_kept_with_everything(webhooks: WebhookRepository) -> None:
    """What was recorded is what is read, field by field."""
    await webhooks.add(HOOK, [])
    first = await kept(webhooks)
    full = replace(
        first,
        position=3,
        sending=7,
        failing=Failing(since=NOW, attempts=2, message="It did not.", next_try=NOW + 10),
        disabled=Disabled(code=DisabledCode.GONE, message="It went.", since=NOW),
        delivered_at=NOW,
        secrets=(Secret(value="whsec_newest"),),
    )

    returned = await webhooks.commit(first, full)

    assert first == HOOK
    assert await kept(webhooks) == returned == replace(full, revision=1)
    assert await webhooks.projects() == [PROJECT]
    assert await webhooks.of("another") is None


async def test_it_begins_after_everything_that_was_written(
    webhooks: WebhookRepository, events: EventRepository
) -> None:
    """The event of its own making among it."""
    await events.record(OF, [an_event()])
    await webhooks.add(HOOK, [an_event(EventName.WEBHOOK_CREATE)])
    await events.record(OF, [an_event(message="later")])

    begun = await kept(webhooks)

    following = await events.following(PROJECT, begun.position, 10)
    assert [it.message for _, it in following] == ["later"]
    assert await webhooks.waiting(begun, 10) == 1


async def test_only_wanted_events_wait_and_are_counted_so_far(
    webhooks: WebhookRepository, events: EventRepository
) -> None:
    """Of this project; not further than one asks."""
    await webhooks.add(HOOK, [])
    await events.record(OF, [an_event(), an_event(), an_event(EventName.DELETE)])
    await events.record(OTHERS, [an_event()])
    begun = await kept(webhooks)

    assert await webhooks.waiting(begun, 10) == 2
    assert await webhooks.waiting(begun, 1) == 1
    assert await webhooks.waiting(replace(begun, event_names=()), 10) == 3


async def test_events_follow_in_the_order_of_writing(events: EventRepository, clock: StillClock) -> None:
    """Whatever the clock did, a page at a time, and nobody else's."""
    for at, name in [(NOW, "first"), (NOW - 100, "second"), (NOW + 100, "third")]:
        clock.now = at
        await events.record(OF, [an_event(message=name)])
        await events.record(OTHERS, [an_event(message="another's")])

    [(place, first), (next_place, second)] = await events.following(PROJECT, 0, 2)
    [(_, third)] = await events.following(PROJECT, next_place, 2)

    assert [first.message, second.message, third.message] == ["first", "second", "third"]
    assert place < next_place


async def test_a_project_has_one(webhooks: WebhookRepository) -> None:
    """Whoever comes second reads what is there."""
    await webhooks.add(HOOK, [])

    with pytest.raises(Stale):
        await webhooks.add(replace(HOOK, id=WebhookId("second")), [])

    assert (await kept(webhooks)).id == "hook"


async def test_who_did_not_see_the_last_change_changes_nothing(
    webhooks: WebhookRepository, events: EventRepository
) -> None:
    """Neither the webhook nor the events; one that was made anew is another."""
    await webhooks.add(HOOK, [])
    seen = await kept(webhooks)
    present = await webhooks.commit(seen, replace(seen, url="https://other.example/"))

    with pytest.raises(Stale):
        await webhooks.commit(seen, replace(seen, position=99), [an_event()])
    with pytest.raises(Stale):
        await webhooks.remove(seen, [an_event()])
    await webhooks.remove(present, [])
    await webhooks.add(replace(HOOK, id=WebhookId("second")), [])
    with pytest.raises(Stale):
        await webhooks.commit(replace(present, revision=0), present)

    assert await events.last_sequence() == 0


async def test_secrets_are_sealed(webhooks: WebhookRepository, database: Database, clock: StillClock) -> None:
    """Nobody reads them without the key."""
    await webhooks.add(HOOK, [])

    rows = await database.read(lambda c: str(c.exec_driver_sql("SELECT * FROM webhooks").all()))

    assert "whsec" not in rows
    with pytest.raises(WrongKey):
        await WebhookRepository(database, clock, Cipher("B" * 43 + "=")).of(PROJECT)


async def test_new_events_are_told_once_they_are_committed(
    database: Database, sets: SetRepository, events: EventRepository
) -> None:
    """By whatever transaction; of one that failed nothing is told, nor of what writes none."""
    told: list[str] = []
    database.listen(told.append)
    set_ = await sets.add(a_set(), WHO, [an_event(), an_event()], node_quota=100)
    by_set = list(told)
    with pytest.raises(Stale):
        await sets.commit(replace(set_, revision=99), set_, [an_event()])
    await sets.commit(set_, replace(set_, description="quiet"))
    after_none = list(told)
    await events.record(OTHERS, [an_event()])

    assert (by_set, after_none, told) == ([PROJECT], [PROJECT], [PROJECT, "another"])
