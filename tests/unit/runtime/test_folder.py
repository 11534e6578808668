import stat
from pathlib import Path

import pytest

from memstored.domain.words import NodeId, SetId
from memstored.runtime.files import DamagedFile
from memstored.runtime.folder import LAST_WORDS, NodeFolder, NodeRecord, configuration, this_boot

RECORD = NodeRecord(
    node=NodeId("n-1"), set_id=SetId("s-1"), address="127.20.0.7", port=6379, boot=this_boot()
)


@pytest.fixture
def folder(tmp_path: Path) -> NodeFolder:
    """The folder of a node, not made yet."""
    return NodeFolder(tmp_path, NodeId("n-1"))


def test_the_place_has_the_last_word(folder: NodeFolder) -> None:
    """Redis takes the last of two equal directives: the place's own stand at the end."""
    text = configuration((("port", "1"), ("maxmemory", "1gb")), RECORD, folder)

    lines = text.splitlines()
    assert lines[:2] == ["port 1", "maxmemory 1gb"]
    assert lines.index("port 6379") > 1
    assert {"bind 127.20.0.7", "replica-announce-ip 127.20.0.7", f'dir "{folder.path}"'} <= set(lines)


def test_a_directive_can_not_smuggle_in_another(folder: NodeFolder) -> None:
    """A value with a line break is refused."""
    with pytest.raises(ValueError, match="'maxmemory' holds a line break"):
        configuration((("maxmemory", "1gb\nuser default on"),), RECORD, folder)


def test_what_is_written_is_the_owners_alone(folder: NodeFolder) -> None:
    """The configuration holds hashes of secrets: nobody else may look."""
    folder.prepare(RECORD, ())

    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.configuration.stat().st_mode) == 0o600


def test_a_record_is_read_back(folder: NodeFolder) -> None:
    """What was prepared is what a restarted service finds."""
    folder.prepare(RECORD, ())

    assert folder.record() == RECORD


ANOTHER = '{"node": "n-2", "set_id": "s-1", "address": "127.20.0.7", "port": 6379, "boot": "b"}'
MISTYPED = '{"node": "n-1", "set_id": "s-1", "address": 7, "port": "6379", "boot": "b"}'


@pytest.mark.parametrize("content", ["{", "{}", '{"node": "n-1"}', ANOTHER, MISTYPED])
def test_a_damaged_record_is_a_clear_error(folder: NodeFolder, content: str) -> None:
    """A node whose record can not be read is not forgotten in silence."""
    folder.prepare(RECORD, ())
    (folder.path / "node.json").write_text(content)

    with pytest.raises(DamagedFile, match=r"node\.json"):
        folder.record()


def test_a_missing_record_of_a_prepared_node_is_damage(folder: NodeFolder) -> None:
    """Only a folder in which nothing of a node is has no node (S3)."""
    folder.path.mkdir()
    assert folder.record() is None
    folder.prepare(RECORD, ())

    (folder.path / "node.json").unlink()

    with pytest.raises(DamagedFile, match="is missing"):
        folder.record()


def test_what_once_was_ready_stays_ready(folder: NodeFolder) -> None:
    """A log that was cut or removed does not make a server new again, and its process stays known."""
    folder.prepare(RECORD, ())
    folder.mark_started()
    folder.note_process(4711, 99)
    assert not folder.ready

    folder.note_ready()

    assert folder.ready
    assert folder.process() == (4711, 99)


def test_a_node_runs_at_most_once(folder: NodeFolder) -> None:
    """From the moment before its start on, a node counts as having run (S2)."""
    folder.prepare(RECORD, ())
    assert not folder.may_have_run(RECORD)

    folder.mark_started()

    assert folder.may_have_run(RECORD)


def test_after_a_reboot_every_node_may_have_run(folder: NodeFolder) -> None:
    """The mark may not have reached the disk before the machine went down."""
    former = NodeRecord(
        node=RECORD.node, set_id=RECORD.set_id, address=RECORD.address, port=1, boot="another"
    )
    folder.prepare(former, ())

    assert folder.may_have_run(former)


def test_the_process_is_remembered(folder: NodeFolder) -> None:
    """Number and start name the process for good; a half-written note is no note."""
    folder.prepare(RECORD, ())
    assert folder.process() is None
    folder.mark_started()
    assert folder.process() is None

    folder.note_process(4711, 99)

    assert folder.process() == (4711, 99)


def test_last_words_are_the_engines_without_values(folder: NodeFolder) -> None:
    """What is shown to people has no stamps and no value of a directive, which may be a secret."""
    folder.prepare(RECORD, ())
    folder.log.write_text(
        "19910:M 23 Nov 2026 18:47:34.376 * Ready soon\n\n"
        "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n"
        "Reading the configuration file, at line 4\n"
        ">>> 'masterauth \"hidden\" x'\n"
        "Bad directive or wrong number of arguments\n"
    )

    words = folder.last_words()

    assert words.endswith("at line 4 masterauth: Bad directive or wrong number of arguments")
    assert "hidden" not in words


def test_a_stamp_is_not_shown(folder: NodeFolder) -> None:
    """Process id and time are noise in a reason."""
    folder.prepare(RECORD, ())
    folder.log.write_text("19910:M 23 Nov 2026 18:47:34.376 # Failed listening on port 1, aborting.\n")

    assert folder.last_words() == "Failed listening on port 1, aborting."


def test_complaints_are_shown_before_all_else(folder: NodeFolder) -> None:
    """What a server that was ready complained of is shown, not what it goes on doing (H28)."""
    stamp = "19910:S 23 Nov 2026 18:47:34.376"
    folder.prepare(RECORD, ())
    folder.log.write_text(
        f"{stamp} # WARNING Memory overcommit must be enabled!\n"
        f"{stamp} * Ready to accept connections\n"
        f"{stamp} * MASTER <-> REPLICA sync: Loading DB in memory\n"
        f"{stamp} # Can't handle RDB format version 99\n"
        f"{stamp} # Failed trying to load the MASTER synchronization DB from socket\n"
        f"{stamp} * Reconnecting to MASTER 127.0.0.1:43569 after failure\n"
        f"{stamp} * MASTER <-> REPLICA sync started\n"
        f"{stamp} * Non blocking connect for SYNC fired the event.\n"
        f"{stamp} * Master replied to PING, replication can continue...\n"
    )

    assert folder.last_words() == (
        "Can't handle RDB format version 99 Failed trying to load the MASTER synchronization DB from socket"
    )


def test_without_complaints_the_end_of_the_log_is_shown(folder: NodeFolder) -> None:
    """What a server warned of before it was ready is no trouble of now."""
    stamp = "19910:M 23 Nov 2026 18:47:34.376"
    folder.prepare(RECORD, ())
    folder.log.write_text(f"{stamp} # Server initialized\n{stamp} * Ready to accept connections\n")

    assert folder.last_words() == "Server initialized Ready to accept connections"


def test_a_log_that_can_not_be_read_says_nothing(folder: NodeFolder) -> None:
    """Words are only for reasons: whoever looks at the set goes on without them."""
    folder.log.mkdir(parents=True)

    assert folder.last_words() == ""


def test_of_a_long_log_only_whole_lines_of_its_end_are_read(folder: NodeFolder) -> None:
    """A line that is cut where the look begins is left out: it may be half of a secret."""
    folder.prepare(RECORD, ())
    folder.log.write_text(f">>> 'masterauth hidden{' ' * LAST_WORDS}hidden too'\nThe end.\n")

    assert folder.last_words() == "The end."


def test_a_removed_folder_leaves_nothing(folder: NodeFolder, tmp_path: Path) -> None:
    """Whatever the engine left is removed too; doing it twice is harmless."""
    folder.prepare(RECORD, ())
    (folder.path / "appendonlydir").mkdir()
    (folder.path / "appendonlydir" / "part").touch()

    folder.remove()
    folder.remove()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "-x", "x\n", "a" * 200])
def test_an_id_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    """No node's folder lies outside the folder of nodes."""
    with pytest.raises(ValueError, match="can not name a folder"):
        NodeFolder(tmp_path, NodeId(name))


# Files


def test_a_port_is_for_tls_or_for_plain_text_never_for_both(folder: NodeFolder) -> None:
    """What speaks TLS is not to be had without."""
    secured = configuration((), RECORD, folder, tls=True).splitlines()
    plain = configuration((), RECORD, folder).splitlines()

    assert {"port 0", "tls-port 6379"} <= set(secured)
    assert "port 6379" in plain
    assert not any(line.startswith("tls-port") for line in plain)


def test_files_are_the_owners_alone_and_change_as_one(folder: NodeFolder) -> None:
    """Whoever goes by `files` sees all of the old ones or all of the new ones; then only the new ones are."""
    folder.prepare(RECORD, (), files={"a": b"1", "b": b"1"})

    fresh = folder.lay({"a": b"2", "b": b"2"})
    before = [(folder.path / "files" / name).read_bytes() for name in "ab"]
    folder.show(fresh)
    after = [(folder.path / "files" / name).read_bytes() for name in "ab"]
    folder.keep_shown()

    assert (before, after) == ([b"1", b"1"], [b"2", b"2"])
    assert [path.name for path in folder.path.glob("files-*")] == [fresh]
    assert stat.S_IMODE((folder.path / fresh).stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.path / "files" / "a").stat().st_mode) == 0o600


def test_files_are_relative_so_that_a_folder_can_be_moved(folder: NodeFolder) -> None:
    """The link says nothing of where the data folder is."""
    folder.prepare(RECORD, (), files={"a": b"1"})

    assert "/" not in folder.shown()


def test_files_go_with_the_folder(folder: NodeFolder) -> None:
    """Nothing is left of them, nor of what a service that ended left beside them."""
    folder.prepare(RECORD, (), files={"a": b"1"})
    folder.lay({"a": b"2"})

    folder.remove()

    assert not folder.path.exists()
