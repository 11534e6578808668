"""Routes that say what can be ordered (API.md 3)."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from memstored.api.answers import Answer, answer, written
from memstored.api.caller import AdminCaller, ReadingCaller, project_of
from memstored.api.openapi import answers, writes
from memstored.api.reading import refuse_fields
from memstored.api.schemas.catalogue import (
    EngineCapabilities,
    EngineList,
    EngineRow,
    FlavorList,
    FlavorRow,
    PasswordKeyDocument,
    QuotaList,
    QuotaRow,
    SecurityGroupList,
    SecurityGroupRow,
    SecurityRuleRow,
    SubnetList,
    SubnetRow,
)
from memstored.api.schemas.forms import NoQuery
from memstored.domain.catalogue import SecurityGroup
from memstored.runtime.engines import Finding
from memstored.service.authorities import AuthorityService
from memstored.service.catalogue import CatalogueService
from memstored.service.passwords import PasswordService

__all__ = ["router"]

router = APIRouter(prefix="/v1/redis", tags=["catalogue"])

_BUNDLE = {
    "description": "The certificates of all authorities that are trusted now, newest first.",
    "content": {"application/x-pem-file": {"schema": {"type": "string"}}},
}
_VERSIONS = {"description": "Versions, newest first.", "model": list[str]}


@router.get("/versions", summary="List the versions that can be ordered", responses={200: _VERSIONS})
async def list_versions(
    request: Request, _caller: ReadingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """Only versions whose program is really here, newest first."""
    return answer(_service(request).versions())


@router.get("/flavors", summary="List the flavors", responses=answers(FlavorList, "All flavors."))
async def list_flavors(
    request: Request, _caller: ReadingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """The sizes of node; memory in GiB."""
    rows = [
        FlavorRow(id=f.id, name=f.name, vcpus=f.vcpus, memory=f.memory)
        for f in _service(request).catalogue.flavors
    ]
    return answer(FlavorList(flavors=rows))


@router.get("/subnets", summary="List the subnets", responses=answers(SubnetList, "All subnets."))
async def list_subnets(
    request: Request, _caller: ReadingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """The ranges of addresses out of which nodes and endpoints get theirs."""
    rows = [
        SubnetRow(id=s.id, name=s.name, cidr=s.cidr, zone=s.zone) for s in _service(request).catalogue.subnets
    ]
    return answer(SubnetList(subnets=rows))


@router.get(
    "/security-groups",
    summary="List the security groups",
    responses=answers(SecurityGroupList, "All security groups."),
)
async def list_security_groups(
    request: Request, _caller: ReadingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """The security groups and what each lets in."""
    rows = [_security_group(group) for group in _service(request).catalogue.security_groups]
    return answer(SecurityGroupList(security_groups=rows))


@router.get(
    "/engines", summary="List the Redis programs", responses=answers(EngineList, "All programs found.")
)
async def list_engines(
    request: Request, _caller: ReadingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """Every Redis or Valkey program that was found, where, what it can do, and why it is not offered."""
    return answer(EngineList(engines=[_engine(finding) for finding in _service(request).findings]))


@router.get(
    "/password-key",
    summary="Show the key to encrypt passwords with",
    responses=answers(PasswordKeyDocument, "The key that is in use now."),
)
async def show_password_key(
    request: Request, _caller: ReadingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """RSA-OAEP with SHA-256 (for MGF1 too), no label. Another key takes over now and then: ask each time."""
    key = await _passwords(request).key()
    return answer(PasswordKeyDocument(key_id=key.id, algorithm="RSA-OAEP-256", public_key=key.public_key))


@router.get(
    "/ca-certificate",
    summary="Fetch the certificates to trust",
    response_class=Response,
    responses={200: _BUNDLE},
)
async def show_authorities(
    request: Request, _caller: ReadingCaller, _query: Annotated[NoQuery, Query()]
) -> Response:
    """What a client of a set with TLS trusts, in PEM: while one authority takes over from another, both."""
    bundle = await _authorities(request).bundle()
    return Response(bundle, media_type="application/x-pem-file")


@router.post(
    "/ca-certificate/renew",
    summary="Renew the certificate authority",
    responses=writes("The id of the new authority."),
)
async def renew_authority(
    request: Request, caller: AdminCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """For administrators, since all projects share it. The new one is made known first, and signs after the
    overlap that is configured.
    """
    await refuse_fields(request)
    return written(await _authorities(request).renew(caller))


@router.get(
    "/quotas",
    summary="Show the quotas of the project",
    responses=answers(QuotaList, "The quotas and what is taken of them."),
)
async def list_quotas(request: Request, caller: ReadingCaller, _query: Annotated[NoQuery, Query()]) -> Answer:
    """The bounds of the caller's project; what is used of a bound per set is that of the largest set."""
    quotas = await _service(request).quotas_of(project_of(caller))
    return answer(QuotaList(quotas=[QuotaRow(name=q.name, limit=q.limit, used=q.used) for q in quotas]))


def _service(request: Request) -> CatalogueService:
    service: CatalogueService = request.app.state.services.catalogue
    return service


def _authorities(request: Request) -> AuthorityService:
    service: AuthorityService = request.app.state.services.authorities
    return service


def _passwords(request: Request) -> PasswordService:
    service: PasswordService = request.app.state.services.passwords
    return service


def _engine(finding: Finding) -> EngineRow:
    engine, can = finding.engine, finding.capabilities
    return EngineRow(
        engine=finding.product,
        version=engine.version,
        program=engine.program,
        tls=engine.tls,
        license=engine.license,
        offered=finding.obstacle is None,
        reason=finding.obstacle,
        capabilities=EngineCapabilities(**asdict(can)) if can is not None else None,
    )


def _security_group(group: SecurityGroup) -> SecurityGroupRow:
    rules = [SecurityRuleRow(cidr=r.cidr, from_port=r.from_port, to_port=r.to_port) for r in group.rules]
    return SecurityGroupRow(id=group.id, name=group.name, rules=rules)
