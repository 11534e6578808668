"""The service as its callers meet it: over TLS, behind a proxy, and put back from a copy of its state."""

import json
import os
import re
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live_set import LiveSet
from self_signed import certify
from service_process import NEWEST, ServiceProcess, wait_for

from memstored.console.protection import FIELD

PUBLIC = "https://example.org/redis"


class FrontedService(ServiceProcess):
    """A service with TLS and a proxy at 127.0.0.1 that may say for whom it asks."""

    def serve_command(self, **options: str | int | Path) -> list[str]:
        """As ever, with these words besides."""
        words = super().serve_command(tls_cert=self.chain, tls_key=self.key, public_url=PUBLIC, **options)
        return [*words, "--trusted-proxy=127.0.0.1"]

    @property
    def chain(self) -> Path:
        """Its certificate."""
        return self.place / "api.crt"

    @property
    def key(self) -> Path:
        """The key of it."""
        return self.place / "api.key"

    def certify(self) -> None:
        """Make another certificate, which signs itself."""
        certify(self.chain, self.key)

    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def shown(self) -> str:
        """The certificate that it shows."""
        return ssl.get_server_certificate(("127.0.0.1", self.port()))


@pytest.fixture
def fronted(tmp_path: Path) -> Iterator[FrontedService]:
    """One that runs."""
    service = FrontedService(tmp_path / "service")
    service.certify()
    service.start()
    yield service
    service.purge()


def test_the_api_speaks_tls(fronted: FrontedService) -> None:
    """And nothing else; a caller that speaks no HTTP gets its answer there, too."""
    trusting = ssl.create_default_context(cafile=str(fronted.chain))

    ready = httpx.get(f"{fronted.url}/readyz", verify=trusting)
    with (
        socket.create_connection(("127.0.0.1", fronted.port())) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        wrapped.sendall(b"nonsense\r\n\r\n")
        refused = wrapped.recv(1000)

    assert fronted.url.startswith("https://127.0.0.1:")
    assert ready.json()["status"] == "ok"
    assert refused.startswith(b"HTTP/1.1 400 ")
    with pytest.raises(httpx.TransportError):
        httpx.get(fronted.url.replace("https", "http"))


def test_a_renewed_certificate_is_read_without_a_restart(fronted: FrontedService) -> None:
    """One that can not be read changes nothing."""
    assert fronted.process is not None
    first = fronted.shown()
    fronted.certify()
    renewed = fronted.chain.read_text()

    os.kill(fronted.process.pid, signal.SIGHUP)
    wait_for(lambda: fronted.shown().strip() == renewed.strip(), what="the new certificate")
    fronted.chain.write_text("nonsense")
    os.kill(fronted.process.pid, signal.SIGHUP)
    wait_for(lambda: fronted.said("certificate_not_read"), what="a word about it")

    assert fronted.shown().strip() == renewed.strip() != first.strip()


def test_callers_are_told_the_public_address(fronted: FrontedService) -> None:
    """In the credential of the first administrator, and by the identity service; with the proxy's path."""
    trusting = ssl.create_default_context(cafile=str(fronted.chain))

    credential = json.loads((fronted.data_dir / "credentials.json").read_text())
    told = httpx.get(f"{fronted.url}/identity/v3", verify=trusting).text

    assert credential["authUrl"] == f"{PUBLIC}/identity/v3"
    assert f'"{PUBLIC}/identity/v3' in told


def test_a_trusted_proxy_is_believed_and_no_other(fronted: FrontedService, service: ServiceProcess) -> None:
    """For whom it asks stands in the log; without the word of the operator nobody is believed."""
    trusting = ssl.create_default_context(cafile=str(fronted.chain))
    headers = {"x-forwarded-for": "192.0.2.7"}

    httpx.get(f"{fronted.url}/healthz", verify=trusting, headers=headers)
    httpx.get(f"{service.url}/healthz", headers=headers)

    wait_for(lambda: fronted.said("path=/healthz", "client=192.0.2.7"), what="the line of the request")
    wait_for(lambda: service.said("path=/healthz", "client=127.0.0.1"), what="the line of the other one")
    assert not service.said("192.0.2.7")


def test_the_state_is_put_back(service: ServiceProcess, tmp_path: Path) -> None:
    """A copy that was made while the service ran is as good as what was there: the same nodes serve on."""
    made = LiveSet.running(service, NEWEST, 2)
    servers, copy = made.servers(), str(tmp_path / "copy")
    folder = f"--data-dir={service.data_dir}"

    backed_up = service.run("state", "backup", copy, folder)
    too_early = service.run("state", "restore", copy, folder, "--yes")
    service.stop()
    (service.data_dir / "memstored.db").write_bytes(b"lost")
    restored = service.run("state", "restore", copy, folder, "--yes")
    service.start()
    made.await_whole(2)

    assert [run.returncode for run in (backed_up, too_early, restored)] == [0, 1, 0], restored.stderr
    assert made.servers() == servers


def test_the_console_keeps_its_session_with_tls(fronted: FrontedService) -> None:
    """The cookie goes no other way, forms are taken from either address, and no page names where it is."""
    first = json.loads((fronted.data_dir / "credentials.json").read_text())
    trusting = ssl.create_default_context(cafile=str(fronted.chain))
    for origin in (fronted.url, "https://example.org"):
        with httpx.Client(base_url=f"{fronted.url}/console/", verify=trusting) as http:
            form = http.get("sign-in")
            fields = {
                "id": first["applicationCredentialId"],
                "secret": first["applicationCredentialSecret"],
                FIELD: re.findall(rf'name="{FIELD}" value="([^"]+)"', form.text)[0],
            }
            answer = http.post("sign-in", data=fields, headers={"origin": origin})
            foreign = http.post("sign-in", data=fields, headers={"origin": "https://evil.example"})
            page = http.get("sets")

        assert (answer.status_code, foreign.status_code, page.status_code) == (303, 403, 200)
        assert all("Secure" in told for told in answer.headers.get_list("set-cookie"))
        assert answer.headers["location"] == "./"
        assert "://" not in page.text
