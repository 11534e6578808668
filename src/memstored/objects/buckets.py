"""Which files of object storage a project may use: its buckets, and nothing beside them.

A bucket is a folder: `buckets/<project>/<name>` when it is there, with edit right, or what the catalogue
declares (`[[buckets]]`). Another project's bucket looks as one that is not there.
"""

from collections.abc import Iterable

from memstored.domain.catalogue import Bucket
from memstored.domain.object_keys import BadKey, bucket_key, checked
from memstored.objects.storage import Objects

__all__ = ["BucketFault", "Buckets"]


class BucketFault(Exception):
    """The project can not use that file. `code` is one of the API's, `forbidden` tells 403 from 400."""

    def __init__(self, code: str, message: str, *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.forbidden = forbidden


class Buckets:
    """The buckets of all projects."""

    def __init__(self, objects: Objects, declared: Iterable[Bucket] = ()) -> None:
        self._objects = objects
        self._declared = {(bucket.project_id, bucket.name): bucket for bucket in declared}

    async def locate(self, project_id: str, path: str, *, edit: bool) -> str:
        """The key of the object that a caller of this project means by `bucket/[folder/...]name`.

        Whether it exists is not asked. With `edit` the project must have the right to change the bucket.
        Raises `BucketFault` with `bad_path`, `unknown_bucket` or `no_edit_right` (forbidden), and
        `ObjectTrouble`.
        """
        name, within = _split(path)
        bucket = self._declared.get((project_id, name)) or await self._own(project_id, name)
        if edit and not bucket.editable:
            raise BucketFault(
                "no_edit_right",
                f"The project may only read the bucket {name}; name one that it may edit.",
                forbidden=True,
            )
        return _key(f"{bucket.path}/{within}")

    async def _own(self, project_id: str, name: str) -> Bucket:
        """The bucket that the project has without being declared."""
        path = _key(bucket_key(project_id, name))
        if not await self._objects.has_folder(path):
            raise BucketFault("unknown_bucket", f"The project has no bucket {name}.")
        return Bucket(name=name, project_id=project_id, path=path)


def _split(path: str) -> tuple[str, str]:
    """The bucket's name and the way within it."""
    bucket, _, within = _key(path).partition("/")
    if not within:
        raise BucketFault("bad_path", "The path needs a bucket and a name: bucket/[folder/...]name.")
    return bucket, within


def _key(path: str) -> str:
    try:
        return checked(path)
    except BadKey as fault:
        raise BucketFault("bad_path", f"The path is none that can be used: {fault}.") from None
