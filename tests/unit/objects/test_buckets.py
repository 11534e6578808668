"""Which files a project may use."""

from pathlib import Path

import pytest

from memstored.domain.catalogue import Bucket
from memstored.objects.buckets import BucketFault, Buckets
from memstored.objects.storage import Objects


@pytest.fixture
def buckets(objects: Objects, root: Path) -> Buckets:
    """Project p has the folders `own` and `told`, may read `shared`, and may only read `told`."""
    (root / "buckets/p/own").mkdir(parents=True)
    (root / "buckets/p/told").mkdir()
    (root / "buckets/q/theirs").mkdir(parents=True)
    declared = [
        Bucket(name="shared", project_id="p", path="shared/rdb"),
        Bucket(name="told", project_id="p", path="buckets/p/told", editable=False),
    ]
    return Buckets(objects, declared)


async def test_a_bucket_that_is_there_may_be_edited(buckets: Buckets) -> None:
    """A folder of the project's own is a bucket with every right."""
    assert await buckets.locate("p", "own/a/b.rdb", edit=True) == "buckets/p/own/a/b.rdb"


async def test_a_declared_bucket_need_not_be_there_yet(buckets: Buckets) -> None:
    """What the catalogue declares exists, and lies where it says."""
    assert await buckets.locate("p", "shared/x", edit=True) == "shared/rdb/x"


async def test_a_bucket_to_read_may_not_be_edited(buckets: Buckets) -> None:
    """Without edit right there is reading only, and the refusal is a 403."""
    assert await buckets.locate("p", "told/x", edit=False) == "buckets/p/told/x"
    with pytest.raises(BucketFault, match="may only read the bucket told") as fault:
        await buckets.locate("p", "told/x", edit=True)

    assert (fault.value.code, fault.value.forbidden) == ("no_edit_right", True)


@pytest.mark.parametrize(
    ("project", "path"),
    [("p", "none/x"), ("p", "theirs/x"), ("q", "shared/x"), ("q", "own/x"), ("p/own", "a/x"), ("..", "p/x")],
)
async def test_what_a_project_does_not_have_is_not_there(buckets: Buckets, project: str, path: str) -> None:
    """Another project's bucket is refused in the same words as one that nobody has."""
    with pytest.raises(BucketFault) as fault:
        await buckets.locate(project, path, edit=True)

    assert (fault.value.code, fault.value.forbidden) == ("unknown_bucket", False)
    assert fault.value.message == f"The project has no bucket {path.split('/', maxsplit=1)[0]}."


@pytest.mark.parametrize(
    "path",
    [
        "",
        "own",
        "own/",
        "/own/x",
        "own/../../q/theirs/x",
        "../q/theirs/x",
        "own//x",
        "own\\x",
        "own/\0",
        "./own/x",
    ],
)
async def test_a_path_that_leads_astray_is_refused(buckets: Buckets, path: str) -> None:
    """No path leads out of the bucket."""
    with pytest.raises(BucketFault) as fault:
        await buckets.locate("p", path, edit=True)

    assert (fault.value.code, fault.value.forbidden) == ("bad_path", False)
