"""A receiver of webhooks on this machine, that behaves as it is told."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ENDLESS", "ENDLESS_HEAD", "SILENT", "Received", "Receiver", "receiving"]

SILENT = "gives no answer"
ENDLESS = "answers 200 with a body that has no end"
ENDLESS_HEAD = "answers with headers that have no end"


@dataclass(frozen=True)
class Received:
    """A message as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Its id."""
        return self.headers["webhook-id"]

    @property
    def data(self) -> list[dict[str, Any]]:
        """The events in it."""
        rows: list[dict[str, Any]] = json.loads(self.body)["data"]
        return rows

    def signed_by(self, secret: str) -> bool:
        """Whether one of the signatures is that of the secret, as the specification has it."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        mine = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
        return f"v1,{mine}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """Answers what is next in `answers` (a status, a URL to redirect to, or one of the words above), then
    `otherwise`. `messages` is what came, `over` ends those who wait. `retry_after` goes with every status.
    """

    port: int = 0
    otherwise: int | str = 204
    retry_after: str | None = None
    answers: deque[int | str] = field(default_factory=deque)
    messages: list[Received] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/events"

    def take(self, message: Received) -> int | str:
        """Keep a message; returns how it is answered."""
        with self.came:
            self.messages.append(message)
            self.came.notify_all()
            return self.answers.popleft() if self.answers else self.otherwise

    def await_messages(self, count: int, deadline: float = 30.0) -> list[Received]:
        """The messages, when so many have come."""
        with self.came:
            in_time = self.came.wait_for(lambda: len(self.messages) >= count, deadline)
            assert in_time, f"{len(self.messages)} of {count} messages came within {deadline:g} s"
            return list(self.messages)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, **behaviour: Any) -> Iterator[Receiver]:  # noqa: ANN401 - fields of Receiver
    """A receiver that listens at 127.0.0.1."""
    receiver = Receiver(**behaviour)

    class Handler(_Handler):
        of = receiver

    with _Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        serving.start()
        try:
            yield receiver
        finally:
            receiver.over.set()
            server.shutdown()
            serving.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 100


class _Handler(BaseHTTPRequestHandler):
    of: Receiver
    headers: Headers

    def do_POST(self) -> None:
        """Take a message and answer as told."""
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            # Who sent it was killed in the middle.
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.of.take(Received(self.path, headers, body))
        # Whoever asked may have gone.
        with suppress(OSError):
            self._answer(answer)

    def _answer(self, answer: int | str) -> None:
        if answer == SILENT:
            self.of.over.wait()
        elif answer == ENDLESS:
            self.send_response(200)
            self.end_headers()
            self._without_end(b"x" * 65536)
        elif answer == ENDLESS_HEAD:
            self.send_response(200)
            self.flush_headers()
            self._without_end(b"x-more: " + b"x" * 1000 + b"\r\n")
        elif isinstance(answer, str):
            self.send_response(302)
            self.send_header("location", answer)
            self.end_headers()
        else:
            self.send_response(answer)
            self.send_header("set-cookie", "known=1")
            if self.of.retry_after is not None:
                self.send_header("retry-after", self.of.retry_after)
            self.end_headers()

    def _without_end(self, piece: bytes) -> None:
        while not self.of.over.is_set():
            self.wfile.write(piece)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - as the one above
        """Say nothing."""
