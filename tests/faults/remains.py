"""What a program left behind."""

from pathlib import Path


def living(place: Path) -> list[int]:
    """The processes that work in or with files of that folder, other than zombies."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes()
            works_in = str((process / "cwd").readlink())
        except OSError:
            continue
        if str(place).encode() in words or works_in.startswith(str(place)):
            found.append(int(process.name))
    return found
