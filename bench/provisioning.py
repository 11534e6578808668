"""From the order of a set to `Running`, for one, three and six nodes."""

import time

from figures import Summary
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from plan import Plan
from sets import BenchSet

SIZES = (1, 3, 6)


def measure(plan: Plan) -> dict[str, object]:
    """Milliseconds from the request until a caller that looks all the time sees `Running`."""
    with throwaway_service() as service:
        return {
            f"nodes: {size}": Summary.of([_created(service, size, plan) for _ in range(plan.few)]).json()
            for size in SIZES
        }


def _created(service: ThrowawayService, size: int, plan: Plan) -> float:
    order = service.order("bench", nodes=size, version=plan.version, recovery=size > 1)
    began = time.perf_counter()
    made = BenchSet(service, service.client.post("/v1/instance-sets", order)["objectId"])
    made.await_running()
    took = time.perf_counter() - began
    made.delete()
    return took
