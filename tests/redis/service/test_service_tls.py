"""Sets that speak TLS: who is let in, who is not, and new certificates while clients go on."""

import socket
import ssl
import threading
from contextlib import nullcontext
from typing import Self

import pytest
import redis
from live_set import LiveSet
from redis.backoff import NoBackoff
from redis.retry import Retry
from service_process import ServiceProcess, wait_for

from memstored.client import ApiFault
from memstored.redis.certificates import new_authority
from writers import Writers

pytestmark = pytest.mark.tls
VERSION = "7.0.15"
PORT = 6379
USER = {"name": "app", "password": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}
LOGIN = {"username": "app", "password": "password"}


@pytest.fixture
def secured(service: ServiceProcess) -> LiveSet:
    """A primary and two replicas that speak TLS, with a user."""
    made = LiveSet.running(service, VERSION, 3, tlsEnabled=True, user=USER)
    made.login = LOGIN
    return made


def shown(host: str) -> str:
    """The certificate (PEM) that is shown there."""
    return ssl.get_server_certificate((host, PORT))


def context_of(authorities: str) -> ssl.SSLContext:
    """A client that trusts these, and looks at the name."""
    return ssl.create_default_context(cadata=authorities)


def greeting(host: str, context: ssl.SSLContext, name: str | None = None) -> bytes:
    """What is answered to a PING over TLS; raises what keeps us from asking."""
    with (
        socket.create_connection((host, PORT), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name or host) as secure,
    ):
        secure.sendall(b"PING\r\n")
        return secure.recv(100)


def test_every_address_of_a_set_shows_a_certificate_for_itself(secured: LiveSet) -> None:
    """Clients that check the host name get in at both endpoints and at each node, and copies are made."""
    addresses = [secured.address(), secured.reader_address(), *(row["endpoint"] for row in secured.rows())]

    for address in addresses:
        with secured.at(address) as client:
            assert client.ping()
    with secured.at(secured.address()) as client:
        client.set("colour", "green")
        assert client.wait(2, 5000) == 2
    assert len({shown(row["endpoint"]) for row in secured.rows()}) == 3


def test_who_speaks_no_tls_is_not_answered(secured: LiveSet) -> None:
    """Plaintext is refused at the endpoints and at every node."""
    for address in [secured.address(), secured.reader_address(), secured.primary()["endpoint"]]:
        with socket.create_connection((address, PORT), timeout=5) as plain:
            plain.sendall(b"PING\r\n")
            try:
                said = plain.recv(100)
            except ConnectionResetError:
                said = b""
        assert b"PONG" not in said


@pytest.mark.parametrize(
    ("oldest", "newest", "accepted"),
    [
        (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, True),
    ],
    ids=["1.1", "1.2", "1.3"],
)
def test_only_tls_from_1_2_on_is_spoken(
    secured: LiveSet, oldest: ssl.TLSVersion, newest: ssl.TLSVersion, *, accepted: bool
) -> None:
    """A client that knows nothing newer than TLS 1.1 is refused by the node."""
    context = context_of(secured.service.authorities())
    context.set_ciphers("ALL:@SECLEVEL=0")
    with nullcontext() if accepted else pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = oldest, newest

    if accepted:
        assert greeting(secured.address(), context).startswith(b"-NOAUTH")
    else:
        with pytest.raises(ssl.SSLError):
            greeting(secured.address(), context)


def test_a_foreign_authority_and_a_foreign_name_are_not_believed(secured: LiveSet) -> None:
    """A client notices when it is not its set that answers."""
    foreign, _ = new_authority("memstored authority", now=1_750_000_000.0, days=3650)

    with pytest.raises(ssl.SSLCertVerificationError):
        greeting(secured.address(), context_of(foreign))
    with pytest.raises(ssl.SSLCertVerificationError):
        greeting(secured.address(), context_of(secured.service.authorities()), name="127.1.2.3")


def test_a_wrong_password_and_none_are_refused(secured: LiveSet) -> None:
    """TLS says who the server is, not who the client is."""
    for login in ({"username": "app", "password": "wrong"}, {}):
        secured.login = login
        with secured.at(secured.address()) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_a_set_heals_and_grows_over_tls(secured: LiveSet) -> None:
    """Failover, a new node in the dead one's place, one more replica and a promotion keep every write."""
    with Writers(secured, copies=1) as writers:
        lost = secured.kill_primary()
        secured.await_replaced(lost)
        writers.await_more()
        secured.add_replica()
        secured.await_whole(4)
        secured.patch("/recovery", enabled=False)
        secured.promote(secured.replicas()[0]["objectId"])
        secured.await_whole(4)
        writers.await_more()

    assert writers.missing() == []
    for row in secured.rows():
        with secured.at(row["endpoint"]) as client:
            assert client.ping()


def test_a_restarted_service_finds_its_nodes_again(secured: LiveSet) -> None:
    """Links are made again over TLS, nothing is renewed, and a failover works."""
    before = {row["objectId"]: shown(row["endpoint"]) for row in secured.rows()}

    secured.service.kill()
    secured.service.start()
    secured.await_whole(3)

    assert {row["objectId"]: shown(row["endpoint"]) for row in secured.rows()} == before
    assert "Cluster Certificates Renew" not in secured.event_names()
    secured.await_replaced(secured.kill_primary())


def test_certificates_are_renewed_while_clients_go_on(secured: LiveSet) -> None:
    """Every node shows another certificate; of eight writers no command fails and nobody reconnects."""
    before = {row["objectId"]: shown(row["endpoint"]) for row in secured.rows()}
    with Steady(secured, 8) as steady:
        steady.await_more(200)

        secured.service.client.post(f"{secured.path}/certificates/renew", {})
        operation = secured.await_operation("renew_certificates")

        steady.await_more(200)

    assert (operation["state"], operation["error"]) == ("succeeded", None)
    assert [step["name"] for step in operation["steps"]] == ["renew_replicas", "renew_primary"]
    after = {row["objectId"]: shown(row["endpoint"]) for row in secured.rows()}
    assert after.keys() == before.keys()
    assert all(after[node] != before[node] for node in after)
    assert steady.failures == []
    names = secured.event_names()
    assert names[-2:] == ["Cluster Certificates Renew", "Cluster Certificates Renew Complete"]
    assert secured.status == "Running"


def test_a_renewal_that_fails_changes_nothing_and_says_so(secured: LiveSet) -> None:
    """A node whose folder takes no files keeps its certificate and serves on; the next request mends it."""
    before = {row["objectId"]: shown(row["endpoint"]) for row in secured.rows()}
    folder = secured.service.data_dir / "runtime" / "nodes" / secured.replicas()[0]["objectId"]
    kept = (folder / "files").readlink()
    in_the_way = folder / "files.new"
    in_the_way.mkdir()

    secured.service.client.post(f"{secured.path}/certificates/renew", {})
    failed = secured.await_operation("renew_certificates")
    after = {row["objectId"]: shown(row["endpoint"]) for row in secured.rows()}
    status, files = secured.status, [path.name for path in folder.glob("files-*")]
    in_the_way.rmdir()
    secured.service.client.post(f"{secured.path}/certificates/renew", {})
    wait_for(lambda: secured.operations()[-1]["state"] != "running", what="the end of the next renewal")

    assert (failed["state"], after) == ("failed", before)
    assert "files.new" in failed["error"]
    assert (status, files) == ("Running", [str(kept)])
    assert "Cluster Certificates Renew Failed" in secured.event_names()
    assert secured.operations()[-1]["state"] == "succeeded"
    assert not set(before.values()) & {shown(row["endpoint"]) for row in secured.rows()}


def test_a_set_without_tls_has_nothing_to_renew(service: ServiceProcess) -> None:
    """400, and the set is as it was."""
    made = LiveSet.running(service, VERSION, 1)

    with pytest.raises(ApiFault) as refusal:
        service.client.post(f"{made.path}/certificates/renew", {})

    assert (refusal.value.status, refusal.value.code) == (400, "tls_off")


def test_keys_lie_where_only_the_service_reads_them_and_go_with_the_node(secured: LiveSet) -> None:
    """Mode 0600 in the node's own folder; nothing is left of it with the set, nor of former ones before."""
    secured.service.client.post(f"{secured.path}/certificates/renew", {})
    secured.await_operation("renew_certificates")

    for row in secured.rows():
        folder = secured.service.data_dir / "runtime" / "nodes" / row["objectId"]
        assert [path.stat().st_mode & 0o777 for path in folder.glob("files*/*")] == [0o600] * 6
        assert len([path for path in folder.glob("files-*") if path.is_dir()]) == 1
        assert (folder / "files").is_symlink()


class Steady:
    """Clients with one connection each, made before, which write without pause and forgive nothing."""

    def __init__(self, written: LiveSet, clients: int) -> None:
        self.failures: list[Exception] = []
        self._ended = threading.Event()
        self._written = [0] * clients
        self._connections = [_connected(written) for _ in range(clients)]
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for connection in self._connections:
            connection.disconnect()

    def await_more(self, writes: int) -> None:
        """Return when everybody has written so many times more, or something failed."""
        enough = [count + writes for count in self._written]
        wait_for(
            lambda: (
                self.failures or all(now >= goal for now, goal in zip(self._written, enough, strict=True))
            ),
            what="writes of everybody",
        )

    def _write(self, number: int) -> None:
        connection = self._connections[number]
        while not self._ended.is_set():
            try:
                connection.send_command("SET", f"steady-{number}", str(self._written[number]))
                assert connection.read_response() == b"OK"
            except Exception as failure:  # noqa: BLE001 - each of them is one too many
                self.failures.append(failure)
                return
            self._written[number] += 1


def _connected(written: LiveSet) -> redis.Connection:
    """A connection that is never made again."""
    connection = redis.SSLConnection(
        host=written.address(),
        port=PORT,
        ssl_ca_data=written.service.authorities(),
        ssl_check_hostname=True,
        retry=Retry(NoBackoff(), 0),
        **LOGIN,
    )
    connection.connect()
    return connection
