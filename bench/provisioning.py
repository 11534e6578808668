"""From the order of a set to `Running`: for one, three and six nodes; with a user, TLS, an old engine."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from figures import Summary
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from memstored.client.passwords import encrypt
from memstored.domain.engine import capabilities_of
from plan import Plan
from sets import BenchSet

SIZES = (1, 3, 6)
USUAL = 3
PASSWORD = "password"  # noqa: S105 - of sets that live for a second
USER: Mapping[str, Any] = {"user": {"name": "app", "password": hashlib.sha256(PASSWORD.encode()).hexdigest()}}
TLS: Mapping[str, Any] = {"tlsEnabled": True}
OLD = "5.0.6"
FOLDER = Path(__file__).resolve().parents[1] / ".tools" / f"redis-{OLD}"
"""Where `scripts/setup engines` puts the old engine."""

Order = tuple[str, int, Mapping[str, Any]]
"""Version, number of nodes, and what else is asked for."""


def measure(plan: Plan) -> dict[str, object]:
    """Milliseconds from the request until a caller that looks all the time sees `Running`."""
    with throwaway_service(settings=f'[engines]\nfolders = ["{FOLDER}"]\n') as service:
        orders = dict(_orders(service, plan.version))
        return {
            name: Summary.of([_created(service, order) for _ in range(plan.few)]).json()
            for name, order in orders.items()
        }


def _orders(service: ThrowawayService, version: str) -> Iterator[tuple[str, Order]]:
    """Each order by its name: what the version can be asked for, and the old engine where that is here."""
    least = {} if capabilities_of(version).acl else guarded(service)
    for size in SIZES:
        yield f"nodes: {size}", (version, size, least)
    if capabilities_of(version).acl:
        yield f"nodes: {USUAL}, user", (version, USUAL, USER)
    engines = service.client.get("/v1/redis/engines")["engines"]
    if any(engine["tls"] for engine in engines if engine["version"] == version):
        yield f"nodes: {USUAL}, TLS", (version, USUAL, TLS)
        yield f"nodes: {USUAL}, TLS and user", (version, USUAL, {**TLS, **USER})
    if OLD in service.versions() and version != OLD:
        yield f"nodes: {USUAL}, Redis {OLD}", (OLD, USUAL, guarded(service))


def guarded(service: ThrowawayService) -> Mapping[str, Any]:
    """The user that a set of an engine without users needs."""
    key = service.client.get("/v1/redis/password-key")["publicKey"]
    return {"user": {"name": "default", "password": encrypt(key, PASSWORD)}}


def _created(service: ThrowawayService, order: Order) -> float:
    version, size, more = order
    body = service.order("bench", nodes=size, version=version, recovery=size > 1)
    began = time.perf_counter()
    made = BenchSet(service, service.client.post("/v1/instance-sets", {**body, **more})["objectId"])
    made.await_running()
    took = time.perf_counter() - began
    made.delete()
    return took
