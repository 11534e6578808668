"""A folder of objects."""

from pathlib import Path

import pytest

from memstored.domain.settings import ObjectSettings
from memstored.objects.storage import Objects


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the objects lie."""
    return tmp_path / "objects"


@pytest.fixture
def objects(root: Path) -> Objects:
    """Storage in a folder that is made when it is needed."""
    return Objects.open(ObjectSettings(), default=root)
