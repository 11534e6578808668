"""The tour from outside: it ends well, and it leaves nothing behind, also when it is interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from remains import living

TOUR = [sys.executable, "-c", "from memstored.cli.main import main; main()", "demo"]
DEADLINE = 110


def started(place: Path) -> subprocess.Popen[str]:
    """The tour, piped, with its temporary files in `place`."""
    environment = os.environ | {"TMPDIR": str(place), "COLUMNS": "80"}
    return subprocess.Popen(
        TOUR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell lets what it runs in the background ignore Ctrl-C, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )


def test_the_tour_holds_its_promises_and_leaves_nothing(tmp_path: Path) -> None:
    """Create, kill under load, heal, read back: exit code 0, plain text, nothing left of it."""
    with started(tmp_path) as tour:
        out, err = tour.communicate(timeout=DEADLINE)

    assert (tour.returncode, err) == (0, "")
    assert "Cluster Recovery Complete" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert list(tmp_path.iterdir()) == []
    assert living(tmp_path) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_tour_leaves_nothing(tmp_path: Path, ending: signal.Signals) -> None:
    """Ctrl-C or SIGTERM under load ends the nodes and the service too, with an exit code other than 0."""
    with started(tmp_path) as tour:
        assert tour.stdout is not None
        for line in tour.stdout:
            if "writers at" in line:
                break
        busy = living(tmp_path)
        tour.send_signal(ending)
        tour.communicate(timeout=DEADLINE)

    assert len(busy) >= 4
    assert tour.returncode not in (0, None)
    assert list(tmp_path.iterdir()) == []
    assert living(tmp_path) == []
