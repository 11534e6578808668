"""The route of a set's last hours, for charts (API.md 11, ours)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from memstored.api.answers import Answer, answer
from memstored.api.caller import ReadingCaller
from memstored.api.openapi import answers, refusals
from memstored.api.schemas.history import HistoryDocument, HistoryQuery
from memstored.api.schemas.times import seconds_of
from memstored.service.history import HistoryService

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["instance sets"])


async def _service(request: Request) -> HistoryService:
    service: HistoryService = request.app.state.services.history
    return service


@router.get(
    "/instance-sets/{set_id}/metrics",
    summary="Show the last hours of a set",
    responses=answers(HistoryDocument, "A series for each node and figure.") | refusals(404),
)
async def show_history(
    set_id: str,
    caller: ReadingCaller,
    history: Annotated[HistoryService, Depends(_service)],
    query: Annotated[HistoryQuery, Query()],
) -> Answer:
    """Up to six hours, a point a minute, kept over a restart of the service."""
    since = None if query.since is None else seconds_of(query.since)
    return answer(HistoryDocument.of(await history.chart(caller, set_id, since=since, step=query.step)))
