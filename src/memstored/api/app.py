"""The HTTP house put together: routes, doors, errors, and the documents about them."""

import asyncio
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from memstored.api import (
    backups,
    catalogue,
    credentials,
    handlers,
    health,
    history,
    identity,
    parameter_groups,
    sets,
    webhooks,
)
from memstored.api.answers import Answer
from memstored.api.gate import Gate
from memstored.api.metrics import MetricsDoor
from memstored.api.openapi import COMMON_REFUSALS, Paths, document
from memstored.api.pages import reference_page
from memstored.api.query import refuse_repeats
from memstored.api.set_pages import SetPages
from memstored.api.trace import Trace
from memstored.service.services import Services

__all__ = ["create_app"]

_ABOUT = (
    "A managed Redis service: KakaoCloud MemStore's HTTP API over real, replicated, self-healing Redis. "
    "Every call under /v1 carries a token in the header X-Auth-Token."
)

_VERSIONED: tuple[APIRouter, ...] = (
    sets.router,
    history.router,
    backups.router,
    catalogue.router,
    parameter_groups.router,
    webhooks.router,
    credentials.router,
)


def create_app(services: Services, metrics: MetricsDoor | None = None) -> FastAPI:
    """The ASGI application over these services, which are at `app.state.services`.

    `metrics` is served at `/metrics`; None: not here.
    """
    app = FastAPI(
        title="memstored",
        version=version("memstored"),
        description=_ABOUT,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    app.state.set_pages = SetPages()
    app.state.metrics = metrics
    for router in _VERSIONED:
        app.include_router(router, responses=COMMON_REFUSALS, dependencies=[Depends(refuse_repeats)])
    app.include_router(health.router)
    if services.issuer is not None:
        app.include_router(identity.router)
    app.add_route("/metrics", _metrics, methods=["GET"], include_in_schema=False)
    handlers.install(app)
    _publish(app)
    app.add_middleware(Gate)
    app.add_middleware(Trace)
    return app


async def _metrics(request: Request) -> Response:
    door: MetricsDoor | None = request.app.state.metrics
    if door is None:
        raise HTTPException(404)
    return await door.answer(request)


@dataclass(frozen=True, slots=True)
class Published:
    """The documents about the API; the same for everyone."""

    openapi: Answer
    page: Response
    paths: Paths


def _publish(app: FastAPI) -> None:
    """Offer the documents. They are written when the first one is asked for: that takes a fifth of a start.

    In a thread, so that nobody waits for it but who asked.
    """

    @cache
    def write() -> Published:
        doc: dict[str, Any] = document(app)
        return Published(openapi=Answer(doc), page=reference_page(doc), paths=Paths(doc))

    async def published() -> Published:
        return await asyncio.to_thread(write)

    async def openapi(_request: Request) -> Response:
        return (await published()).openapi

    async def docs(_request: Request) -> Response:
        return (await published()).page

    app.add_route("/openapi.json", openapi, methods=["GET"], include_in_schema=False)
    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.state.published = published
