"""API.md 11: who may read the metrics."""

from collections.abc import Mapping

import httpx
import pytest
from harness import Api

from memstored.api.metrics import MetricsDoor, MetricsSite
from memstored.service.exposition import Exposition
from memstored.store.events import EventRepository

TOKEN = "a-token-for-prometheus"


@pytest.fixture
def exposition(api: Api) -> Exposition:
    """A page over no sets."""

    async def ready() -> None:
        return None

    services = api.app.state.services
    events = EventRepository(api.database, api.clock)
    return Exposition(
        measures=services.measures,
        survey=list,
        events=events,
        unready=ready,
        neglected=lambda: 0,
        notifier=api.notifier,
        clock=api.clock,
    )


async def _get(api: Api, door: MetricsDoor | None, headers: Mapping[str, str | bytes]) -> httpx.Response:
    api.app.state.metrics = door
    sent = {"host": "127.0.0.1:8700"} | headers
    raw = {name.encode(): v if isinstance(v, bytes) else v.encode() for name, v in sent.items()}
    try:
        return await api.http.get("/metrics", headers=raw)
    finally:
        api.app.state.metrics = None


@pytest.mark.parametrize("host", ["127.0.0.1:8700", "localhost:8700", "localhost", "[::1]:8700", "127.9.9.9"])
async def test_without_a_token_it_is_for_this_machine(api: Api, exposition: Exposition, host: str) -> None:
    """Who asks this machine under a name of its own gets the page, without a token."""
    answer = await _get(api, MetricsDoor(exposition=exposition), {"host": host})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "\nmemstored_ready 1.0\n" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "memstored.example"},
        {"host": "10.0.0.1:8700"},
        {"host": ""},
        {"x-forwarded-for": "10.0.0.9"},
        {"forwarded": "for=10.0.0.9"},
        {"via": "1.1 proxy"},
    ],
)
async def test_without_a_token_nobody_else_gets_in(
    api: Api, exposition: Exposition, headers: Mapping[str, str]
) -> None:
    """Neither who comes through a proxy nor a page in a browser whose name leads here."""
    answer = await _get(api, MetricsDoor(exposition=exposition), headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "metrics_local_only")


@pytest.mark.parametrize("value", [None, TOKEN, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer ü"])
async def test_with_a_token_it_must_be_shown(api: Api, exposition: Exposition, value: str | None) -> None:
    """On this machine, too."""
    headers = {} if value is None else {"authorization": value.encode()}

    answer = await _get(api, MetricsDoor(exposition=exposition, token=TOKEN), headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "metrics_token_required")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_with_the_token_it_is_for_anybody(api: Api, exposition: Exposition) -> None:
    """From wherever."""
    headers = {"authorization": f"Bearer {TOKEN}", "host": "memstored.example", "via": "1.1 proxy"}

    answer = await _get(api, MetricsDoor(exposition=exposition, token=TOKEN), headers)

    assert answer.status_code == 200


async def test_where_it_is_not_served_there_is_no_such_path(api: Api) -> None:
    """As any other."""
    answer = await _get(api, None, {})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "path_unknown")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/metrics", 200), ("GET", "/", 404), ("POST", "/metrics", 405)]
)
async def test_its_own_address_has_nothing_else(
    exposition: Exposition, method: str, path: str, status: int
) -> None:
    """Whoever can reach it; the operator chose the address."""
    site = MetricsSite(MetricsDoor(exposition=exposition, local=False))
    transport = httpx.ASGITransport(app=site)

    async with httpx.AsyncClient(transport=transport, base_url="http://metrics.example") as client:
        answer = await client.request(method, path)

    assert answer.status_code == status


async def test_requests_are_counted_by_the_template_of_their_path(api: Api, exposition: Exposition) -> None:
    """An id, or a path that is none, makes no series of its own."""
    await api.get("/v1/instance-sets/one")
    await api.get("/v1/instance-sets/two")
    await api.get("/v1/no/such/path")

    text = (await _get(api, MetricsDoor(exposition=exposition), {})).text

    counted = [line for line in text.splitlines() if line.startswith("memstored_http_request_seconds_count")]
    of_get = 'memstored_http_request_seconds_count{method="GET",route='
    assert sorted(counted) == [
        f'{of_get}"(none)",status="404"}} 1.0',
        f'{of_get}"/v1/instance-sets/{{set_id}}",status="404"}} 2.0',
    ]
