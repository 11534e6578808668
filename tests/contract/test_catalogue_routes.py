"""API.md 3: what can be ordered, and how much of it is left."""

import pytest
from harness import OTHER_PROJECT, Api

LISTS = [
    "/v1/redis/versions",
    "/v1/redis/flavors",
    "/v1/redis/subnets",
    "/v1/redis/security-groups",
    "/v1/redis/engines",
    "/v1/redis/quotas",
]


@pytest.mark.parametrize("path", LISTS)
async def test_a_reader_may_read_everything_here(api: Api, path: str) -> None:
    """The role reader suffices for the whole catalogue."""
    answer = await api.get(path, token=api.tokens["reader"])

    assert answer.status_code == 200


@pytest.mark.parametrize("path", LISTS)
async def test_a_query_is_refused(api: Api, path: str) -> None:
    """These routes take no query parameters."""
    answer = await api.get(f"{path}?limit=1")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unknown_field"


async def test_versions_are_a_bare_array_of_what_is_here(api: Api) -> None:
    """Only engines whose program was found are offered, newest first."""
    answer = await api.get("/v1/redis/versions")

    assert answer.content == b'["7.0.15","6.2.5","5.0.6"]\n'


async def test_flavors_have_the_documented_shape_and_ids(api: Api) -> None:
    """The flavors that MemStore documents are there under their ids, memory in GiB."""
    flavors = (await api.get("/v1/redis/flavors")).json()["flavors"]

    assert {
        "id": "3830ebad-ea2f-4822-8a7d-9e301c86a58d",
        "name": "a1-2-co",
        "vcpus": 2,
        "memory": 4,
    } in flavors
    assert {
        "id": "9e34af24-e1fa-475f-ba5c-11f0116e1d85",
        "name": "a1-4-co",
        "vcpus": 4,
        "memory": 8,
    } in flavors
    assert {
        "id": "f443e5e2-84c1-47c1-984b-ee2221b96fe8",
        "name": "a1-8-co",
        "vcpus": 8,
        "memory": 16,
    } in flavors
    assert all(set(flavor) == {"id", "name", "vcpus", "memory"} for flavor in flavors)


async def test_subnets_have_range_and_zone(api: Api) -> None:
    """Each subnet says where its addresses come from and in which zone it lies."""
    subnets = (await api.get("/v1/redis/subnets")).json()["subnets"]

    assert [(s["name"], s["cidr"], s["zone"]) for s in subnets] == [
        ("subnet-a", "127.20.0.0/16", "zone-a"),
        ("subnet-b", "127.21.0.0/16", "zone-b"),
        ("subnet-c", "127.22.0.0/16", "zone-c"),
    ]
    assert all(set(s) == {"id", "name", "cidr", "zone"} for s in subnets)


async def test_security_groups_say_what_they_let_in(api: Api) -> None:
    """Each security group lists its rules."""
    [group] = (await api.get("/v1/redis/security-groups")).json()["securityGroups"]

    assert group["name"] == "default"
    assert group["rules"] == [{"cidr": "127.0.0.0/8", "fromPort": 2000, "toPort": 50000}]


async def test_engines_say_where_they_are_and_what_they_can(api: Api) -> None:
    """Every program found is listed with its place, TLS, licence and capabilities."""
    engines = (await api.get("/v1/redis/engines")).json()["engines"]

    assert [(e["engine"], e["version"], e["program"], e["tls"]) for e in engines] == [
        ("redis", "7.0.15", "/usr/bin/redis-server", True),
        ("redis", "6.2.5", "/opt/redis-server", False),
        ("redis", "5.0.6", "/opt/old/redis-server", False),
        ("valkey", "8.1.3", "/opt/valkey-server", True),
    ]
    assert engines[1] == {
        "engine": "redis",
        "version": "6.2.5",
        "program": "/opt/redis-server",
        "tls": False,
        "license": "BSD-3-Clause",
        "offered": True,
        "reason": None,
        "capabilities": {
            "acl": True,
            "floating": True,
            "writePause": True,
            "killByAddress": True,
            "rdbOnly": True,
            "disklessLoad": True,
            "sanitizing": True,
            "severalSettings": False,
            "functions": False,
        },
    }


async def test_what_is_not_offered_says_why_and_is_no_version(api: Api) -> None:
    """Valkey is an engine apart: listed, and not to be ordered."""
    engines = (await api.get("/v1/redis/engines")).json()["engines"]
    versions = (await api.get("/v1/redis/versions")).json()

    unoffered = [(e["version"], e["reason"], e["capabilities"]) for e in engines if not e["offered"]]
    assert unoffered == [("8.1.3", "only Redis is offered", None)]
    assert "8.1.3" not in versions


async def test_quotas_of_an_empty_project_are_unused(api: Api) -> None:
    """A project without sets has all of its quota left."""
    quotas = (await api.get("/v1/redis/quotas")).json()["quotas"]

    assert quotas == [
        {"name": "nodes_per_set", "limit": 6, "used": 0},
        {"name": "replicas_per_set", "limit": 5, "used": 0},
        {"name": "nodes_per_project", "limit": 60, "used": 0},
        {"name": "parameter_groups_per_project", "limit": 20, "used": 0},
        {"name": "backups_per_project", "limit": 1500, "used": 0},
    ]


async def test_quotas_count_the_nodes_of_the_project(api: Api) -> None:
    """The project's bound counts all its nodes, a bound per set those of the largest set."""
    await api.create_set(instanceSetName="cache-one", replicas=3)
    await api.create_set(instanceSetName="cache-two", replicas=1)

    quotas = (await api.get("/v1/redis/quotas")).json()["quotas"]

    assert {q["name"]: q["used"] for q in quotas} == {
        "nodes_per_set": 3,
        "replicas_per_set": 2,
        "nodes_per_project": 4,
        "parameter_groups_per_project": 0,
        "backups_per_project": 0,
    }


async def test_another_projects_sets_take_nothing_of_this_ones_quota(api: Api) -> None:
    """Quotas are counted project by project, with the overrides of the settings."""
    await api.create_set(replicas=3)

    quotas = (await api.get("/v1/redis/quotas", token=api.tokens["other_project"])).json()["quotas"]

    assert api.project != OTHER_PROJECT
    assert {q["name"]: (q["limit"], q["used"]) for q in quotas} == {
        "nodes_per_set": (6, 0),
        "replicas_per_set": (5, 0),
        "nodes_per_project": (4, 0),
        "parameter_groups_per_project": (20, 0),
        "backups_per_project": (2, 0),
    }
