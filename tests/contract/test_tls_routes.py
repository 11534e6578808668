"""TLS as callers see it: whom to trust, and new certificates (API.md 6)."""

from dataclasses import replace
from typing import Any

from cryptography import x509
from harness import Api

from memstored.domain.model import Certificate, InstanceSet
from memstored.domain.words import AuthorityId, NodeState, SetState

BUNDLE = "/v1/redis/ca-certificate"
CERTIFICATE = Certificate(
    fingerprint="f" * 64, authority=AuthorityId("a" * 36), not_before=0.0, not_after=1.0
)


async def running(api: Api, **fields: Any) -> InstanceSet:  # noqa: ANN401 - any JSON
    """A set that the control loop is through with."""
    set_id = await api.create_set(**fields)
    ordered = await api.sets.load(set_id)
    assert ordered is not None
    nodes = [replace(n, status=NodeState.RUNNING, certificate=CERTIFICATE) for n in ordered.nodes]
    served = replace(ordered.with_nodes(nodes), status=SetState.RUNNING, reason=None, operation=None)
    return await api.sets.commit(ordered, served)


async def renew(api: Api, set_id: str, **how: Any) -> Any:  # noqa: ANN401 - a response
    """Ask for new certificates."""
    return await api.request("POST", f"/v1/instance-sets/{set_id}/certificates/renew", **how)


async def test_whom_to_trust_is_a_pem_file(api: Api) -> None:
    """One certificate of an authority, the same for everybody, made when it is first asked for."""
    answer = await api.get(BUNDLE, token=api.tokens["reader"])
    again = await api.get(BUNDLE, token=api.tokens["other_project"])

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-pem-file"
    (authority,) = x509.load_pem_x509_certificates(answer.content)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert again.content == answer.content


async def test_whom_to_trust_is_told_to_callers_only(api: Api) -> None:
    """As everything under /v1, it takes a token; a query is not known here."""
    assert (await api.get(BUNDLE, token="nobody")).status_code == 401
    assert (await api.get(BUNDLE, params={"format": "der"})).status_code == 400
    assert (await api.request("POST", BUNDLE)).status_code == 405


async def test_a_new_authority_is_told_first_and_beside_the_old_one(api: Api) -> None:
    """For administrators; the answer is its id, and while it takes over there is no third."""
    old = (await api.get(BUNDLE)).text

    answer = await api.request("POST", f"{BUNDLE}/renew", token=api.tokens["admin"])
    again = await api.request("POST", f"{BUNDLE}/renew", token=api.tokens["admin"])

    assert answer.status_code == 200
    both = (await api.get(BUNDLE)).text
    assert both.endswith(old)
    assert (
        answer.json()["objectId"]
        in x509.load_pem_x509_certificates(both.encode())[0].subject.rfc4514_string()
    )
    assert (again.status_code, again.json()["error"]["code"]) == (400, "authority_taking_over")


async def test_only_administrators_make_authorities(api: Api) -> None:
    """It is everybody's in the deployment, and so says the refusal; nothing is made."""
    before = (await api.get(BUNDLE)).text

    answer = await api.request("POST", f"{BUNDLE}/renew", token=api.tokens["member"])

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin_only")
    assert "every project" in answer.json()["error"]["message"]
    assert (await api.get(BUNDLE)).text == before


async def test_who_made_an_authority_is_in_the_audit_trail(api: Api) -> None:
    """Once, with the caller and the id of the request; a refusal leaves no line."""
    await api.get(BUNDLE)
    made = await api.request("POST", f"{BUNDLE}/renew", token=api.tokens["admin"])
    await api.request("POST", f"{BUNDLE}/renew", token=api.tokens["admin"])

    authority = made.json()["objectId"]
    [event] = (await api.get("/v1/events", params={"name": "Certificate Authority Renew"})).json()["data"]
    assert (event["resourceType"], event["resourceId"]) == ("certificate-authority", authority)
    assert event["requestId"] == made.headers["x-request-id"]
    assert event["outcome"] == "success"
    assert event["actor"] in event["message"]


async def test_certificates_are_renewed_on_request(api: Api) -> None:
    """200 with the set's id; the set stays `Running`, an operation and an event tell of it."""
    kept = await running(api, tlsEnabled=True)

    answer = await renew(api, kept.id)

    assert (answer.status_code, answer.json()) == (200, {"objectId": kept.id})
    shown = (await api.get(f"/v1/instance-sets/{kept.id}")).json()
    assert (shown["status"], shown["tlsEnabled"]) == ("Running", True)
    assert shown["operation"]["kind"] == "renew_certificates"
    assert [step["name"] for step in shown["operation"]["steps"]] == ["renew_replicas", "renew_primary"]
    events = (await api.get(f"/v1/instance-sets/{kept.id}/events")).json()["data"]
    assert (events[0]["name"], events[0]["actor"]) == ("Cluster Certificates Renew", "mia")
    assert api.control.woken[-1] == kept.id


async def test_what_can_not_be_renewed(api: Api) -> None:
    """A set without TLS, one that is not `Running`, one that is at it already, and one that there is not."""
    plain = await running(api, instanceSetName="plain")
    fresh = await api.create_set(instanceSetName="fresh", tlsEnabled=True)
    kept = await running(api, tlsEnabled=True)
    await renew(api, kept.id)

    codes = [(await renew(api, set_id)).json()["error"]["code"] for set_id in (plain.id, fresh, kept.id)]

    assert codes == ["tls_off", "set_busy", "set_busy"]
    assert (await renew(api, kept.id, json={"now": True})).json()["error"]["code"] == "unknown_field"
    assert (await renew(api, "none")).status_code == 404
    assert (await renew(api, kept.id, token=api.tokens["other_project"])).status_code == 404
    assert (await renew(api, kept.id, token=api.tokens["reader"])).status_code == 403
