"""A server that something starts again, empty, where a dead node was: what an init system would do."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from service_process import ServiceProcess, kill, wait_for


@contextmanager
def restarted(service: ServiceProcess, node: str) -> Iterator[int]:
    """Kill a node's server and start the same program from its own redis.conf at once, as an init system
    would; yields the new process, which is ended in the end if nobody did it before.
    """
    server = service.server_of(node)
    program = Path(f"/proc/{server}/exe").readlink()
    configured = (service.data_dir / "runtime" / "nodes" / node / "redis.conf").read_text().splitlines()
    # The node's folder may be gone a moment after its death; whoever restarts it shall not fail for that.
    with TemporaryDirectory() as place:
        kept, log = Path(place, "redis.conf"), Path(place, "log")
        kept.write_text("\n".join(line for line in configured if not line.startswith(("dir ", "logfile "))))
        kill(server)
        again = subprocess.Popen(
            ["redis-server", kept, "--dir", place, "--logfile", log],
            executable=program,
            start_new_session=True,
        )
        try:
            wait_for(lambda: log.exists() and "Ready to accept" in log.read_text(), what="the empty server")
            yield again.pid
        finally:
            again.kill()
            again.wait()
