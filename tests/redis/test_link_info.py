"""What a link learns of a node's figures, from every engine."""

from nodes import CONTROL, Node, Opener, connected, pair
from servers import Server, soon

from memstored.domain.figures import FIGURES
from memstored.redis.readings import lasting

MEMSTORE_WORDS = FIGURES[:25]
"""Those that the contract names, but for the lag, which takes two nodes."""


async def test_every_word_of_the_contract_is_told(node: Node, opened: Opener) -> None:
    """By every engine, whatever it lacks in `INFO`, and as its own client reads it."""
    server = node()
    link = await connected(opened(server))

    link.ask_info()
    await soon(lambda: link.info is not None, what="the answer")

    assert link.info is not None
    told = link.info.fields()
    asked = server.client(CONTROL.user, CONTROL.secret).info()
    assert [figure.name for figure in MEMSTORE_WORDS if figure.read(told) is None] == []
    assert told["run_id"] == asked["run_id"]
    assert float(told["maxclients"]) >= 1000


async def test_asking_again_before_the_answer_asks_once(node: Node, opened: Opener) -> None:
    """A node that is slow to answer is not asked more and more."""
    server = node()
    link = await connected(opened(server))
    link.ask_info()
    await soon(lambda: link.info is not None, what="the answer")
    assert link.info is not None
    before = int(link.info.fields()["total_commands_processed"])

    first = link.info
    for _ in range(50):
        link.ask_info()
    await soon(lambda: link.info is not first, what="another answer")

    assert int(link.info.fields()["total_commands_processed"]) - before < 10


async def test_figures_end_with_the_connection(node: Node, opened: Opener) -> None:
    """What a server said that is gone is not shown as if it were there."""
    server = node()
    link = await connected(opened(server))
    link.ask_info()
    await soon(lambda: link.info is not None, what="the answer")

    server.process.kill()
    await soon(lambda: not link.connected, what="the end of the connection")

    assert link.info is None


async def test_an_idle_replica_s_answer_is_the_same_but_for_the_seconds(node: Node, opened: Opener) -> None:
    """What makes probes of a healthy set cheap: its answer changes each second, what lasts of it does not."""
    _, _, replica, _ = await pair(node, opened)
    seen = [said(replica)]

    def passed() -> bool:
        seen.append(said(replica))
        former, now = seen[-2:]
        return now != former and lasting(now) == lasting(former)

    await soon(passed, what="a second without a word from the primary")


def said(server: Server) -> bytes:
    """The very answer to `INFO replication`."""
    with server.client(CONTROL.user, CONTROL.secret) as client:
        client.set_response_callback("INFO", lambda answer, **_options: answer)
        return str(client.info("replication")).encode()
