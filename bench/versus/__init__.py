"""Failover beside tuned Redis Sentinels: the same writers, the same faults, in turn on the same machine."""
