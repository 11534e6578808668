"""The console behind a proxy that speaks TLS and hands on the path as it is."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from self_signed import certify
from service_process import ServiceProcess
from signing import sign_in

from memstored.console.cookies import SESSION
from memstored.runtime.haproxy import SYSTEM

PROGRAM = shutil.which("haproxy", path=os.pathsep.join((*os.get_exec_path(), *SYSTEM)))
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no haproxy here")

CONFIGURATION = """\
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend tls
  bind fd@{descriptor} ssl crt {certificate}
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-For %[src]
  {host}
  default_backend memstored
backend memstored
  server one {address}
"""


class HiddenService(ServiceProcess):
    """A service that speaks plain HTTP to a proxy, which it believes; it may be told where it is found."""

    public_url: str | None = None

    def serve_command(self, **options: str | int | Path) -> list[str]:
        """As ever, with these words besides."""
        told = {"public_url": self.public_url} if self.public_url else {}
        return [*super().serve_command(**told, **options), "--trusted-proxy=127.0.0.1"]


@contextmanager
def proxied(service: HiddenService, *, keeps_host: bool) -> Iterator[str]:
    """The service, and a proxy before it at this address; the service is told it where `Host` does not."""
    certificate, file = service.place / "proxy.pem", service.place / "proxy.cfg"
    certify(certificate, certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"https://127.0.0.1:{listening.getsockname()[1]}"
        service.public_url = None if keeps_host else place
        service.start()
        text = CONFIGURATION.format(
            descriptor=listening.fileno(),
            certificate=certificate,
            host="" if keeps_host else "http-request set-header Host inner.example",
            address=service.url.removeprefix("http://"),
        )
        file.write_text(text)
        command = [str(PROGRAM), "-db", "-q", "-f", str(file)]
        proxy = subprocess.Popen(command, pass_fds=[listening.fileno()])
        try:
            yield place
        finally:
            proxy.terminate()
            proxy.wait()


@pytest.fixture
def hidden(tmp_path: Path) -> Iterator[HiddenService]:
    """A service of its own; nothing of it is left in the end."""
    service = HiddenService(tmp_path / "service")
    yield service
    # In a thread: the browser has this one's event loop.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(service.purge).result()


@pytest.mark.parametrize("keeps_host", [True, False])
def test_the_console_is_used_through_a_proxy(
    hidden: HiddenService, browser: Browser, *, keeps_host: bool
) -> None:
    """One stays at its address, the session goes by TLS alone, pages change, forms of others are refused."""
    with (
        proxied(hidden, keeps_host=keeps_host) as place,
        browser.new_context(base_url=f"{place}/console/", ignore_https_errors=True) as context,
    ):
        page = context.new_page()
        page.goto(place)
        assert page.url.startswith(f"{place}/console/sign-in")
        sign_in(hidden, page)
        (session,) = [it for it in context.cookies() if it["name"] == SESSION]
        form = context.new_page()
        form.goto("create-set")
        form.get_by_label("Name", exact=True).fill("orders")
        form.get_by_role("button", name="Create the set").click()
        expect(page.get_by_role("row", name="orders")).to_be_visible(timeout=60_000)
        foreign = httpx.post(
            f"{place}/console/sign-out",
            verify=False,  # noqa: S501 - the proxy's certificate signs itself
            headers={"origin": "https://evil.example", "cookie": f"{SESSION}={session['value']}"},
        )

        assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Strict")
        assert foreign.status_code == 403
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        assert page.url.startswith(f"{place}/console/")
