"""The service dies (SIGKILL) at every step of every operation, and the next one finishes what was begun.

The steps are counted by running the operation once; then it is run again for each of them. `make test` takes
an evenly spread few; `CRASH_STEPS=all` takes all of them, `CRASH_STEPS=5` five of each operation.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_process import NEWEST
from step_operations import OPERATIONS
from step_stage import Stage
from step_trials import run
from stepping_service import SteppingService
from steps import Step

from memstored.client.errors import ClientError

WANTED = os.environ.get("CRASH_STEPS", "1")
SETTINGS = "[quota]\nnodes_per_project = 200\n[failover]\nbrake_count = 100000\n"
FEW = 1 if WANTED == "all" else int(WANTED)


class Scene:
    """A stage that can be set up anew after a trial that left it in ruins."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._times = 0
        self._set_up()

    def _set_up(self) -> None:
        self._times += 1
        service = SteppingService(self._place / str(self._times), SETTINGS)
        service.start()
        self.stage = Stage(service, NEWEST)

    def renew(self) -> None:
        """Tear down and set up."""
        self.close()
        self._set_up()

    def close(self) -> None:
        """Tear down."""
        self.stage.service.purge()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all operations of this worker."""
    made = Scene(tmp_path_factory.mktemp("steps"))
    yield made
    made.close()


def steps_of(scene: Scene, name: str) -> list[Step]:
    """Every step of the operation, by running it to its end."""
    run(scene.stage, OPERATIONS[name], None)
    seen: Counter[str] = Counter()
    steps = []
    for step in scene.stage.service.counted():
        seen[step] += 1
        steps.append(Step(step, seen[step]))
    assert steps, "an operation without steps"
    return steps


def chosen(steps: list[Step], name: str) -> list[Step]:
    """All of them, or a few whose places differ from operation to operation."""
    if WANTED == "all":
        return steps
    shift = (list(OPERATIONS).index(name) + 0.5) / len(OPERATIONS)
    return [steps[int(len(steps) * (at + shift) / FEW)] for at in range(FEW)]


def needs(name: str) -> list[pytest.MarkDecorator]:
    """The marks of an operation."""
    return [pytest.mark.tls] if OPERATIONS[name].tls else []


@pytest.mark.timeout(0 if WANTED == "all" else 120 + 30 * FEW)
@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in OPERATIONS])
def test_the_next_service_finishes_what_was_begun(scene: Scene, name: str) -> None:
    """Asked for is done, once; what had not been answered is done or not; no write and no node is lost."""
    steps = steps_of(scene, name)

    failed, reached = [], 0
    for step in chosen(steps, name):
        try:
            reached += run(scene.stage, OPERATIONS[name], step).reached
        except (AssertionError, pytest.fail.Exception, ClientError) as fault:
            failed.append(f"{step}: {fault}")
            scene.renew()

    print(f"{name}: {len(steps)} steps, {len(chosen(steps, name))} tried, {reached} died there")  # noqa: T201 - tells what was tried
    assert failed == []
