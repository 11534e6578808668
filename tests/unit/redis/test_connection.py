from functools import partial

import hiredis
import pytest

from memstored.redis.connection import Connection, Reply, packed

PROBE = packed((("INFO", "replication"),))


class Wire:
    """A transport that remembers what was written."""

    def __init__(self) -> None:
        self.written = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        """Take what the connection sends."""
        self.written += data

    def is_closing(self) -> bool:
        """Whether it was told to end."""
        return self.aborted

    def abort(self) -> None:
        """Take note."""
        self.aborted = True


class Ears:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def made(self, _connection: Connection) -> None:
        """Take note."""
        self.told.append("made")

    def heard(self) -> None:
        """Take note."""
        self.told.append("heard")

    def lost(self, _connection: Connection) -> None:
        """Take note."""
        self.told.append("lost")


class Scene:
    """A connection between a transport and a listener, and every answer that came out of it."""

    def __init__(self) -> None:
        self.wire, self.ears = Wire(), Ears()
        self.connection = Connection(self.ears)
        self.connection.connection_made(self.wire)
        self.answers: list[list[Reply] | str | None] = []

    def ask(self, *commands: tuple[str, ...]) -> None:
        """Send commands at once."""
        self.connection.ask(packed(commands), len(commands), self.answers.append)

    def poll(self) -> None:
        """Send the probe."""
        same = partial(self.answers.append, "same")
        self.connection.poll(PROBE, self.answers.append, same, lambda answer: answer.replace(b"?", b""))

    def hear(self, *pieces: bytes) -> None:
        """Let the server's bytes arrive piece by piece."""
        for piece in pieces:
            self.connection.data_received(piece)


@pytest.fixture
def scene() -> Scene:
    """A fresh connection."""
    return Scene()


def test_commands_are_written_in_redis_s_protocol(scene: Scene) -> None:
    """Commands asked at once leave in one piece."""
    scene.ask(("AUTH", "a", "b"), ("PING",))

    assert scene.wire.written == b"*3\r\n$4\r\nAUTH\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nPING\r\n"


def test_answers_go_to_their_questions_in_order(scene: Scene) -> None:
    """Two questions under way are answered one after the other, however the bytes arrive."""
    scene.ask(("GET", "a"), ("GET", "b"))
    scene.ask(("PING",))

    scene.hear(b"$1\r\nx\r", b"\n$-1\r\n+PO", b"NG\r\n")

    assert scene.answers == [[b"x", None], [b"PONG"]]


def test_errors_are_answers(scene: Scene) -> None:
    """An error reply is handed on like any other: it is life (H15)."""
    scene.ask(("PING",))

    scene.hear(b"-BUSY Redis is busy\r\n")

    (answer,) = scene.answers
    assert answer is not None
    assert isinstance(answer[0], hiredis.ReplyError)
    assert scene.ears.told == ["made", "heard"]


def test_an_equal_answer_to_a_poll_is_not_parsed_again(scene: Scene) -> None:
    """The same bytes are told as the same; other bytes are parsed."""
    for data in (b"$1\r\na\r\n", b"$1\r\na\r\n", b"$1\r\nb\r\n", b"$1\r\nb\r\n"):
        scene.poll()
        scene.hear(data)

    assert scene.answers == [[b"a"], "same", [b"b"], "same"]


def test_what_does_not_last_is_no_difference(scene: Scene) -> None:
    """Answers that differ only in what the asker said to leave out are the same."""
    for data in (b"$2\r\na?\r\n", b"$2\r\n?a\r\n", b"$2\r\n?b\r\n"):
        scene.poll()
        scene.hear(data)

    assert scene.answers == [[b"a?"], "same", [b"?b"]]


def test_another_question_in_between_makes_the_next_poll_fresh(scene: Scene) -> None:
    """What a command answered may have changed what is known, so the next poll is read anew."""
    scene.poll()
    scene.hear(b"$1\r\na\r\n")
    scene.ask(("REPLICAOF", "NO", "ONE"))
    scene.hear(b"$1\r\na\r\n")
    scene.poll()
    scene.hear(b"$1\r\na\r\n")

    assert scene.answers == [[b"a"], [b"a"], [b"a"]]


def test_an_answer_in_pieces_is_never_taken_for_the_last_one(scene: Scene) -> None:
    """Half of an answer that equals a former whole one does not end the poll."""
    scene.poll()
    scene.hear(b"$1\r\na", b"\r\n")
    scene.poll()
    scene.hear(b"$1\r\na", b"\r\n")

    assert scene.answers == [[b"a"], [b"a"]]


def test_equal_pieces_of_one_answer_are_all_read(scene: Scene) -> None:
    """A piece that equals the one before is the rest of the same answer, not an answer."""
    scene.poll()
    scene.hear(b"*2\r\n", b"+a\r\n", b"+a\r\n")

    assert scene.answers == [[[b"a", b"a"]]]


def test_a_poll_behind_another_question_waits_its_turn(scene: Scene) -> None:
    """The last poll's bytes answer the question before, not the poll."""
    scene.poll()
    scene.hear(b"$1\r\na\r\n")
    scene.ask(("GET", "key"))
    scene.poll()
    scene.hear(b"$1\r\na\r\n", b"$1\r\na\r\n")

    assert scene.answers == [[b"a"], [b"a"], [b"a"]]


def test_the_end_answers_every_open_question(scene: Scene) -> None:
    """Nobody waits for an answer that can not come, and the listener hears of the end last."""
    scene.ask(("PING",))
    scene.poll()

    scene.connection.connection_lost(None)

    assert scene.answers == [None, None]
    assert scene.ears.told == ["made", "lost"]


def test_nothing_is_heard_after_an_abort(scene: Scene) -> None:
    """Who gives a connection up while it reads an answer gets no further one, and all that is open ends."""
    scene.connection.ask(packed((("AUTH", "a", "b"),)), 1, lambda _replies: scene.connection.abort())
    scene.ask(("INFO",))

    scene.hear(b"-WRONGPASS no\r\n$1\r\nx\r\n", b"$1\r\ny\r\n")
    scene.connection.connection_lost(None)

    assert scene.wire.aborted
    assert scene.answers == [None]
    assert scene.ears.told == ["made", "heard", "lost"]


def test_words_without_a_question_are_only_life(scene: Scene) -> None:
    """What a server says unasked, as at `maxclients`, answers nothing."""
    scene.hear(b"-ERR max number of clients reached\r\n")

    assert scene.answers == []
    assert scene.ears.told == ["made", "heard"]


def test_what_is_not_redis_ends_the_connection(scene: Scene) -> None:
    """A stranger at the address is not listened to."""
    scene.ask(("PING",))

    scene.hear(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert scene.wire.aborted
