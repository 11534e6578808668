"""Lets tests import what judges the fault campaign; `bench` is a folder of scripts, not a package.

At the end of the path: modules of tests with the same names go first.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "bench"))
