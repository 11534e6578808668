"""What is done to one node at the same time."""

from memstored.control.act import lane
from memstored.domain import actions as do
from memstored.domain.words import NodeId

NODE = NodeId("11111111-3c53-4f4a-a2a6-5d1a4c1c9c10")


def test_a_renewal_holds_up_nothing_that_a_failover_needs() -> None:
    """It waits while writes of any set wait: a replica that is to be detached and promoted must not."""
    renewal = lane(do.Renew(NODE, "operation"))

    assert renewal not in {lane(do.Detach(NODE)), lane(do.Promote(NODE)), lane(do.Fence(NODE))}


def test_values_on_their_way_hold_up_nothing_that_a_failover_needs() -> None:
    """A group may set many of them, and each is read back: none of it is worth a moment without a primary."""
    values = lane(do.Configure(NODE, ()))
    needed = (do.Detach(NODE), do.Promote(NODE), do.Fence(NODE), do.Follow(NODE, NODE), do.Pause(NODE))

    assert values not in {lane(act) for act in needed}


def test_a_node_is_given_one_certificate_at_a_time() -> None:
    """Another renewal waits, whatever it is for; other nodes' do not."""
    lanes = {lane(do.Renew(NODE, "one")), lane(do.Renew(NODE, "another"))}

    assert len(lanes) == 1
    assert lane(do.Renew(NodeId("another"), "one")) not in lanes
