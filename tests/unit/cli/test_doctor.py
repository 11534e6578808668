"""What the doctor finds on machines and in folders that have something, and what it says to do."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from memstored.cli.doctor import Machine, Verdict, folder_checks, machine_checks, service_checks
from memstored.cli.folder import DataFolder

GOOD = {
    "/proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n",
    "/proc/sys/vm/overcommit_memory": "1\n",
    "/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "/proc/sys/net/core/somaxconn": "4096\n",
}


def machine(files: Mapping[str, str], *, most: int = 20000, synchronised: bool = True) -> Machine:
    """A machine whose kernel says this."""
    return Machine(read=files.get, files=lambda: most, synchronised=lambda: synchronised)


def test_a_good_machine_is_left_alone() -> None:
    """No check has anything to say."""
    assert [it for it in machine_checks(machine(GOOD)) if it.verdict is not Verdict.OK or it.advice] == []


@pytest.mark.parametrize(
    ("ill", "name", "advice"),
    [
        (
            machine(GOOD | {"/proc/meminfo": "MemTotal: 999 kB\nMemAvailable: 9 kB\n"}),
            "memory",
            "Delete sets",
        ),
        (machine(GOOD | {"/proc/sys/vm/overcommit_memory": "0\n"}), "overcommit", "vm.overcommit_memory=1"),
        (
            machine(GOOD | {"/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never"}),
            "huge pages",
            "madvise",
        ),
        (machine(GOOD | {"/proc/sys/net/core/somaxconn": "128"}), "connections", "somaxconn=511"),
        (machine(GOOD, most=1024), "open files", "LimitNOFILE"),
        (machine(GOOD, synchronised=False), "clock", "NTP"),
    ],
    ids=["memory", "overcommit", "huge pages", "connections", "open files", "clock"],
)
def test_what_is_wrong_is_said_with_what_to_do(ill: Machine, name: str, advice: str) -> None:
    """And nothing else is."""
    (found,) = [it for it in machine_checks(ill) if it.verdict is not Verdict.OK]

    assert (found.name, found.verdict) == (name, Verdict.WARN)
    assert advice in found.advice


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder with a store in which there is one node, n1, which has its folder."""
    made = DataFolder(tmp_path / "data").claim()
    made.release()
    with closing(sqlite3.connect(made.path / "memstored.db")) as store:
        store.execute("CREATE TABLE nodes (id TEXT)")
        store.execute("INSERT INTO nodes VALUES ('n1')")
        store.commit()
    (made.runtime / "nodes" / "n1").mkdir(parents=True)
    return made


def verdicts(folder: DataFolder) -> dict[str, Verdict]:
    """How each check of the folder comes out."""
    return {it.name: it.verdict for it in folder_checks(folder) if it.name != "disk"}


def test_a_good_folder_is_left_alone(folder: DataFolder) -> None:
    """The store is whole, and every node is somebody's."""
    assert verdicts(folder) == {"folder": Verdict.OK, "store": Verdict.OK, "orphans": Verdict.OK}


def test_a_node_of_no_set_is_named(folder: DataFolder) -> None:
    """By its id."""
    (folder.runtime / "nodes" / "n2").mkdir()

    (orphans,) = [it for it in folder_checks(folder) if it.name == "orphans"]

    assert (orphans.verdict, orphans.found) == (Verdict.WARN, "2 nodes, 1 of no set: n2")


def test_a_store_that_is_none_is_bad(folder: DataFolder) -> None:
    """What is asked of it is not changed."""
    store = folder.path / "memstored.db"
    store.write_bytes(b"no database at all, but long enough to be taken for one" * 100)

    assert verdicts(folder)["store"] is Verdict.BAD


def test_a_folder_that_others_can_read_is_told(folder: DataFolder) -> None:
    """The folder of somebody else's files is none of ours."""
    folder.path.chmod(0o755)

    assert verdicts(folder)["folder"] is Verdict.WARN


def test_a_folder_that_is_not_ours_is_bad(tmp_path: Path) -> None:
    """It is somebody's, and nothing in it is looked at."""
    (tmp_path / "letter").write_text("Dear")

    assert verdicts(DataFolder(tmp_path)) == {"folder": Verdict.BAD}


def test_a_service_that_is_said_to_run_and_does_not_answer_is_bad(folder: DataFolder) -> None:
    """Without its own word there is nothing to ask."""
    nobody = list(service_checks(folder))
    folder.write(folder.server_file, {"url": "http://127.0.0.1:9", "pid": 1})

    (silent,) = service_checks(folder)

    assert nobody == []
    assert (silent.verdict, "memstored serve" in silent.advice) == (Verdict.BAD, True)
