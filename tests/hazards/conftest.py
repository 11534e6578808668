"""Traps of Redis, sprung on purpose: on bare servers of every engine, and under whole sets.

What other folders of tests use for servers, services and sets is used here too.
"""

import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "bare",
    "live_set",
    "nodes",
    "server_fixtures",
    "servers",
    "service_fixtures",
    "service_process",
    "writers",
)
for folder in ("faults", "redis"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from server_fixtures import birth, engine, node, opened, start  # noqa: E402 - found only now
from service_fixtures import alert_house, alert_service, house, service, version  # noqa: E402 - found only now

__all__ = [
    "alert_house",
    "alert_service",
    "birth",
    "engine",
    "house",
    "node",
    "opened",
    "service",
    "start",
    "version",
]
