"""The shipped fake: the ports of the control loop over a simulated fleet, in one process.

For tests that want the whole service in milliseconds. All parts stand on one fleet:

    runtime = FakeRuntime()
    endpoints, wire, doors = FakeEndpoints(runtime), FakeWire(runtime), FakeDoors(runtime)
    runtime.fleet.crash(node)

Nothing sleeps: every look through a link (`probe`, `refresh`) lets the fleet do one turn, so a loop that
keeps looking converges. Faults are made on `runtime.fleet`, or on the way with `runtime.spoil`.
"""

from memstored.runtime.fake.clock import ManualClock
from memstored.runtime.fake.door import FakeDoor, FakeDoors
from memstored.runtime.fake.endpoints import FakeCarrier, FakeEndpoints
from memstored.runtime.fake.place import FakeRuntime, Mishap
from memstored.runtime.fake.wire import FakeLink, FakeWire

__all__ = [
    "FakeCarrier",
    "FakeDoor",
    "FakeDoors",
    "FakeEndpoints",
    "FakeLink",
    "FakeRuntime",
    "FakeWire",
    "ManualClock",
    "Mishap",
]
