"""The OpenAPI document is true: whatever is sent, the answer is one that it describes."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from backup_calls import saved
from harness import Api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.python import asgi

from memstored.api.app import create_app
from memstored.api.openapi import document

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

UNSERVED: Any = SimpleNamespace(issuer="embedded")
SCHEMA = schemathesis.openapi.from_dict(document(create_app(UNSERVED)))
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations()}
SOUND = [(label, GenerationMode.POSITIVE) for label in sorted(OPERATIONS)]
# Outside /v1 there is nothing that could be sent wrongly: the other routes take no input, or any.
UNSOUND = [(label, GenerationMode.NEGATIVE) for label in sorted(OPERATIONS) if " /v1/" in label]


@pytest.fixture
async def set_id(api: Api) -> str:
    """A set that is there."""
    return await api.create_set(replicas=3)


@pytest.fixture
async def backup_id(api: Api) -> str:
    """A backup that is there."""
    return (await saved(api)).id


@pytest.fixture
def client(api: Api) -> Iterator[asgi.ASGIClient]:
    """One client for all calls of a test."""
    with asgi.get_client(api.app) as opened:
        yield opened


@pytest.mark.parametrize(("label", "mode"), SOUND + UNSOUND)
def test_every_answer_is_as_described(
    label: str, mode: GenerationMode, api: Api, set_id: str, backup_id: str, client: asgi.ASGIClient
) -> None:
    """No call breaks the service; every status, header and body is one that is documented."""
    cases: Any = OPERATIONS[label].as_strategy(generation_mode=mode)
    there = {"set_id": set_id, "backup_id": backup_id}

    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases, known=st.booleans())
    def call(case: schemathesis.Case, known: bool) -> None:  # noqa: FBT001 - drawn, not passed
        if known:
            case.path_parameters.update({name: there[name] for name in case.path_parameters if name in there})
        case.call_and_validate(
            base_url="http://memstored.test",
            session=client,
            headers={"X-Auth-Token": api.tokens["admin"]},
            checks=CHECKS,
        )

    call()
