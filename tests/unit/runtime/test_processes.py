import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memstored.runtime import processes as module
from memstored.runtime.processes import (
    FolderKey,
    ProcessFacts,
    ProcessGroup,
    current_folder,
    processes,
    read_process,
)

LINE = (
    "4711 (re) dis (x)) S 1 4711 4711 0 -1 4194560 886 0 2 0 150 25 0 0 20 0 5 0 160533 62251008 2942 "
    "18446744073709551615 1 1 0 0 0 0 0 4097 17642 0 0 0 17 1 0 0 0 0 0"
)

Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Starts a program in a session of its own, in the test's folder."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, folder: Path = tmp_path) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, cwd=folder, start_new_session=True, stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def key_of(folder: Path) -> FolderKey:
    """What the folder is called whatever name leads to it."""
    facts = folder.stat()
    return facts.st_dev, facts.st_ino


def no_descriptor(_number: int) -> ProcessFacts:
    """In the place of `read_process`, where nothing more can be opened."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def start_of(number: int) -> int:
    """When that process was started, in clock ticks since boot."""
    facts = read_process(number)
    assert facts is not None
    return facts.started


def test_a_process_is_read_whatever_its_name() -> None:
    """Blanks and parentheses in the name do not shift the fields."""
    facts = ProcessFacts.from_line(LINE)

    assert facts == ProcessFacts(
        number=4711, group=4711, session=4711, state="S", threads=5, ticks=175, started=160533
    )
    assert facts.leads_session


@pytest.mark.parametrize(
    ("state", "threads", "living"), [("S", 1, True), ("T", 1, True), ("Z", 1, False), ("Z", 2, True)]
)
def test_a_dead_leader_with_a_living_thread_lives(state: str, threads: int, living: bool) -> None:  # noqa: FBT001 - an expectation
    """Only when the last thread has ended are the files and sockets closed."""
    facts = ProcessFacts(number=1, group=1, session=1, state=state, threads=threads, ticks=0, started=0)

    assert facts.living is living


def test_this_process_is_seen() -> None:
    """The list of processes holds at least us, and our folder can be told."""
    assert os.getpid() in {process.number for process in processes()}
    assert current_folder(os.getpid()) == key_of(Path.cwd())


def test_a_number_in_use_again_is_a_strangers(spawn: Spawn, tmp_path: Path) -> None:
    """A process with our number but another start is not touched, and proves that ours is gone."""
    stranger = spawn("/bin/sleep", "60")
    group = ProcessGroup(number=stranger.pid, started=start_of(stranger.pid) - 1, folder=key_of(tmp_path))

    assert group.descriptor is None
    assert not group.strike()
    assert group.vanished()
    assert stranger.poll() is None


def test_a_strangers_group_is_not_swept(spawn: Spawn, tmp_path: Path) -> None:
    """Members of a group of our number that run in another folder are strangers."""
    (tmp_path / "elsewhere").mkdir()
    stranger = spawn("/bin/sleep", "60", folder=tmp_path / "elsewhere")
    group = ProcessGroup(number=stranger.pid, started=start_of(stranger.pid) - 1, folder=key_of(tmp_path))

    assert group.sweep()
    assert stranger.poll() is None


def test_a_group_whose_leader_was_buried_is_swept(spawn: Spawn, tmp_path: Path) -> None:
    """A fork child that outlived its server, whom somebody else buried, is found by its folder and ended."""
    leader = spawn("/bin/sh", "-c", "sleep 60 & echo $!; wait")
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    number, started = leader.pid, start_of(leader.pid)
    leader.kill()
    leader.wait()
    group = ProcessGroup(number=number, started=started, folder=key_of(tmp_path))

    assert not group.strike()
    assert not group.vanished()
    assert not group.sweep()
    end = os.times().elapsed + 5
    while not group.sweep():
        assert os.times().elapsed < end, "the child lives on"
    survivor = read_process(child)
    assert survivor is None or not survivor.living


def test_a_stopped_group_is_struck_down(spawn: Spawn, tmp_path: Path) -> None:
    """SIGKILL reaches processes that are stopped, and the dead are buried."""
    leader = spawn("/bin/sleep", "60")
    group = ProcessGroup(number=leader.pid, started=start_of(leader.pid), folder=key_of(tmp_path))
    os.kill(leader.pid, signal.SIGSTOP)

    assert not group.leader_ended
    assert group.strike()
    end = os.times().elapsed + 5
    while not group.vanished():
        assert os.times().elapsed < end, "the group lives on"
    assert group.leader_ended
    group.close()


def test_only_a_working_server_burns(spawn: Spawn, tmp_path: Path) -> None:
    """CPU time used since the last question tells a busy server from a hung one (H16)."""
    leader = spawn("/bin/sh", "-c", "while :; do :; done")
    group = ProcessGroup(number=leader.pid, started=start_of(leader.pid), folder=key_of(tmp_path))

    end = os.times().elapsed + 5
    while not group.burning():
        assert os.times().elapsed < end, "a loop uses CPU time"
    os.kill(leader.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, leader.pid, os.WSTOPPED)
    group.burning()

    assert not group.burning()
    group.close()


def test_who_can_not_be_looked_at_is_not_taken_for_hung(
    spawn: Spawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours ends no server: without a descriptor to look with, it counts as busy (H16)."""
    leader = spawn("/bin/sleep", "60")
    group = ProcessGroup(number=leader.pid, started=start_of(leader.pid), folder=key_of(tmp_path))
    with monkeypatch.context() as blind:
        blind.setattr(module, "read_process", no_descriptor)
        assert group.burning()

    assert not group.burning()
    group.close()


def test_nobody_is_proven_gone_who_could_not_be_looked_at(
    spawn: Spawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be read is told, and never passes for nobody being there (S3)."""
    leader = spawn("/bin/sleep", "60")
    group = ProcessGroup(number=leader.pid, started=start_of(leader.pid), folder=key_of(tmp_path))
    monkeypatch.setattr(module, "read_process", no_descriptor)

    for look in (group.sweep, group.vanished):
        with pytest.raises(OSError, match="Too many open files"):
            look()
    assert leader.poll() is None
    group.close()


def test_a_hung_group_is_struck_down_with_no_descriptor_to_spare(
    spawn: Spawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose number it is, is known by the pidfd as long as the server lives."""
    leader = spawn("/bin/sleep", "60")
    group = ProcessGroup(number=leader.pid, started=start_of(leader.pid), folder=key_of(tmp_path))
    os.kill(leader.pid, signal.SIGSTOP)
    monkeypatch.setattr(module, "read_process", no_descriptor)

    assert group.strike()
    assert leader.wait(5) == -signal.SIGKILL
    group.close()
