"""The id of the request that is being served."""

import asyncio
from uuid import UUID

from memstored.telemetry.requests import current_request_id, new_request_id, serving


def test_outside_of_a_request_there_is_no_id() -> None:
    """What runs for nobody in particular has no request id, also after a request ended."""
    with serving("a"):
        inside = current_request_id()

    assert inside == "a"
    assert current_request_id() is None


async def test_tasks_of_other_requests_keep_their_own_id() -> None:
    """Requests that are served at the same time do not see each other's id."""

    async def serve(request_id: str) -> str | None:
        with serving(request_id):
            await asyncio.sleep(0)
            return current_request_id()

    assert await asyncio.gather(serve("a"), serve("b")) == ["a", "b"]


def test_new_ids_are_uuids_and_differ() -> None:
    """Every request gets an id of its own."""
    ids = {new_request_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(str(UUID(i)) == i for i in ids)
