"""What an object holds now, by reading all of it."""

import asyncio
from contextlib import aclosing
from hashlib import sha256

from memstored.control.means import Meter
from memstored.objects.storage import Objects, Stored

__all__ = ["read_content"]


async def read_content(objects: Objects, key: str, meter: Meter) -> Stored:
    """The size and checksum of the object as it lies there. Raises `NoSuchObject` and `ObjectTrouble`."""
    content, size = sha256(), 0
    async with aclosing(objects.get(key)) as chunks:
        async for chunk in chunks:
            # hashlib lets go of the interpreter's lock for pieces of this size.
            await asyncio.to_thread(content.update, chunk)
            size += len(chunk)
            meter.reach(size)
    return Stored(size=size, checksum=content.hexdigest())
