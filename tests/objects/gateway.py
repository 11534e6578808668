"""A real S3 server: versitygw over a folder, a process of its own at an address of its own."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from servers import eventually, free_address, free_port

from memstored.domain.settings import ObjectSettings
from memstored.objects.signing import Keys
from memstored.objects.storage import Objects
from memstored.objects.uploads import Uploads

PROGRAM = Path(__file__).parents[2] / ".tools" / "versitygw"
"""Where `scripts/setup s3` puts it."""
BUCKET = "saved"
PREFIX = "here/memstored"
REGION = "kr-central-2"
KEYS = Keys(access="AKIDEXAMPLEEXAMPLE", secret="wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")


@dataclass(slots=True)
class Gateway:
    """One running server; `folder` is where it keeps buckets, one folder each."""

    folder: Path
    host: str
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start one with one empty bucket; returns when it takes requests."""
        (folder / BUCKET).mkdir(parents=True)
        host = f"{free_address()}:{free_port()}"
        # Its notes in a folder of their own: not every file system has room for them beside a file.
        notes = folder.parent / "notes"
        notes.mkdir()
        place = ["posix", "--sidecar", str(notes), str(folder)]
        command = [str(PROGRAM), "--port", host, "--region", REGION, "--keep-alive", "--quiet", *place]
        keys = {"ROOT_ACCESS_KEY": KEYS.access, "ROOT_SECRET_KEY": KEYS.secret}
        with (folder.parent / "versitygw.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=os.environ | keys, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        gateway = cls(folder, host, process)
        try:
            eventually(gateway._answers, what="versitygw listening")
        except AssertionError:
            gateway.end()
            raise
        return gateway

    @property
    def endpoint(self) -> str:
        """Its address as in settings."""
        return f"http://{self.host}"

    def objects(
        self,
        *,
        url: str = f"s3://{BUCKET}/{PREFIX}",
        keys: Keys = KEYS,
        timeout: float = 20.0,
        by: str | None = None,
    ) -> Objects:
        """Object storage on it; `by` is the `address:port` that leads to it, unless its own."""
        return Objects.open(
            ObjectSettings(url=url, endpoint=f"http://{by or self.host}", region=REGION, timeout=timeout),
            default=self.folder / "unused",
            environment={"AWS_ACCESS_KEY_ID": keys.access, "AWS_SECRET_ACCESS_KEY": keys.secret},
        )

    def uploads(self) -> Uploads:
        """Its unfinished uploads."""
        return Uploads(self.endpoint, BUCKET, region=REGION, keys=KEYS, timeout=20.0)

    def file(self, key: str) -> Path:
        """Where it keeps the object of that key."""
        return self.folder / BUCKET / PREFIX / key

    def pause(self) -> None:
        """Stop the process (SIGSTOP): it keeps its sockets and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder.parent / "versitygw.log").read_text()
        try:
            httpx.get(self.endpoint, trust_env=False)
        except httpx.TransportError:
            return False
        return True
