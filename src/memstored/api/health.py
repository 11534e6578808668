"""Whether the service lives, and whether it can work: for supervisors and load balancers, without a token."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from memstored.api.answers import Answer, answer
from memstored.api.openapi import answers
from memstored.api.schemas.forms import Document

if TYPE_CHECKING:
    from memstored.service.services import Services

__all__ = ["Health", "router"]

router = APIRouter(tags=["health"])


class Health(Document):
    """`status` is `ok` or `unavailable`; why, or what is amiss although it is `ok`, says `reason` to programs
    and `message` to people.
    """

    status: str
    reason: str | None = None
    message: str | None = None


@router.get("/healthz", summary="Is the process alive?", responses=answers(Health, "It is."))
async def healthz() -> Answer:
    """Answers as long as the process serves at all; looks at nothing else."""
    return answer(Health(status="ok"))


@router.get(
    "/readyz",
    summary="Can the service work?",
    responses=answers(Health, "It can.") | answers(Health, "It can not, and why.", 503),
)
async def readyz(request: Request) -> Answer:
    """Answers 503 with the reason while a part that every request needs is away.

    `store_unavailable`: the store takes no write. `holding`: most nodes are silent at once; nothing is ended.
    `superseded`: another memstored has taken over; this one is about to end.
    It is looked at again at most once a second. The trouble of one set is said by that set; with
    `sets_neglected` it is 200 all the same.
    """
    services: Services = request.app.state.services
    why = await services.unready()
    if why is not None:
        return answer(Health(status="unavailable", reason=why.reason, message=why.message), 503)
    amiss = services.remark()
    if amiss is None:
        return answer(Health(status="ok"))
    return answer(Health(status="ok", reason=amiss.reason, message=amiss.message))
