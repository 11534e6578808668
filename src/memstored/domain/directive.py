"""How a value is written in redis.conf."""

__all__ = ["quoted"]


def quoted(value: str) -> str:
    """One value in double quotes, as redis.conf reads them; a line break in it ends no line."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
