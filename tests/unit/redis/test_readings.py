import hiredis

from memstored.domain.facts import ReplicationFacts
from memstored.domain.ports import Holdings
from memstored.redis.connection import Command, Reply
from memstored.redis.readings import (
    BOUND,
    INFO_REPLICATION,
    REPLICATION,
    SERVER,
    USERS,
    Readings,
    fields_of,
    holdings_of,
    lasting,
)

INFO_PERSISTENCE = REPLICATION[0]
GET_MASTERUSER, ACL_LIST = USERS
REPLICA = b"""# Replication\r
role:slave\r
master_host:127.20.0.7\r
master_port:6379\r
master_link_status:down\r
master_sync_in_progress:1\r
slave_repl_offset:1\r
connected_slaves:0\r
master_replid:b6ec6ddf71c2affa3240f832a1732f26560dc7a2\r
master_replid2:0000000000000000000000000000000000000000\r
master_repl_offset:142\r
second_repl_offset:-1\r
"""


def learned(*answers: tuple[Command, Reply]) -> Readings:
    """What is known after these answers."""
    readings = Readings()
    for command, reply in answers:
        readings = readings.learned(command, reply, 7.0)
    return readings


def test_the_server_section_names_the_process() -> None:
    """`run_id` and `process_id` identify the server behind the connection."""
    readings = learned((SERVER[0], b"# Server\r\nredis_version:7.0.15\r\nprocess_id:42\r\nrun_id:abc\r\n"))

    assert (readings.run_id, readings.process_id) == ("abc", 42)


def test_a_failed_full_sync_is_seen_by_offsets_that_differ() -> None:
    """The facts of a replica that was emptied in vain do not agree with themselves (H2)."""
    facts = learned((INFO_REPLICATION, REPLICA)).replication

    assert facts is not None
    assert (facts.offset, facts.agrees, facts.syncing, facts.link_up) == (1, False, True, False)
    assert facts.following == ("127.20.0.7", 6379)


def test_seconds_and_acknowledgements_are_no_difference_and_no_fact() -> None:
    """All else is: a byte more of the stream, a link that went down."""
    row = b"slave%d:ip=127.20.0.%d,port=6379,state=online,offset=%d,lag=%d\r\n"
    before = REPLICA + b"master_last_io_seconds_ago:1\r\n" + row % (0, 8, 142, 0) + row % (1, 9, 142, 0)
    after = REPLICA + b"master_last_io_seconds_ago:10\r\n" + row % (0, 8, 156, 1) + row % (1, 9, 142, 1)
    further = before.replace(b"slave_repl_offset:1\r", b"slave_repl_offset:15\r")

    assert before not in {after, further}
    assert lasting(before) == lasting(after)
    assert ReplicationFacts.from_info(fields_of(before)) == ReplicationFacts.from_info(fields_of(after))
    assert lasting(before) not in {lasting(further), lasting(before.replace(b":down", b":up"))}


def test_loading_becomes_part_of_the_replication_facts() -> None:
    """`loading` stands in another section; the facts hold it all the same (S4)."""
    readings = learned(
        (INFO_PERSISTENCE, b"# Persistence\r\nloading:1\r\nasync_loading:0\r\n"), (INFO_REPLICATION, REPLICA)
    )

    assert readings.loading
    assert readings.replication is not None
    assert readings.replication.loading


def test_the_bound_addresses_are_read() -> None:
    """`CONFIG GET bind` gives addresses in one word, separated by spaces."""
    assert learned((BOUND[0], [b"bind", b"127.20.0.7 127.20.0.9"])).bound == {"127.20.0.7", "127.20.0.9"}


def test_the_service_s_own_users_are_no_tenants() -> None:
    """Users that begin with `memstored` neither open a node nor count as tenants."""
    readings = learned((ACL_LIST, [b"user default off -@all", b"user memstored-control on #ab ~* &* +@all"]))

    assert dict(readings.tenants) == {"default": False}
    assert not readings.admitted


def test_any_tenant_that_is_on_opens_the_node() -> None:
    """The default user or another: one that is on is enough."""
    assert learned((ACL_LIST, [b"user default on nopass ~* &* +get"])).admitted
    assert learned((ACL_LIST, [b"user default off -@all", b"user alice on #ab ~* +get"])).admitted


def test_a_node_is_equipped_when_it_follows_as_a_user_that_may_copy() -> None:
    """Both halves are needed: the user that replicas log in as, and logging in as it oneself (S1)."""
    users = [b"user default off -@all", b"user memstored-replication on #ab -@all +psync +replconf +ping"]
    itself = (GET_MASTERUSER, [b"masteruser", b"memstored-replication"])

    assert learned((ACL_LIST, users), itself).equipped_as("memstored-replication")
    assert not learned((ACL_LIST, users)).equipped_as("memstored-replication")
    assert not learned((ACL_LIST, users[:1]), itself).equipped_as("memstored-replication")
    assert not learned((ACL_LIST, users), (GET_MASTERUSER, [b"masteruser", b""])).equipped_as(
        "memstored-replication"
    )


def test_an_error_teaches_nothing() -> None:
    """What was known stays known when an answer is an error."""
    known = learned((BOUND[0], [b"bind", b"127.20.0.7"]))

    assert known.learned(BOUND[0], hiredis.ReplyError("BUSY Redis is busy"), 8.0) == known


def test_the_time_of_asking_makes_no_difference() -> None:
    """The same answer later is the same reading, only younger."""
    first = Readings().learned(INFO_REPLICATION, REPLICA, 1.0)

    second = first.learned(INFO_REPLICATION, REPLICA, 2.0)

    assert second == first
    assert second.read_at == 2.0


def test_holdings_count_the_keys_of_all_databases() -> None:
    """Keys are those of every database; eviction and memory stand beside them."""
    keyspace = b"# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb11:keys=4,expires=0,avg_ttl=0\r\n"
    stats = b"# Stats\r\nexpired_keys:9\r\nevicted_keys:2\r\n"
    memory = b"# Memory\r\nused_memory:1000\r\nused_memory_human:1K\r\nmaxmemory:2000\r\n"

    holdings = holdings_of([keyspace, stats, memory])

    assert holdings == Holdings(keys=7, evicted=2, used_memory=1000, maxmemory=2000)
