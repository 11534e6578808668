"""Whether the service lives, and whether it can work: for supervisors and load balancers, without a token."""

from fastapi import APIRouter, Request

from memstored.api.answers import Answer, answer
from memstored.api.openapi import answers
from memstored.api.schemas.forms import Document

__all__ = ["Health", "router"]

router = APIRouter(tags=["health"])


class Health(Document):
    """`status` is `ok` or `unavailable`; `reason` says why it is not `ok`."""

    status: str
    reason: str | None


@router.get("/healthz", summary="Is the process alive?", responses=answers(Health, "It is."))
async def healthz() -> Answer:
    """Answers as long as the process serves at all; looks at nothing else."""
    return answer(Health(status="ok", reason=None))


@router.get(
    "/readyz",
    summary="Can the service work?",
    responses=answers(Health, "It can.") | answers(Health, "It can not, and why.", 503),
)
async def readyz(request: Request) -> Answer:
    """Answers 503 with the reason while a part that every request needs is away."""
    reason: str | None = await request.app.state.services.unready()
    if reason is None:
        return answer(Health(status="ok", reason=None))
    return answer(Health(status="unavailable", reason=reason), 503)
