"""The whole service over real servers: the process that the tests of faults use, without the faults."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "faults"))

from service_fixtures import house, service, version

__all__ = ["house", "service", "version"]
