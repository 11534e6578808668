"""Webhooks of the real service: killed in the middle, with receivers that fail, hang, redirect and lie."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from service_process import ServiceProcess, wait_for

from memstored.client import Client, InvalidRequest
from receiver import ENDLESS, SILENT, Received, Receiver, receiving

SETTINGS = '[webhook]\nallow = ["127.0.0.1/32"]\nhttp = true\n'
PROJECT = "fedcba9876543210fedcba9876543210"
"""Another one than the first admin's."""
CHANGES = 30


@pytest.fixture
def open_service(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service that may send to this machine."""
    service = ServiceProcess(tmp_path / "service", SETTINGS)
    service.start()
    yield service
    service.purge()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes everything."""
    with receiving() as here:
        yield here


def group_of(client: Client) -> str:
    """A parameter group, each change of which is an event."""
    base = client.list_parameter_groups(parameter_group_type="default")[0]
    return client.create_parameter_group(base.id, "sessions")


def change(client: Client, group: str, number: int) -> None:
    """Make an event."""
    client.change_parameter_group(group, parameters={"timeout": str(100 + number)})


def of_another_project(service: ServiceProcess) -> Client:
    """A caller of another project."""
    made = service.client.create_credential("another", ["member"], project_id=PROJECT)
    return Client(url=service.url, credential_id=made.object_id, secret=made.secret)


def ids(messages: list[Received]) -> list[str]:
    """The events in the order in which they came the first time."""
    return list(dict.fromkeys(row["id"] for message in messages for row in message.data))


def written(service: ServiceProcess, group: str) -> list[str]:
    """The changes of a group, the oldest first."""
    found = [it.id for it in service.client.list_events(resource_id=group, name="Parameters Update")]
    return found[::-1]


def test_nothing_is_lost_and_nothing_overtakes(open_service: ServiceProcess, receiver: Receiver) -> None:
    """While the service is killed again and again, and the receiver fails now and then."""
    service, chance = open_service, random.Random(7)
    group = group_of(service.client)
    secret = service.client.put_webhook(receiver.url, event_names=["Parameters Update"]).secret
    assert secret is not None
    for number in range(1, CHANGES + 1):
        before = len(receiver.messages)
        if number % 10 == 0:
            receiver.answers.append(500)
        change(service.client, group, number)
        if number % 7 == 0:
            receiver.await_messages(before + chance.randint(0, 1))
            service.kill()
            service.start()

    expected = written(service, group)
    wait_for(lambda: set(expected) <= set(ids(receiver.messages)), what="every event", deadline=60)

    assert len(expected) == CHANGES
    assert ids(receiver.messages) == expected
    assert all(it.signed_by(secret) for it in receiver.messages)
    bodies = {it.id: it.body for it in receiver.messages}
    assert all(bodies[it.id] == it.body for it in receiver.messages)
    wait_for(lambda: service.client.show_webhook().waiting == 0, what="the end of waiting")


def test_a_message_that_was_on_its_way_comes_again(open_service: ServiceProcess, receiver: Receiver) -> None:
    """The same one, byte for byte, although more has happened before the restart."""
    service = open_service
    group = group_of(service.client)
    service.client.put_webhook(receiver.url)
    receiver.answers.append(SILENT)
    change(service.client, group, 1)
    receiver.await_messages(1)
    change(service.client, group, 2)

    service.kill()
    service.start()

    first, again, rest = receiver.await_messages(3)
    assert (first.id, first.body) == (again.id, again.body)
    assert ids([first, again, rest]) == written(service, group)


def test_failures_are_shown_until_it_is_taken(open_service: ServiceProcess, receiver: Receiver) -> None:
    """With why, since when, and the next try; whoever asks again has it tried at once."""
    client = open_service.client
    receiver.otherwise = 503
    client.put_webhook(receiver.url)
    change(client, group_of(client), 1)
    failing = wait_for(lambda: client.show_webhook().failing, what="a failure")
    receiver.otherwise = 204

    client.put_webhook(receiver.url)

    assert "503" in failing.message
    assert failing.next_try is not None
    wait_for(lambda: client.show_webhook().waiting == 0, what="the delivery", deadline=4.5)
    seen = client.show_webhook()
    assert (seen.failing, seen.last_delivered_at is None) == (None, False)


def test_a_hostile_receiver_costs_its_own_project_alone(
    open_service: ServiceProcess, receiver: Receiver
) -> None:
    """One hangs, one answers without end, and they see nothing of anybody else."""
    service = open_service
    mine = service.client
    with of_another_project(service) as another, receiving(otherwise=SILENT) as hanging:
        another.put_webhook(hanging.url)
        group_of(another)
        hanging.await_messages(1)
        receiver.otherwise = ENDLESS
        mine.put_webhook(receiver.url)

        group = group_of(mine)
        for number in range(1, 4):
            change(mine, group, number)
        wait_for(lambda: mine.show_webhook().waiting == 0, what="the delivery", deadline=8)

        projects = {row["projectId"] for it in hanging.messages for row in it.data}
        assert projects == {PROJECT}
        assert PROJECT not in {row["projectId"] for it in receiver.messages for row in it.data}
        assert another.show_webhook().waiting >= 1


def test_gone_ends_it_with_an_event(open_service: ServiceProcess, receiver: Receiver) -> None:
    """And enabling it sends what waited, with that event."""
    client = open_service.client
    group = group_of(client)
    receiver.answers.append(410)
    client.put_webhook(receiver.url)
    change(client, group, 1)
    ended = wait_for(lambda: client.show_webhook().disabled, what="its end")

    client.put_webhook(receiver.url)
    wait_for(lambda: client.show_webhook().waiting == 0, what="the delivery")

    assert ended.code == "gone"
    names = [row["name"] for it in receiver.messages[1:] for row in it.data]
    assert names == ["Parameters Update", "Webhook Disabled", "Webhook Update"]


def test_a_redirect_to_an_inner_address_is_not_followed(
    open_service: ServiceProcess, receiver: Receiver
) -> None:
    """What it leads to hears nothing."""
    with receiving() as inner:
        receiver.answers.append(inner.url)
        open_service.client.put_webhook(receiver.url)
        trial = open_service.client.test_webhook()

        assert (trial.delivered, trial.status, inner.messages) == (False, 302, [])


def test_no_secret_is_in_the_log(open_service: ServiceProcess, receiver: Receiver) -> None:
    """Nor the path of a URL, which may be one; not when all goes well, and not when nothing does."""
    client = open_service.client
    receiver.answers.extend([500, 410, 410])
    secrets = [client.put_webhook(f"{receiver.url}/path-of-a-secret").secret]
    secrets.append(client.rotate_webhook_secret().secret)
    client.test_webhook()
    wait_for(lambda: client.show_webhook().disabled, what="its end", deadline=30)

    log = open_service.log.read_text()
    assert "webhook_disabled" in log
    assert not [secret for secret in secrets if secret is None or secret[6:] in log]
    assert "path-of-a-secret" not in log


def test_what_is_measured_is_told(open_service: ServiceProcess, receiver: Receiver) -> None:
    """How attempts ended, how many webhooks work, and how long the oldest event waits."""
    client = open_service.client
    receiver.answers.append(SILENT)
    client.put_webhook(receiver.url)
    group_of(client)
    receiver.await_messages(1)
    lagging = wait_for(lambda: measured(open_service)["memstored_webhook_lag_seconds"], what="a lag")
    receiver.over.set()

    told = wait_for(
        lambda: (now := measured(open_service)).get('memstored_webhooks{state="failing"}') == 1 and now,
        what="the failure",
    )

    assert lagging > 0
    assert told['memstored_webhook_delivery_seconds_count{outcome="unreachable"}'] == 1


def measured(service: ServiceProcess) -> Mapping[str, float]:
    """The samples of webhooks on the page of metrics."""
    lines = httpx.get(f"{service.url}/metrics").text.splitlines()
    found = (line.rsplit(" ", 1) for line in lines if line.startswith("memstored_webhook"))
    return {name: float(value) for name, value in found}


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001"])
def test_by_default_nothing_leads_to_this_machine(
    service: ServiceProcess, receiver: Receiver, host: str
) -> None:
    """By no name and no spelling; nobody is connected to."""
    client = service.client
    try:
        client.put_webhook(f"https://{host}:{receiver.port}/")
        trial = client.test_webhook()
    finally:
        client.delete_webhook()

    assert (trial.delivered, trial.status) == (False, None)
    assert "does not connect" in trial.message
    assert receiver.messages == []


def test_by_default_no_address_of_this_machine_is_taken(service: ServiceProcess, receiver: Receiver) -> None:
    """It is refused when it is given."""
    for url in (receiver.url, f"https://127.0.0.1:{receiver.port}/", "https://[::1]/"):
        with pytest.raises(InvalidRequest):
            service.client.put_webhook(url)
