"""The command line in a terminal of 80 columns, in a pipe, and when it is left in the middle."""

import re
import subprocess

import pytest
from live_set import LiveSet
from service_process import NEWEST, PROGRAM, ServiceProcess, stopped
from terminal import last_drawn, typed

CREATE = ("set", "create", "orders", "--nodes", "2", "--version", NEWEST, "--wait")
ESCAPE = "\x1b"


def lines_of(text: str) -> list[str]:
    """What is left in the end of what was drawn."""
    return [line.rstrip() for line in last_drawn(text).splitlines() if line.strip()]


def test_in_a_terminal_steps_are_drawn_in_place(service: ServiceProcess) -> None:
    """Each with how long it took, in colour, and within the width; then the set."""
    code, shown = typed(service.place, str(PROGRAM), *CREATE)

    steps, facts = lines_of(shown)[:3], lines_of(shown)[3:]
    assert code == 0
    assert [re.sub(r"\d+\.\d\d", "N", step).split() for step in steps] == [
        ["+", "provision", "N", "s"],
        ["+", "replicate", "N", "s"],
        ["+", "open", "N", "s"],
    ]
    assert [facts[0].split()[0], facts[1].split(), facts[2].split()] == [
        "id",
        ["name", "orders"],
        ["status", "Running"],
    ]
    assert ESCAPE in shown
    assert max(map(len, lines_of(shown))) <= 80


def test_in_a_pipe_steps_are_lines(service: ServiceProcess) -> None:
    """On standard error, in no colour; on standard output is the set, and nothing else."""
    done = service.run(*CREATE)

    assert done.returncode == 0
    steps = [line for line in done.stderr.splitlines() if "running" not in line]
    assert [re.sub(r"\d+\.\d\d", "N", step) for step in steps] == [
        "provision: succeeded, N s",
        "replicate: succeeded, N s",
        "open: succeeded, N s",
    ]
    assert done.stdout.splitlines()[1] == "name        orders"
    assert ESCAPE not in done.stdout + done.stderr


def test_ctrl_c_ends_the_waiting_alone(service: ServiceProcess) -> None:
    """With where to look. What is waited for here can not end before: the primary stands still."""
    made = LiveSet.running(service, NEWEST, 1, instanceSetName="orders")
    primary = service.server_of(made.rows()[0]["objectId"])

    with stopped(primary):
        grow = (str(PROGRAM), "set", "add-replica", "orders", "--wait")
        code, shown = typed(service.place, *grow, interrupted_at="provision")

    assert len(service.client.list_instances(made.id)) == 2
    assert code == 130
    assert lines_of(shown)[-1] == "memstored: It goes on; `memstored set show orders` tells how far it is."


@pytest.mark.parametrize("words", ["events --export", "catalogue flavors -o yaml", "set create --help"])
def test_whoever_has_seen_enough_hears_nothing_more(service: ServiceProcess, words: str) -> None:
    """A closed pipe is no trouble to tell of, when it is buffered no more than when it is not."""
    for unbuffered in ("", "1"):
        done = subprocess.run(
            ["bash", "-c", f"{PROGRAM} {words} | true"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=service.place,
            env={"PYTHONUNBUFFERED": unbuffered, "XDG_CONFIG_HOME": str(service.place / "config")},
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_disk_that_is_full_is_one_line(service: ServiceProcess) -> None:
    """What was not written is not taken for written."""
    done = subprocess.run(
        ["bash", "-c", f"{PROGRAM} catalogue flavors > /dev/full"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=service.place,
    )

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
