"""The whole service over real servers: the process that the tests of faults use, without the faults."""

import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "guarded_set", "live_backup", "live_set", "returned", "service_fixtures", "service_process", "writers"
)
sys.path.insert(0, str(Path(__file__).parents[2] / "faults"))

from service_fixtures import house, service, version  # noqa: E402 - found only now

__all__ = ["house", "service", "version"]
