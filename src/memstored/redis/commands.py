"""What a tenant may run, command by command and family by family (API.md 5, H18).

A list of what is allowed, never of what is taken away: a command that a new version brings is refused
until it is named here. Groups are those of Redis's own documentation. A subcommand is written
`client|list`; a command written whole allows all its subcommands. `tests/redis/test_acl.py` compares
these tables with the `COMMAND` of every engine.

Left out, beside the list of API.md 5: the words of cluster mode (`asking`, `readonly`, `readwrite`,
`restore-asking`), `pfdebug` and `pfselftest` (they serve Redis's own tests), the traps `host:` and `post`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from memstored.domain.engine import Family

__all__ = ["allowed_commands"]

_CLIENT = """
    client|caching client|getname client|getredir client|id client|info client|list client|reply
    client|setname client|tracking client|trackinginfo client|unblock
"""

_GROUPS_6_2: Mapping[str, str] = MappingProxyType(
    {
        "bitmaps": "bitcount bitfield bitfield_ro bitop bitpos getbit setbit",
        "connection": f"acl|whoami auth echo hello ping reset select {_CLIENT}",
        "generic": """
        copy del dump exists expire expireat keys move object persist pexpire pexpireat pttl randomkey
        rename renamenx restore scan sort touch ttl type unlink wait
    """,
        "geo": """
        geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro
        geosearch geosearchstore
    """,
        "hashes": """
        hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx
        hstrlen hvals
    """,
        "hyperloglog": "pfadd pfcount pfmerge",
        "lists": """
        blmove blpop brpop brpoplpush lindex linsert llen lmove lpop lpos lpush lpushx lrange lrem lset
        ltrim rpop rpoplpush rpush rpushx
    """,
        "pubsub": "psubscribe publish pubsub punsubscribe subscribe unsubscribe",
        "scripting": "eval evalsha script|exists script|flush script|help script|kill script|load",
        "server": """
        command dbsize flushall flushdb info lastsave latency lolwut memory role slowlog swapdb time
    """,
        "sets": """
        sadd scard sdiff sdiffstore sinter sinterstore sismember smembers smismember smove spop srandmember
        srem sscan sunion sunionstore
    """,
        "sorted sets": """
        bzpopmax bzpopmin zadd zcard zcount zdiff zdiffstore zincrby zinter zinterstore zlexcount zmscore
        zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex
        zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore
        zunion zunionstore
    """,
        "streams": """
        xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange
        xsetid xtrim
    """,
        "strings": """
        append decr decrby get getdel getex getrange getset incr incrby incrbyfloat mget mset msetnx psetex
        set setex setnx setrange stralgo strlen substr
    """,
        "transactions": "discard exec multi unwatch watch",
    }
)

_ADDED_7_0: Mapping[str, str] = MappingProxyType(
    {
        "connection": "quit",
        "generic": "expiretime pexpiretime sort_ro",
        "lists": "blmpop lmpop",
        "pubsub": "spublish ssubscribe sunsubscribe",
        "scripting": "eval_ro evalsha_ro fcall fcall_ro function",
        "sets": "sintercard",
        "sorted sets": "bzmpop zintercard zmpop",
        "strings": "lcs",
    }
)

_GONE_7_0 = frozenset({"stralgo"})

_ADDED_7_2: Mapping[str, str] = MappingProxyType(
    {
        "connection": "client|setinfo",
        "generic": "waitaof",
    }
)


def _names(*tables: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for table in tables for group in table.values() for name in group.split())


_ALLOWED: Mapping[Family, frozenset[str]] = MappingProxyType(
    {
        Family.V6_2: _names(_GROUPS_6_2),
        Family.V7_0: _names(_GROUPS_6_2, _ADDED_7_0) - _GONE_7_0,
        Family.V7_2: _names(_GROUPS_6_2, _ADDED_7_0, _ADDED_7_2) - _GONE_7_0,
    }
)


def allowed_commands(family: Family) -> frozenset[str]:
    """Names, lower case, of every command (`get`) and subcommand (`client|list`) a tenant may run.

    For families with ACLs (`Capabilities.acl`).
    """
    return _ALLOWED[family]
