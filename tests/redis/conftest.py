"""Real servers for the tests of `memstored.redis`: nodes as they are born, and links to them."""

from server_fixtures import birth, engine, node, opened, start

__all__ = ["birth", "engine", "node", "opened", "start"]
