"""Object storage in a real S3 server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in ("redis", "unit/objects", "unit/control", "faults"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from gateway import PROGRAM, Gateway  # noqa: E402 - found only now

from memstored.objects.storage import Objects  # noqa: E402 - after what stands beside the tests


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A server with one empty bucket."""
    if not PROGRAM.exists():
        pytest.skip("no S3 server: `scripts/setup s3` builds one, with Go")
    started = Gateway.start(tmp_path / "buckets")
    yield started
    started.end()


@pytest.fixture
def objects(gateway: Gateway) -> Objects:
    """Storage under a prefix of that bucket."""
    return gateway.objects()
