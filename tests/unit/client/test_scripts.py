"""Lists in pages and orders, without a server."""

from played import issued, reply, scene
from rows import shown_set

from memstored.client import scripts


def test_a_list_is_read_page_by_page_as_it_is_needed() -> None:
    """Whoever stops after the first row causes one request."""
    first = reply({"size": 1, "data": [shown_set("Running").json()], "next": "m2"})
    second = reply({"size": 1, "data": [shown_set("Failed").json()], "next": None})
    player, session = scene(first, second)

    rows = player.items(scripts.list_sets(session, limit=1, status="Running"))
    one = next(rows)
    asked = len(player.asked)
    rest = list(rows)

    assert (one.status, asked, [row.status for row in rest]) == ("Running", 1, ["Failed"])
    assert [dict(request.query) for request in player.asked] == [
        {"limit": "1", "status": "Running"},
        {"marker": "m2", "limit": "1", "status": "Running"},
    ]


def test_a_set_is_ordered_in_the_project_of_the_caller() -> None:
    """Unless another one is named; what is not given is not sent."""
    player, session = scene(issued("t1"), reply({"objectId": "s1"}, 201), credential=True)

    made = player.play(
        scripts.create_set(
            session,
            instance_set_name="orders",
            replicas=1,
            flavor_id="f1",
            recovery_enabled=False,
            subnets=["n1"],
            primary_subnet="n1",
            replica_subnets=[],
            security_groups=["g1"],
            parameter_group_id="p1",
            version="7.0.15",
        )
    )

    assert made == "s1"
    assert player.asked[1].body == {
        "instanceSetName": "orders",
        "replicas": 1,
        "flavorId": "f1",
        "recoveryEnabled": False,
        "subnets": [{"id": "n1"}],
        "subnetAssignments": [{"primary": {"id": "n1"}, "replicas": []}],
        "securityGroups": [{"id": "g1"}],
        "tlsEnabled": False,
        "parameterGroupId": "p1",
        "port": 6379,
        "projectId": "p1",
        "version": "7.0.15",
    }
