"""The files that callers name as `bucket/[folder/...]name` (API.md 2.1 and 4): found, read at both ends.

A right of the project is asked for once, here, before the answer; what goes on afterwards needs no token.
"""

from dataclasses import dataclass

from memstored.domain.errors import Detail
from memstored.domain.model import Source
from memstored.domain.requests.restore import Found, Missing, Sought
from memstored.objects.buckets import BucketFault, Buckets
from memstored.objects.storage import NoSuchObject, Objects
from memstored.redis.rdb import END_BYTES, HEADER_BYTES, NotRdb, RdbHeader, may_be_whole, read_header

__all__ = ["Files"]


@dataclass(frozen=True, slots=True)
class Files:
    """The files in the buckets of projects. Every method raises `ObjectTrouble`."""

    objects: Objects
    buckets: Buckets

    async def source(self, project_id: str, path: str, field: str) -> Sought:
        """What a set begins with that is restored from a file; `field` is where the path was given."""
        try:
            key = await self.buckets.locate(project_id, path, edit=True)
        except BucketFault as fault:
            return refusing(fault, field)
        found = await self.objects.head(key)
        if found is None:
            return Missing(fault=no_file(path, field))
        try:
            header = await self._header(key)
        except NoSuchObject:
            return Missing(fault=no_file(path, field))
        except NotRdb as fault:
            return Missing(fault=Detail(field, "not_rdb", f"A set can not begin with this file. {fault}"))
        source = Source(
            key=key,
            name=path,
            size=found.size,
            used_memory=header.used_memory,
            version=header.redis_version,
            etag=found.etag,
        )
        return Found(source=source, format=header.format)

    async def _header(self, key: str) -> RdbHeader:
        """What the file says of itself. Raises `NotRdb`, also when it ends as no whole one does."""
        head = await self.objects.beginning(key, HEADER_BYTES)
        header = read_header(head)
        if not may_be_whole(head[:END_BYTES], await self.objects.ending(key, END_BYTES)):
            raise NotRdb("It is cut off: it does not end as an RDB does. Copy it again.")
        return header

    async def room(self, project_id: str, path: str, field: str) -> Missing | None:
        """Why nothing can be written to a path, None when it can: there must be no object yet."""
        try:
            key = await self.buckets.locate(project_id, path, edit=True)
        except BucketFault as fault:
            return refusing(fault, field)
        if await self.objects.head(key) is None:
            return None
        message = f"There is an object {path} already; choose another name, or delete it first."
        return Missing(fault=Detail(field, "object_exists", message))


def refusing(fault: BucketFault, field: str) -> Missing:
    """A path that leads nowhere, in the words of the API."""
    return Missing(fault=Detail(field, fault.code, fault.message), forbidden=fault.forbidden)


def no_file(path: str, field: str) -> Detail:
    """That nothing lies at a path that is well-formed."""
    return Detail(field, "no_such_object", f"There is no object {path}; give one that is there.")
