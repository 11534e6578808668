"""The fault campaign and the comparison with Sentinel from outside, briefly, so that they do not rot."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from remains import living
from service_process import versions, wait_for

from memstored.runtime.processes import read_process

BENCH = Path(__file__).parents[2] / "bench"
DEADLINE = 200
"""Seconds; on an idle machine it takes twenty."""
pytestmark = pytest.mark.timeout(2 * DEADLINE)
QUICK = ("kill", "empty-restart", "promote", "freeze")


@contextmanager
def program(place: Path, name: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A package of `bench` that runs; temporary files and results in `place`."""
    common = ["--trials=1", f"--results={place / 'results'}", f"--version={versions()[0]}"]
    with subprocess.Popen(
        [sys.executable, "-m", name, *common, *words],
        cwd=BENCH,
        env=os.environ | {"TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            yield running
        finally:
            running.terminate()  # nothing, when it has ended as it should


def stopped(process: int) -> bool:
    """Whether a process was stopped by a signal."""
    facts = read_process(process)
    return facts is not None and facts.state == "T"


def test_a_campaign_strikes_reads_back_and_leaves_nothing(tmp_path: Path) -> None:
    """Every kind acknowledges writes and has a gap and a verdict; results are written, all else is gone."""
    small = ["--sets=1", "--keys=50", "--freeze=0.5", "--detection=1"]
    with program(tmp_path, "campaign", *small, "--only", *QUICK) as running:
        out, err = running.communicate(timeout=DEADLINE)

    assert (running.returncode, err) == (0, "")
    assert "Every promise held." in out
    for kind in QUICK:
        result = json.loads((tmp_path / "results" / f"campaign-{kind}.json").read_text())
        assert f"| `{kind}` " in out
        assert result["broken"] == []
        assert result["figures"]["confirmed"] > 0
        assert result["figures"]["gap"]["p50_ms"] > 0
        assert result["figures"]["kept"] == 50
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    assert living(tmp_path) == []


def test_an_interrupted_campaign_leaves_nothing(tmp_path: Path) -> None:
    """Interrupted while the service stands still, it ends service, nodes and writers all the same."""
    with program(tmp_path, "campaign", "--only=freeze", "--freeze=100", "--sets=0") as running:
        wait_for(lambda: any(map(stopped, living(tmp_path))), deadline=DEADLINE, what="the frozen service")
        busy = living(tmp_path)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=DEADLINE)

    assert len(busy) >= 4
    assert running.returncode == 130
    assert list(tmp_path.iterdir()) == []
    assert living(tmp_path) == []


def test_the_comparison_with_sentinel_fails_both_over(tmp_path: Path) -> None:
    """Writers find the new primary of either; what memstored's replicas held is there in any case."""
    with program(tmp_path, "versus", "--slow-trials=0") as running:
        _, err = running.communicate(timeout=DEADLINE)
    trials = json.loads((tmp_path / "results" / "failover-vs-sentinel.json").read_text())["trials"]

    assert (running.returncode, err) == (0, "")
    for name in ("memstored", "Sentinel, 1000 ms", "memstored, restarted empty"):
        (outcome,) = trials[name]
        assert outcome["gap"] > 0
        assert outcome["kept_lost"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    assert living(tmp_path) == []
