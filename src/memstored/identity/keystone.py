"""Keystone's documents: the token, the catalogue, the version (API.md 8)."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from memstored.domain.credentials import Session
from memstored.identity.claims import METHOD

__all__ = ["token_document", "version_document"]

_DOMAIN = {"id": "default", "name": "Default"}
_REGION = "RegionOne"


def token_document(session: Session, public_url: str) -> dict[str, Any]:
    """The body that describes a token; `public_url` is where this service is reached, without a path."""
    token, credential = session.token, session.credential
    return {
        "token": {
            "methods": [METHOD],
            "issued_at": _time(token.issued_at),
            "expires_at": _time(token.expires_at),
            "audit_ids": [token.audit_id],
            "project": _named(credential.project_id, credential.project_name) | {"domain": _DOMAIN},
            "is_domain": False,
            "user": _named(credential.user_id, credential.user_name)
            | {"domain": _DOMAIN, "password_expires_at": None},
            "roles": [_named(_fixed_id("role", role), role) for role in credential.roles],
            "application_credential": _named(credential.id, credential.name) | {"restricted": True},
            "catalog": _catalog(public_url),
        }
    }


def version_document(public_url: str) -> dict[str, Any]:
    """What `GET /identity/v3` answers, by which clients find their way."""
    return {
        "version": {
            "id": "v3.14",
            "status": "stable",
            "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": f"{public_url}/identity/v3/"}],
            "media-types": [
                {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
            ],
        }
    }


def _catalog(public_url: str) -> list[dict[str, Any]]:
    return [
        _service("identity", "memstored-identity", f"{public_url}/identity/v3"),
        _service("memstore", "memstored", f"{public_url}/v1"),
    ]


def _service(kind: str, name: str, url: str) -> dict[str, Any]:
    endpoint = {
        "id": _fixed_id("endpoint", kind),
        "interface": "public",
        "region": _REGION,
        "region_id": _REGION,
        "url": url,
    }
    return {"id": _fixed_id("service", kind), "type": kind, "name": name, "endpoints": [endpoint]}


def _named(identifier: str, name: str) -> dict[str, Any]:
    return {"id": identifier, "name": name}


def _fixed_id(kind: str, name: str) -> str:
    """The id of something that is not kept anywhere, 32 hex digits, the same for ever."""
    return uuid5(NAMESPACE_URL, f"memstored:{kind}:{name}").hex


def _time(seconds: float) -> str:
    """As Keystone writes times: `2026-11-23T18:22:37.000000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
