"""`memstored webhook` against the whole HTTP house."""

import json

from harness import Api
from typed_commands import Run

from memstored.domain.webhook import Attempt, Verdict


async def test_a_webhook_from_its_making_to_its_end(run: Run, api: Api) -> None:
    """Its secret is printed once, and again another when it is rotated."""
    made = await run("webhook", "set", "https://receiver.example/", "--event", "Cluster Failover")
    again = await run("webhook", "set", "https://receiver.example/", "--disabled")
    shown = await run("webhook", "show")
    rotated = await run("webhook", "rotate-secret", "-o", "json")
    gone = await run("webhook", "delete", "--yes")

    assert [made.words[1][0], made.words[1][1][:6]] == ["secret", "whsec_"]
    assert again.out == "Changed the webhook; its secret is the same.\n"
    assert ["events", "all"] in shown.words
    assert ["enabled", "no"] in shown.words
    assert json.loads(rotated.out)["secret"] not in made.out
    assert gone.out == "Deleted the webhook.\n"
    assert (await run("webhook", "show")).code == 5


async def test_a_webhook_that_does_not_take_a_message_ends_with_1(run: Run, api: Api) -> None:
    """With what it said."""
    await run("webhook", "set", "https://receiver.example/")
    good = await run("webhook", "test")
    api.sender.attempt = Attempt(verdict=Verdict.REFUSED, status=500, message="It answered 500.", seconds=0.5)
    bad = await run("webhook", "test")

    assert (good.code, bad.code) == (0, 1)
    assert ["took", "500", "ms"] in bad.words
    assert "It answered 500." in bad.out
