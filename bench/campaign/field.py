"""Where the campaign takes place: a throwaway service, its writers, and sets that stand by."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from campaign.options import Options
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from sets import BenchSet
from writers import WriterProcess, writer_process

NODES = 3
MANY = 1_000_000
PREFIX = 18
"""Of 16,384 addresses: enough for 600 nodes and ten minutes of their replacements."""
AT_ONCE = 10


class Field:
    """What a fault needs. All chance comes from `chance`, so that a seed repeats the choices."""

    def __init__(self, service: ThrowawayService, writers: WriterProcess, options: Options) -> None:
        self.service = service
        self.writers = writers
        self.options = options
        self.chance = random.Random(options.seed)
        self.standing: list[BenchSet] = []
        while (missing := options.sets - len(self.standing)) > 0:
            self._add_standing(min(missing, AT_ONCE))

    def _add_standing(self, count: int) -> None:
        made = [self.ordered("standing") for _ in range(count)]
        for one in made:
            one.await_running()
        self.standing += made

    def ordered(self, name: str, *, nodes: int = NODES, recovery: bool = True, memory: int = 0) -> BenchSet:
        """A new set; it is not `Running` yet."""
        number = self.chance.randrange(10**6)
        return BenchSet.made(
            self.service,
            f"{name}-{number}",
            nodes=nodes,
            version=self.options.version,
            recovery=recovery,
            memory=memory,
        )

    def failovers_since(self, wall: float) -> list[str]:
        """The sets that failed over since (seconds since 1970), once for each time."""
        since = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        query = {"name": "Cluster Failover", "since": since, "limit": "500"}
        return [row["resourceName"] for row in self.service.client.get("/v1/events", **query)["data"]]


@contextmanager
def field(options: Options) -> Iterator[Field]:
    """A field for the length of the block. The poison brake (H25) is off: a set is struck again and again."""
    settings = (
        f"[quota]\nnodes_per_project = {MANY}\n"
        f"[failover]\nbrake_count = {MANY}\nfailure_detection = {options.detection}\n"
    )
    with throwaway_service(settings=settings, prefix=PREFIX) as service, writer_process() as writers:
        yield Field(service, writers, options)
