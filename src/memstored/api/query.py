"""What holds for the query of every route under `/v1`; what a route knows is said by its query form."""

from collections import Counter

from starlette.requests import Request

from memstored.domain.errors import Detail, InvalidRequest

__all__ = ["refuse_repeats"]


async def refuse_repeats(request: Request) -> None:
    """Refuse a parameter that is given more than once: any of its values might be the one that is meant."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    words = "Give this parameter once."
    details = [Detail(name, "repeated_parameter", words) for name, count in counts.items() if count > 1]
    if details:
        raise InvalidRequest("Correct the query parameters.", details=details)
