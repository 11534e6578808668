"""From the order of a set to `Running`: for one, three and six nodes, and what a user and TLS cost."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from figures import Summary
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from plan import Plan
from sets import BenchSet

SIZES = (1, 3, 6)
USUAL = 3
USER: Mapping[str, Any] = {"user": {"name": "app", "password": hashlib.sha256(b"password").hexdigest()}}
TLS: Mapping[str, Any] = {"tlsEnabled": True}
VARIANTS: Mapping[str, Mapping[str, Any]] = {"user": USER, "TLS": TLS, "TLS and user": {**USER, **TLS}}


def measure(plan: Plan) -> dict[str, object]:
    """Milliseconds from the request until a caller that looks all the time sees `Running`."""
    with throwaway_service() as service:
        orders = {f"nodes: {size}": (size, {}) for size in SIZES}
        orders |= {
            f"nodes: {USUAL}, {name}": (USUAL, more) for name, more in _variants(service, plan).items()
        }
        return {
            name: Summary.of([_created(service, size, plan, more) for _ in range(plan.few)]).json()
            for name, (size, more) in orders.items()
        }


def _variants(service: ThrowawayService, plan: Plan) -> Mapping[str, Mapping[str, Any]]:
    """What the engine can be asked for beside nodes."""
    engines = service.client.get("/v1/redis/engines")["engines"]
    tls = any(engine["tls"] for engine in engines if engine["version"] == plan.version)
    return {name: more for name, more in VARIANTS.items() if tls or "tlsEnabled" not in more}


def _created(service: ThrowawayService, size: int, plan: Plan, more: Mapping[str, Any]) -> float:
    order = service.order("bench", nodes=size, version=plan.version, recovery=size > 1)
    began = time.perf_counter()
    made = BenchSet(service, service.client.post("/v1/instance-sets", {**order, **more})["objectId"])
    made.await_running()
    took = time.perf_counter() - began
    made.delete()
    return took
