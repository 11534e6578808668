"""Faults against the real service and its real servers."""

import pytest

pytest.register_assert_rewrite(
    "live_set",
    "returned",
    "service_fixtures",
    "service_process",
    "step_trials",
    "stepping_service",
    "writers",
)

from service_fixtures import (  # noqa: E402 - after what makes its assertions explain themselves
    alert_house,
    alert_service,
    house,
    service,
    version,
)

__all__ = ["alert_house", "alert_service", "house", "service", "version"]
