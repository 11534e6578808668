"""What stays free on the disk of a folder of objects, where the service keeps its own store by default.

Without it one tenant's backups could fill that disk; then nothing is recorded, and nobody fails over.
"""

import os
from dataclasses import dataclass

from memstored.objects.errors import ObjectTrouble

__all__ = ["Reserve"]

MIB = 1024 * 1024
PARTS = 20
"""Of so many parts of a disk one stays free, so that a small disk can be used too."""
MOST = 1024
"""MiB that this is at most."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """`given` MiB stay free; None: a twentieth of the disk, a GiB at most."""

    given: int | None = None

    def require(self, file: int, more: int) -> None:
        """Raise `ObjectTrouble` when `more` bytes on the disk of that open file, or folder, leave less."""
        disk = os.fstatvfs(file)
        kept = self.of(disk.f_frsize * disk.f_blocks)
        # Some network file systems do not tell.
        if disk.f_blocks and disk.f_frsize * disk.f_bavail - more < kept:
            raise ObjectTrouble(
                "The disk of object storage is nearly full: make room on it. "
                f"{kept // MIB} MiB stay free for the service."
            )

    def of(self, size: int) -> int:
        """The bytes that stay free on a disk of that many."""
        return MIB * self.given if self.given is not None else min(size // PARTS, MIB * MOST)
