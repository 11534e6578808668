"""Sending a message over real connections of this machine, to receivers of every kind."""

import asyncio
import socket
import time
from ipaddress import ip_address

import pytest
from outbound import HERE, KEY, MESSAGE, NAME, Names, Papers, sender, sent

from memstored.control.clock import SystemClock
from memstored.domain.destinations import Destinations
from memstored.domain.webhook import Verdict
from memstored.notify import sender as sending
from receiver import ENDLESS, ENDLESS_HEAD, SILENT, Receiver, receiving


async def test_a_message_arrives_as_it_is(receiver: Receiver) -> None:
    """Signed, at the path and under the host that the URL names, and without anything of ours."""
    attempt = await sent(f"http://{NAME}:{receiver.port}/a/b?c=%20d", sender())

    [it] = receiver.messages
    assert (attempt.verdict, attempt.status) == (Verdict.DELIVERED, 204)
    assert attempt.seconds > 0
    assert (it.path, it.body, it.id) == ("/a/b?c=%20d", MESSAGE.body, "msg_1")
    assert it.headers["host"] == f"{NAME}:{receiver.port}"
    assert it.headers["content-type"] == "application/json"
    assert it.headers["connection"] == "close"
    assert it.headers["user-agent"].startswith("memstored/")
    assert abs(time.time() - int(it.headers["webhook-timestamp"])) < 60
    assert it.signed_by(KEY.value)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("", "/"),
        ("?room=7", "/?room=7"),
        ("/a%2Fb;c=1/?d=%20e&f=[g]", "/a%2Fb;c=1/?d=%20e&f=[g]"),
        ('/a|b"c', "/a%7Cb%22c"),
    ],
)
async def test_path_and_query_are_those_of_the_url(receiver: Receiver, written: str, asked: str) -> None:
    """What is quoted stays, and what has to be is."""
    await sent(f"http://{NAME}:{receiver.port}{written}", sender())

    assert [it.path for it in receiver.messages] == [asked]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (202, Verdict.DELIVERED),
        (299, Verdict.DELIVERED),
        (301, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (410, Verdict.GONE),
        (429, Verdict.REFUSED),
        (500, Verdict.REFUSED),
        (503, Verdict.REFUSED),
    ],
)
async def test_the_status_decides(receiver: Receiver, status: int, verdict: Verdict) -> None:
    """2xx is success, 410 the end, all else is tried again."""
    receiver.answers.append(status)

    attempt = await sent(receiver.url, sender())

    assert (attempt.verdict, attempt.status) == (verdict, status)
    assert str(status) in attempt.message


class Morning(SystemClock):
    """It is the 6th of November 1994, 08:49:37 in Greenwich."""

    def wall(self) -> float:
        """Seconds since 1970."""
        return 784111777.0


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Sun, 06 Nov 1994 08:51:37 GMT", 120.0),
        ("Sunday, 06-Nov-94 08:51:37 GMT", 120.0),
        ("Sun Nov  6 08:51:37 1994", 120.0),
        ("Sun, 06 Nov 1994 08:47:37 GMT", 0.0),
        ("9" * 400, float("inf")),
        ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        (None, 0.0),
    ],
)
async def test_a_receiver_says_when_to_come_again(
    receiver: Receiver, written: str | None, asked: float
) -> None:
    """In seconds or by a date, in any form that HTTP has of it; what can not be read asks for nothing."""
    receiver.otherwise, receiver.retry_after = 503, written

    attempt = await sent(receiver.url, sender(clock=Morning()))

    assert (attempt.verdict, attempt.asked_pause) == (Verdict.REFUSED, asked)


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """Wherever it leads: to an inner address, or to the receiver itself."""
    with receiving() as inner:
        receiver.answers.append(inner.url)
        attempt = await sent(receiver.url, sender())

        assert inner.messages == []
    assert (attempt.verdict, attempt.status) == (Verdict.REFUSED, 302)
    assert "not followed" in attempt.message


async def test_a_receiver_that_never_answers_is_left(receiver: Receiver, brief: float) -> None:
    """After the deadline, not later."""
    receiver.answers.append(SILENT)

    attempt = await sent(receiver.url, sender())

    assert (attempt.verdict, attempt.status) == (Verdict.UNREACHABLE, None)
    assert brief <= attempt.seconds < 10


async def test_a_body_without_end_is_not_read(receiver: Receiver) -> None:
    """The status is all that counts."""
    receiver.answers.append(ENDLESS)

    attempt = await sent(receiver.url, sender())

    assert attempt.verdict is Verdict.DELIVERED
    assert attempt.seconds < sending.DEADLINE


async def test_headers_without_end_are_refused(receiver: Receiver) -> None:
    """Before they fill the memory."""
    receiver.answers.append(ENDLESS_HEAD)

    attempt = await sent(receiver.url, sender())

    assert attempt.verdict is Verdict.UNREACHABLE
    assert attempt.seconds < sending.DEADLINE


async def test_a_name_that_leads_here_is_refused(receiver: Receiver) -> None:
    """By default only public addresses are connected to; nothing is sent, and where it leads is not told."""
    closed = Destinations.of(allow=(), inner=(), http=True)

    attempt = await sent(f"http://{NAME}:{receiver.port}/", sender(destinations=closed))

    assert (attempt.verdict, attempt.status) == (Verdict.FORBIDDEN, None)
    assert "127.0.0.1" not in attempt.message
    assert receiver.messages == []


async def test_a_name_that_changes_in_between_changes_nothing(receiver: Receiver) -> None:
    """It is asked once; what was checked is what is connected to."""
    names = Names([HERE], [ip_address("127.0.0.2")])

    attempt = await sent(f"http://{NAME}:{receiver.port}/", sender(names))

    assert attempt.verdict is Verdict.DELIVERED
    assert names.asked == [NAME]


async def test_of_several_addresses_only_open_ones_are_tried(receiver: Receiver) -> None:
    """The next one when one takes no connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", receiver.port))
        names = Names([ip_address("127.0.0.3"), ip_address("127.0.0.2"), HERE])
        two = Destinations.of(allow=["127.0.0.1/32", "127.0.0.2/32"], inner=(), http=True)

        attempt = await sent(f"http://{NAME}:{receiver.port}/", sender(names, destinations=two))

    assert attempt.verdict is Verdict.DELIVERED


async def test_not_every_address_of_a_name_is_tried(receiver: Receiver) -> None:
    """Whoever gives a name many of them does not have us knock at each."""
    nobody = [ip_address(f"127.0.0.{number}") for number in (2, 3, 4)]
    wide = Destinations.of(allow=["127.0.0.0/28"], inner=(), http=True)

    attempt = await sent(f"http://{NAME}:{receiver.port}/", sender(Names([*nobody, HERE]), destinations=wide))

    assert (attempt.verdict, receiver.messages) == (Verdict.UNREACHABLE, [])


async def test_a_receiver_that_is_not_there_is_said(receiver: Receiver) -> None:
    """Nobody listens, or the name does not exist."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        refused = await sent(f"http://127.0.0.1:{nobody.getsockname()[1]}/", sender())
    unknown = await sent("http://nowhere.example/", sender(Names()))

    assert (refused.verdict, unknown.verdict) == (Verdict.UNREACHABLE, Verdict.UNREACHABLE)
    assert "name" in unknown.message


async def test_without_the_setting_nothing_goes_out_in_clear(receiver: Receiver) -> None:
    """Also to a webhook from when it was allowed."""
    strict = Destinations.of(allow=["127.0.0.1/32"], inner=(), http=False)

    assert (await sent(receiver.url, sender(destinations=strict))).verdict is Verdict.FORBIDDEN
    assert receiver.messages == []


async def test_a_proxy_of_the_environment_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would connect for us to what we may not."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert (await sent(receiver.url, sender())).verdict is Verdict.DELIVERED


async def test_no_cookie_goes_from_one_to_the_next(receiver: Receiver) -> None:
    """Two tenants may have receivers at one address."""
    out = sender()
    await sent(receiver.url, out)
    await sent(receiver.url, out)

    assert [it.headers.get("cookie") for it in receiver.messages] == [None, None]


async def test_many_that_hang_hold_up_nobody_else(receiver: Receiver) -> None:
    """They wait side by side."""
    with receiving(otherwise=SILENT) as hanging:
        out = sender()
        stuck = [asyncio.create_task(sent(hanging.url, out)) for _ in range(20)]
        await asyncio.to_thread(hanging.await_messages, 20)
        good = await sent(receiver.url, out)
        waiting = [not task.done() for task in stuck]
    ended = await asyncio.gather(*stuck)

    assert good.verdict is Verdict.DELIVERED
    assert waiting == [True] * 20
    assert {it.verdict for it in ended} == {Verdict.UNREACHABLE}


async def test_the_certificate_is_checked_for_the_name(papers: Papers) -> None:
    """Although an address is connected to: by the name it is taken, by another one it is not."""
    out = sender(ca_file=papers.ca_file)
    with receiving(papers.server) as receiver:
        by_name = await sent(f"https://{NAME}:{receiver.port}/", out)
        by_another = await sent(f"https://other.example:{receiver.port}/", out)
        by_address = await sent(f"https://127.0.0.1:{receiver.port}/", out)

        assert len(receiver.messages) == 1
    verdicts = [it.verdict for it in (by_name, by_another, by_address)]
    assert verdicts == [Verdict.DELIVERED, Verdict.UNREACHABLE, Verdict.UNREACHABLE]
    assert "certificate" in by_another.message.lower()


async def test_a_certificate_of_nobody_is_refused(papers: Papers) -> None:
    """The system's authorities are trusted, and those that the operator names."""
    with receiving(papers.server) as receiver:
        attempt = await sent(f"https://{NAME}:{receiver.port}/", sender())

        assert receiver.messages == []
    assert attempt.verdict is Verdict.UNREACHABLE
