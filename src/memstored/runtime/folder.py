"""What a node leaves on disk: who it is, its configuration, whether it was started, its log.

    node.json     set, address, port; written first, removed last
    redis.conf    mode 0600; not there when the server was told its configuration as it started
    started       made before the server is started, then holds its process id and start time (S2)
    files         a link to the folder, files-..., that holds the files it was given (each mode 0600)
    redis.log     the engine's own words

The folder is the server's current folder, too: that is how its process is found again.
"""

import json
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from memstored.domain.directive import quoted
from memstored.domain.ports import NODE_FILES
from memstored.domain.words import NodeId, SetId
from memstored.runtime.files import DamagedFile, read_json, replace_file, write_private
from memstored.runtime.processes import FolderKey
from memstored.runtime.protocol import Files

__all__ = ["NodeFolder", "NodeRecord", "configuration", "this_boot"]

FIRST_WORDS = 65536
"""Bytes of the log within which a server says that it is ready."""
LAST_WORDS = 65536
"""Bytes at the end of the log that are looked at."""
READY = "Ready to accept connections"
_STAMP = re.compile(r"^\d+:[A-Z] \S+ \S+ \S+ \S+ [.\-*#] ")
_NOTICE = re.compile(r"^\d+:[A-Z] \S+ \S+ \S+ \S+ [.\-*] ")
_OFFENDING_LINE = re.compile(r"^>>> '(\S+).*$", re.MULTILINE)
_PROCESS = re.compile(r"(\d+) (\d+)\n(ready\n)?")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """Who a node is and where it answers. `boot` names the machine's boot in which it was prepared."""

    node: NodeId
    set_id: SetId
    address: str
    port: int
    boot: str


@cache
def this_boot() -> str:
    """The kernel's name for the time since the machine was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def configuration(
    directives: tuple[tuple[str, str], ...], record: NodeRecord, folder: "NodeFolder", *, tls: bool = False
) -> str:
    """The text of redis.conf: the order's directives, then those of the place, which win.

    Raises `ValueError` for a directive that does not fit one line.
    """
    port = (("port", "0"), ("tls-port", str(record.port))) if tls else (("port", str(record.port)),)
    place = (
        ("bind", record.address),
        *port,
        ("replica-announce-ip", record.address),
        ("dir", quoted(str(folder.path))),
        ("logfile", quoted(str(folder.log))),
        # `ready` reads the log for it.
        ("loglevel", "notice"),
        ("daemonize", "no"),
        ("supervised", "no"),
    )
    for name, value in directives:
        if "\n" in name + value or "\r" in name + value:
            raise ValueError(f"directive {name!r} holds a line break")
    return "".join(f"{name} {value}\n" for name, value in (*directives, *place))


def _end_of(log: Path) -> bytes:
    """The last `LAST_WORDS` bytes, less a line that is cut: what is secret in it could not be told."""
    with log.open("rb") as file:
        beyond = log.stat().st_size - LAST_WORDS
        if beyond > 0:
            file.seek(beyond)
            file.readline()
        return file.read(LAST_WORDS)


class NodeFolder:
    """One node's folder under `nodes`. All of it blocks for the disk, a little."""

    def __init__(self, nodes: Path, node: NodeId) -> None:
        if not _IDENTIFIER.fullmatch(node):
            raise ValueError(f"{node!r} can not name a folder")
        self.path = nodes / node
        self.log = self.path / "redis.log"
        self.configuration = self.path / "redis.conf"
        self._record = self.path / "node.json"
        self._started = self.path / "started"
        self._copy = self.path / "dump.rdb"

    def prepare(
        self,
        record: NodeRecord,
        directives: tuple[tuple[str, str], ...] | None,
        *,
        tls: bool = False,
        files: Files | None = None,
    ) -> None:
        """Write all that the server needs; it may be done again until the server was started.

        Without directives no configuration is written: the server is to be told it.
        """
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.log.unlink(missing_ok=True)
        replace_file(self._record, json.dumps(asdict(record)))
        if directives is not None:
            write_private(self.configuration, configuration(directives, record, self, tls=tls))
        if files is not None:
            self.show(self.lay(files))
            self.keep_shown()

    def lay(self, files: Files) -> str:
        """Write files beside those that are there, and return the name of their folder. Raises `OSError`."""
        fresh = self.path / f"{NODE_FILES}-{secrets.token_hex(8)}"
        fresh.mkdir(mode=0o700)
        for name, content in files.items():
            write_private(fresh / name, content)
        return fresh.name

    def show(self, name: str) -> None:
        """Let `files` lead to the folder of that name, at once for all that is in it. Raises `OSError`."""
        draft = self.path / f"{NODE_FILES}.new"
        draft.unlink(missing_ok=True)
        draft.symlink_to(name)
        draft.replace(self.path / NODE_FILES)

    def shown(self) -> str:
        """The name of the folder that `files` leads to. Raises `OSError`."""
        return str((self.path / NODE_FILES).readlink())

    def keep_shown(self) -> None:
        """Remove all files but those that `files` leads to, left-overs too. Raises `OSError`."""
        shown = self.shown()
        for folder in self.path.glob(f"{NODE_FILES}-*"):
            if folder.name != shown:
                shutil.rmtree(folder)

    def record(self) -> NodeRecord | None:
        """Who the node is; None when the folder was just being made or removed.

        Raises `DamagedFile`, or `OSError` when it can not be read.
        """
        document = read_json(self._record)
        if document is None:
            if self._started.exists() or self.configuration.exists():
                raise DamagedFile(f"{self._record} is missing: put back a copy of it")
            return None
        try:
            record = NodeRecord(**document)
        except TypeError as fault:
            raise DamagedFile(f"{self._record} does not describe a node ({fault})") from fault
        if record.node != self.path.name:
            raise DamagedFile(f"{self._record} describes another node, {record.node}")
        if [type(value) for value in asdict(record).values()] != [str, str, str, int, str]:
            raise DamagedFile(f"{self._record} does not describe a node (values of a wrong type)")
        return record

    @property
    def key(self) -> FolderKey:
        """What the folder is called whatever name leads to it. Raises `OSError`."""
        facts = self.path.stat()
        return facts.st_dev, facts.st_ino

    def may_have_run(self, record: NodeRecord) -> bool:
        """Whether a server was, or was about to be, started here: then never again (S2).

        After a reboot the answer is always yes: the mark may not have reached the disk.
        """
        return self._started.exists() or record.boot != this_boot()

    def mark_started(self) -> None:
        """Remember that a server is about to be started."""
        self._started.touch(mode=0o600)

    def note_process(self, number: int, started: int) -> None:
        """Remember which process it became: number, and start since boot in clock ticks."""
        self._started.write_text(f"{number} {started}\n", encoding="ascii")

    def process(self) -> tuple[int, int] | None:
        """What `note_process` remembered; None when the service ended in between."""
        try:
            noted = _PROCESS.fullmatch(self._started.read_text(encoding="ascii", errors="replace"))
        except FileNotFoundError:
            return None
        return (int(noted[1]), int(noted[2])) if noted is not None else None

    def note_ready(self) -> None:
        """Remember that it accepted connections: it may hold data then, whatever becomes of the log."""
        with self._started.open("a", encoding="ascii") as started:
            started.write("ready\n")

    def never_ran(self) -> None:
        """The server ended before it accepted anything: the node may be started after all."""
        self._started.unlink(missing_ok=True)

    @property
    def ready(self) -> bool:
        """Whether the server ever said that it accepts connections.

        A connection alone would not tell: a stranger may have been faster at the address.
        """
        with suppress(FileNotFoundError):
            if self._started.read_text(encoding="ascii", errors="replace").endswith("ready\n"):
                return True
        try:
            with self.log.open("rb") as log:
                return READY.encode() in log.read(FIRST_WORDS)
        except FileNotFoundError:
            return False

    def last_words(self, lines: int = 6, length: int = 600) -> str:
        """What the server last complained of, since it was ready if it was; without that, the end of its log.

        On one line, without stamps and without values of directives; "" when there is none to be read.
        """
        with suppress(OSError):
            text = _OFFENDING_LINE.sub(r"\1:", _end_of(self.log).decode(errors="replace"))
            said = [line for line in text.splitlines() if line.strip()]
            begun = max((place for place, line in enumerate(said) if READY in line), default=-1) + 1
            complaints = [line for line in said[begun:] if not _NOTICE.match(line)]
            shown = (complaints or said)[-lines:]
            return " ".join(_STAMP.sub("", line).strip() for line in shown)[-length:]
        return ""

    @property
    def keeps_copy(self) -> bool:
        """Whether the file from which a copy of the data was loaded is still there."""
        return self._copy.exists()

    def remove_copy(self) -> None:
        """Remove the file from which a copy of the data was loaded."""
        self._copy.unlink(missing_ok=True)

    def remove_nameless(self) -> None:
        """Remove the folder if it is one whose making or removal was cut short: nothing is in it."""
        with suppress(OSError):
            self._record.with_name(f"{self._record.name}.new").unlink(missing_ok=True)
            self.path.rmdir()

    def remove(self) -> None:
        """Remove the folder, the record last: until then a restarted service knows what is left of whom."""
        with suppress(FileNotFoundError):
            for entry in list(self.path.iterdir()):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry != self._record:
                    entry.unlink()
            self._record.unlink(missing_ok=True)
            self.path.rmdir()
