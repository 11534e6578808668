"""Events brought to webhooks, from a real store to a receiver that is played, by a clock that tests move."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from looking import eventually

from clocks import StillClock
from memstored.control import delivery as delivering
from memstored.control import notifier as notifying
from memstored.control.delivery import Courier, Delivery
from memstored.control.notifier import Notifier
from memstored.domain.model import EventDraft
from memstored.domain.webhook import Attempt, DisabledCode, Failing, Secret, Verdict, Webhook
from memstored.domain.words import EventName, WebhookId
from memstored.notify.message import Message, new_secret
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.errors import StoreTrouble
from memstored.store.events import Event, EventRepository, Resource
from memstored.store.webhooks import WebhookRepository
from memstored.telemetry.measures import Measures

MINE, OTHERS = "mine", "others"
DAY = 24 * 3600.0
REFUSED = Attempt(verdict=Verdict.REFUSED, status=500, message="It answered 500.")
GONE = Attempt(verdict=Verdict.GONE, status=410, message="It answered 410.")
TAKEN = Attempt(verdict=Verdict.DELIVERED, status=204, message="It answered 204.")


class Played:
    """Stands in for the way out: what is sent is kept by URL, and `outcomes` come of it, then it is taken."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Message]] = {}
        self.keys: list[tuple[Secret, ...]] = []
        self.outcomes: list[Attempt] = []
        self.hanging: set[str] = set()
        self.came = asyncio.Condition()

    async def send(self, url: str, message: Message, keys: tuple[Secret, ...]) -> Attempt:
        """Send a message."""
        async with self.came:
            self.sent.setdefault(url, []).append(message)
            self.keys.append(keys)
            self.came.notify_all()
            await self.came.wait_for(lambda: url not in self.hanging)
        return self.outcomes.pop(0) if self.outcomes else TAKEN

    async def let_go(self, url: str) -> None:
        """Who hangs there takes it after all."""
        async with self.came:
            self.hanging.discard(url)
            self.came.notify_all()

    async def messages(self, url: str, count: int) -> list[Message]:
        """Those to that URL, when there are so many."""
        async with asyncio.timeout(30), self.came:
            await self.came.wait_for(lambda: len(self.sent.get(url, [])) >= count)
        return self.sent[url]


class LosableDatabase(Database):
    """One whose writes fail while `lost`."""

    lost = 0

    async def write(self, work, *args, **kwargs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN201 - as the one above
        """Write, or `StoreTrouble`."""
        if self.lost:
            self.lost -= 1
            raise StoreTrouble("The disk is gone.")
        return await super().write(work, *args, **kwargs)


class Ground:
    """A store, and what sends from it."""

    def __init__(self, database: LosableDatabase) -> None:
        self.database, self.clock, self.out = database, StillClock(), Played()
        self.events = EventRepository(database, self.clock)
        self.webhooks = WebhookRepository(database, self.clock, Cipher(Fernet.generate_key().decode()))
        self.courier = Courier(
            webhooks=self.webhooks,
            events=self.events,
            sender=self.out,  # type: ignore[arg-type]  # the one method that is used
            render=lambda it: json.dumps({"id": it.id, "message": it.message}),
            measures=Measures(),
            clock=self.clock,
            chance=lambda: 1.0,
            give_up_after=3 * DAY,
        )

    async def hook(self, project: str = MINE, **changes: object) -> Webhook:
        """A webhook of a project."""
        made = Webhook(
            id=WebhookId(f"hook of {project}"),
            project_id=project,
            url=f"https://{project}.example/",
            event_names=(),
            created_at=self.clock.now,
            updated_at=self.clock.now,
            secrets=(Secret(value=new_secret()),),
        )
        await self.webhooks.add(replace(made, **changes), [])
        return await self.kept(project)

    async def kept(self, project: str = MINE) -> Webhook:
        """The webhook as it is stored."""
        found = await self.webhooks.of(project)
        assert found is not None
        return found

    async def happen(self, *messages: str, project: str = MINE, name: EventName = EventName.FAILOVER) -> None:
        """Events are written."""
        of = Resource(project_id=project, type="instance-set", id="set", name="orders")
        await self.events.record(of, [EventDraft(name=name, message=it) for it in messages])

    def received(self, project: str = MINE) -> list[str]:
        """The events that were sent, in their order."""
        messages = self.out.sent.get(f"https://{project}.example/", [])
        return [row["message"] for it in messages for row in json.loads(it.body)["data"]]


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    """A store without webhooks."""
    database = await LosableDatabase.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield Ground(database)
    await database.close()


@pytest.fixture
async def notifier(ground: Ground) -> AsyncIterator[Notifier]:
    """At work, and told of new events."""
    async with Notifier(ground.courier) as notifier:
        ground.database.listen(notifier.announced)
        yield notifier


async def test_events_are_sent_and_done_with(ground: Ground) -> None:
    """Once; then there is nothing to do until somebody wakes it."""
    await ground.hook()
    await ground.happen("one", "two")
    delivery = Delivery(MINE, ground.courier)

    pauses = [await delivery.turn(), await delivery.turn()]

    assert pauses == [0.0, None]
    assert ground.received() == ["one", "two"]
    assert (await ground.kept()).delivered_at == ground.clock.now
    assert delivery.waiting_since is None


async def test_a_failure_is_tried_again_with_the_same_message(ground: Ground) -> None:
    """After a pause, in which what happens waits; nothing overtakes."""
    await ground.hook()
    await ground.happen("one")
    ground.out.outcomes = [REFUSED]
    delivery = Delivery(MINE, ground.courier)
    await delivery.turn()
    await ground.happen("two")

    early = await delivery.turn()
    waited = delivery.waiting_since
    ground.clock.now += 5
    await delivery.turn()
    await delivery.turn()

    first, again, other = ground.out.sent["https://mine.example/"]
    assert (early, waited) == (5.0, ground.clock.now - 5)
    assert first == again
    assert other.id != first.id
    assert ground.received() == ["one", "one", "two"]
    assert (await ground.kept()).failing is None


async def test_what_comes_while_one_waits_is_not_looked_for(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much happens, a receiver that failed costs no look at the events until it is tried again."""
    looks: list[int] = []
    following = ground.events.following

    async def counted(project: str, after: int, limit: int) -> list[tuple[int, Event]]:
        looks.append(after)
        return await following(project, after, limit)

    monkeypatch.setattr(ground.events, "following", counted)
    await ground.hook()
    await ground.happen("one")
    ground.out.outcomes = [replace(REFUSED, asked_pause=60.0)]
    delivery = Delivery(MINE, ground.courier)
    await delivery.turn()
    began = delivery.waiting_since

    for _ in range(10):
        await ground.happen("another")
        assert await delivery.turn() == 60.0

    assert (len(looks), delivery.waiting_since) == (1, began)
    ground.clock.now += 60
    await delivery.turn()
    await delivery.turn()
    assert ground.received() == ["one", "one", *["another"] * 10]


async def test_a_service_that_starts_while_one_waits_knows_since_when(ground: Ground) -> None:
    """The events are looked at once for that."""
    await ground.hook()
    await ground.happen("one")
    ground.out.outcomes = [REFUSED]
    await Delivery(MINE, ground.courier).turn()
    restarted, happened = Delivery(MINE, ground.courier), ground.clock.now
    ground.clock.now += 1

    assert await restarted.turn() == 4.0
    assert restarted.waiting_since == happened


async def test_a_restart_in_the_middle_sends_the_same_message_again(ground: Ground) -> None:
    """What was begun was recorded first; whatever came since is another message."""
    await ground.hook()
    await ground.happen("one")
    ground.out.hanging.add("https://mine.example/")
    dying = asyncio.create_task(Delivery(MINE, ground.courier).turn())
    await ground.out.messages("https://mine.example/", 1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await ground.happen("two")
    ground.out.hanging.clear()

    restarted = Delivery(MINE, ground.courier)
    await restarted.turn()
    await restarted.turn()

    first, again, _ = ground.out.sent["https://mine.example/"]
    assert first == again
    assert ground.received() == ["one", "one", "two"]


async def test_days_of_failure_end_it_and_nothing_is_lost(ground: Ground) -> None:
    """With an event; enabled again, everything comes, and that event too."""
    await ground.hook()
    await ground.happen("one")
    ground.out.outcomes = [REFUSED] * 500
    delivery = Delivery(MINE, ground.courier)
    began = ground.clock.now
    while (pause := await delivery.turn()) is not None:
        ground.clock.now += pause
    ended = await ground.kept()

    assert 3 * DAY <= ground.clock.now - began <= 3 * DAY + 3600
    assert ended.disabled is not None
    assert ended.disabled.code is DisabledCode.FAILED_TOO_LONG
    sent_before = len(ground.received())
    await ground.happen("two")
    assert await delivery.turn() is None
    assert len(ground.received()) == sent_before

    ground.out.outcomes = []
    await ground.webhooks.commit(ended, replace(ended, disabled=None, failing=None))
    while await delivery.turn() is not None:
        pass

    one, about_the_end, two = ground.received()[sent_before:]
    assert (one, two) == ("one", "two")
    assert "500" in about_the_end


async def test_gone_ends_it_at_once(ground: Ground) -> None:
    """No second attempt is made."""
    await ground.hook()
    await ground.happen("one")
    ground.out.outcomes = [GONE]
    delivery = Delivery(MINE, ground.courier)

    pauses = [await delivery.turn(), await delivery.turn()]

    assert pauses == [0.0, None]
    assert ground.received() == ["one"]
    page = await ground.events.page(MINE, limit=1)
    assert [it.name for it in page.rows] == ["Webhook Disabled"]


async def test_what_is_not_wanted_is_passed_over_for_good(ground: Ground) -> None:
    """Also when the webhook wants it later."""
    await ground.hook(event_names=(EventName.FAILOVER,))
    await ground.happen("quiet", name=EventName.UPDATE)
    delivery = Delivery(MINE, ground.courier)
    await delivery.turn()
    seen = await ground.kept()
    await ground.webhooks.commit(seen, replace(seen, event_names=()))
    await ground.happen("loud", name=EventName.UPDATE)

    await delivery.turn()

    assert ground.received() == ["loud"]


async def test_nobody_gets_what_is_of_another_project(ground: Ground) -> None:
    """Whatever happens at the same time."""
    for project in (MINE, OTHERS):
        await ground.hook(project)
    await ground.happen("for me")
    await ground.happen("for others", project=OTHERS)

    for project in (MINE, OTHERS):
        await Delivery(project, ground.courier).turn()

    assert (ground.received(), ground.received(OTHERS)) == (["for me"], ["for others"])


async def test_a_store_that_is_away_sends_nothing_twice(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came of an attempt is recorded when it is back; nothing is sent before its intent is."""
    monkeypatch.setattr(delivering, "RETRY", 0.001)
    await ground.hook()
    await ground.happen("one")
    delivery = Delivery(MINE, ground.courier)
    ground.database.lost = 1
    with pytest.raises(StoreTrouble):
        await delivery.turn()
    none = ground.received()
    ground.out.hanging.add("https://mine.example/")
    turn = asyncio.create_task(delivery.turn())
    await ground.out.messages("https://mine.example/", 1)
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    ground.out.hanging.clear()
    ground.database.lost = 3

    await delivery.turn()

    assert none == []
    assert ground.database.lost == 0
    assert ground.received() == ["one", "one"]
    assert await delivery.turn() is None


async def test_events_wake_who_sends_them(ground: Ground, notifier: Notifier) -> None:
    """Without looking now and then: each comes as it is written."""
    await ground.hook()
    notifier.wake(MINE)

    await ground.happen("one")
    await ground.out.messages("https://mine.example/", 1)
    await ground.happen("two")
    await ground.out.messages("https://mine.example/", 2)

    assert ground.received() == ["one", "two"]


async def test_a_new_run_goes_on_where_the_last_one_was(ground: Ground) -> None:
    """With every webhook, and what was written while nobody was there."""
    await ground.hook()
    await ground.hook(OTHERS)
    await ground.happen("one")
    async with Notifier(ground.courier):
        await eventually(lambda: ground.received() == ["one"])
    await ground.happen("two", project=OTHERS)
    await ground.happen("two")

    async with Notifier(ground.courier):
        await eventually(lambda: "two" in ground.received() and "two" in ground.received(OTHERS))

    assert ground.received(OTHERS) == ["two"]


async def test_who_never_answers_holds_up_nobody_else(ground: Ground, notifier: Notifier) -> None:
    """However many there are of them, once they have failed."""
    failing = Failing(since=ground.clock.now, attempts=1, message="", next_try=ground.clock.now)
    for number in range(40):
        hook = await ground.hook(f"slow-{number}")
        await ground.happen("x", project=hook.project_id)
        await ground.webhooks.commit(hook, replace(hook, failing=failing))
        ground.out.hanging.add(hook.url)
        notifier.wake(hook.project_id)
    await ground.hook()
    notifier.wake(MINE)

    await ground.happen("one")

    await ground.out.messages("https://mine.example/", 1)
    assert len(ground.out.sent) <= 1 + delivering.FAILING


async def test_a_webhook_that_is_deleted_ends_its_task(ground: Ground, notifier: Notifier) -> None:
    """And one that is made anew begins another."""
    hook = await ground.hook()
    notifier.wake(MINE)
    await eventually(lambda: notifier.survey().by_state["working"] == 1)
    await ground.webhooks.remove(hook, [])
    notifier.wake(MINE)
    await eventually(lambda: notifier.survey().by_state["working"] == 0)
    await ground.happen("between")
    await ground.hook()
    notifier.wake(MINE)

    await ground.happen("one")

    await ground.out.messages(hook.url, 1)
    assert ground.received() == ["one"]


async def test_a_webhook_that_is_deleted_while_it_is_sent_is_done_with(ground: Ground) -> None:
    """Nothing is recorded of it, and one that was made meanwhile begins with what came after it."""
    hook = await ground.hook()
    await ground.happen("one")
    ground.out.hanging.add(hook.url)
    delivery = Delivery(MINE, ground.courier)
    turn = asyncio.create_task(delivery.turn())
    await ground.out.messages(hook.url, 1)
    await ground.webhooks.remove(await ground.kept(), [])
    made = await ground.hook(id=WebhookId("another"))
    await ground.out.let_go(hook.url)

    pauses = [await turn, await delivery.turn()]

    assert pauses == [0.0, None]
    assert await ground.kept() == made
    assert ground.received() == ["one"]


@pytest.mark.parametrize("deleted", [False, True])
async def test_what_its_owner_ends_in_the_queue_is_not_sent(ground: Ground, deleted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Others may hold every place for long; nothing goes to where it no longer should."""
    hook = await ground.hook()
    await ground.happen("one")
    delivery = Delivery(MINE, ground.courier)
    for _ in range(delivering.WORKING):
        await ground.courier.working.acquire()
    turn = asyncio.create_task(delivery.turn())
    async with asyncio.timeout(30):
        while (begun := await ground.kept()) == hook:
            pass
    if deleted:
        await ground.webhooks.remove(begun, [])
    else:
        await ground.webhooks.commit(begun, replace(begun, url="https://new.example/"))
    for _ in range(delivering.WORKING):
        ground.courier.working.release()

    await turn
    await delivery.turn()

    assert ground.received() == []
    assert ground.received("new") == ([] if deleted else ["one"])


async def test_a_new_secret_signs_what_is_tried_again(ground: Ground) -> None:
    """The message is the same, and the secret before still signs it for a day."""
    hook = await ground.hook()
    await ground.happen("one")
    ground.out.outcomes = [REFUSED, REFUSED]
    delivery = Delivery(MINE, ground.courier)
    await delivery.turn()
    failed = await ground.kept()
    fresh = Secret(value=new_secret())
    former = replace(hook.secrets[0], until=ground.clock.now + DAY)
    await ground.webhooks.commit(failed, replace(failed, secrets=(fresh, former)))
    for pause in (60, DAY):
        ground.clock.now += pause
        await delivery.turn()

    first, *again = ground.out.sent[hook.url]
    assert again == [first, first]
    assert ground.out.keys == [hook.secrets, (fresh, former), (fresh,)]


async def test_the_state_of_all_is_told(ground: Ground, notifier: Notifier) -> None:
    """Without asking the store: how many work, and since when the oldest event waits."""
    await ground.hook()
    hanging = await ground.hook(OTHERS)
    ground.out.hanging.add(hanging.url)
    for project in (MINE, OTHERS):
        notifier.wake(project)
    await ground.happen("stuck", project=OTHERS)
    await ground.out.messages(hanging.url, 1)

    survey = notifier.survey()

    assert survey.by_state == {"working": 2, "failing": 0, "disabled": 0}
    assert survey.waiting_since == ground.clock.now


async def test_an_unforeseen_fault_is_said_and_gone_on_from(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One project's task does not end for good, nor another's at all."""
    monkeypatch.setattr(notifying, "RETRY", 0.001)
    await ground.hook()
    turns = iter([RuntimeError("unforeseen")])
    real = Delivery.turn

    async def turn(self: Delivery) -> float | None:
        for fault in turns:
            raise fault
        return await real(self)

    monkeypatch.setattr(Delivery, "turn", turn)
    await ground.happen("one")

    async with Notifier(ground.courier):
        await ground.out.messages("https://mine.example/", 1)

    assert ground.received() == ["one"]
