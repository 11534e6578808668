"""Sets that speak TLS and meet with faults; backups of them, and another authority for them."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from live_backup import LiveBackup, delete_all, fill, unfinished
from live_set import LiveSet
from service_process import ServiceProcess, stopped, wait_for

from writers import Writers

pytestmark = pytest.mark.tls
VERSION = "7.0.15"
MEGABYTES = 20
TLS = "[quota]\nnodes_per_project = 200\n[tls]\noverlap_days = 0\n"


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service whose new authorities sign as soon as every node trusts them."""
    made = ServiceProcess(tmp_path / "hasty", TLS)
    made.start()
    yield made
    made.purge()


def authorities_of(service: ServiceProcess) -> list[x509.Certificate]:
    """Whom clients are told to trust, newest first."""
    return x509.load_pem_x509_certificates(service.authorities().encode())


def issuer_at(host: str) -> x509.Name:
    """Who signed what is shown there."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, 6379)).encode()).issuer


def test_a_backup_goes_out_and_in_over_tls(service: ServiceProcess) -> None:
    """It is made of a set with TLS, verified, and another such set begins with it."""
    made = LiveSet.running(service, VERSION, 2, tlsEnabled=True)
    fill(made, MEGABYTES)
    backup = LiveBackup.asked(made)
    row = backup.await_status("Available", "Error")
    verified = service.run("backup", "verify", backup.id, "--data-dir", str(service.data_dir))

    restored = LiveSet.running(
        service, VERSION, 2, tlsEnabled=True, restoreSource={"backupName": row["name"]}
    )
    with made.at(made.address()) as before, restored.at(restored.address()) as after:
        dumps = [[client.dump(f"key-{n}") for n in range(MEGABYTES)] for client in (before, after)]
        keys = (before.dbsize(), after.dbsize())
    backup.await_status("Available")
    delete_all(service)

    assert row["reason"] is None
    assert verified.returncode == 0, verified.stderr
    assert keys == (MEGABYTES, MEGABYTES)
    assert dumps[0] == dumps[1]
    assert unfinished(service) == []


def test_a_primary_that_hangs_is_replaced(alert_service: ServiceProcess) -> None:
    """Silence over TLS is silence; what two nodes had confirmed is there afterwards."""
    made = LiveSet.running(alert_service, VERSION, 3, tlsEnabled=True)
    with Writers(made, copies=1) as writers:
        hung = made.primary()
        with stopped(made.server_of(hung)):
            made.await_replaced(hung)
        writers.await_more()

    assert writers.missing() == []


def test_another_authority_takes_over_while_clients_go_on(hasty: ServiceProcess) -> None:
    """Made known, trusted by every node, signing, then alone: no set leaves `Running`, no write fails."""
    made = LiveSet.running(hasty, VERSION, 3, tlsEnabled=True)
    (old,) = authorities_of(hasty)

    with Writers(made) as writers:
        new_id = hasty.client.post("/v1/redis/ca-certificate/renew", {})["objectId"]
        told = authorities_of(hasty)
        wait_for(lambda: len(authorities_of(hasty)) == 1, deadline=60, what="the end of the old authority")
        writers.await_more()
        wait_for(lambda: made.show()["operation"] is None, what="the last renewal")

    (new,) = authorities_of(hasty)
    assert [told[0].subject, told[1]] == [new.subject, old]
    assert new_id in new.subject.rfc4514_string()
    assert {issuer_at(row["endpoint"]) for row in made.rows()} == {new.subject}
    assert writers.missing() == []
    assert writers.refused == 0
    names = made.event_names()
    assert (
        names.count("Cluster Certificates Renew Complete") == names.count("Cluster Certificates Renew") >= 2
    )
    assert "Cluster Failover" not in names
    made.await_replaced(made.kill_primary())
