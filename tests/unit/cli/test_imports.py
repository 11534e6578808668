"""What commands load: a start is mostly importing, so what a command does not use it does not import."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "unused"),
    [
        pytest.param("memstored.cli.main", "httpx fastapi sqlalchemy pydantic alembic", id="small commands"),
        pytest.param("memstored.cli.main memstored.cli.serve", "httpx alembic mako", id="serve"),
    ],
)
def test_a_command_loads_only_what_it_uses(modules: str, unused: str) -> None:
    """The server starts without the client and the migrations, the small commands without the server."""
    program = f"import sys, {', '.join(modules.split())}; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not set(unused.split()) & set(loaded.stdout.split())
