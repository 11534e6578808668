"""Real servers for the tests of `memstored.redis`: nodes as they are born, and links to them."""

import pytest

pytest.register_assert_rewrite("datasets", "loading", "nodes", "server_fixtures", "servers")

from server_fixtures import birth, engine, node, opened, start  # noqa: E402 - after the rewriting is asked for

__all__ = ["birth", "engine", "node", "opened", "start"]
