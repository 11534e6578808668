"""The logs: their two forms, the request id in them, and secrets kept out of them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from memstored.telemetry.logs import LogForm, configure
from memstored.telemetry.requests import serving


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _logged(form: LogForm, **values: object) -> str:
    stream = io.StringIO()
    configure(form, stream=stream)
    structlog.stdlib.get_logger("memstored.test").info("set created", **values)
    return stream.getvalue()


def test_json_lines_are_one_object_each() -> None:
    """Programs read one JSON object a line, with time, level, logger and what was said."""
    [line] = _logged(LogForm.JSON, name="cache-1").splitlines()

    entry = json.loads(line)
    assert (entry["event"], entry["name"], entry["level"]) == ("set created", "cache-1", "info")
    assert entry["logger"] == "memstored.test"
    assert entry["timestamp"].endswith("Z")


def test_console_lines_read_well_without_a_terminal() -> None:
    """People read words and values, without colour codes when the output is a file."""
    text = _logged(LogForm.CONSOLE, name="cache-1")

    assert "set created" in text
    assert "name=cache-1" in text
    assert "\x1b[" not in text


@pytest.mark.parametrize("form", list(LogForm))
def test_a_line_names_the_request_it_belongs_to(form: LogForm) -> None:
    """Whatever is logged while a request is served carries its id."""
    with serving("11111111-2222-3333-4444-555555555555"):
        text = _logged(form)

    assert "11111111-2222-3333-4444-555555555555" in text


@pytest.mark.parametrize("name", ["password", "X-Auth-Token", "secret", "masterauth", "Authorization"])
@pytest.mark.parametrize("form", list(LogForm))
def test_values_under_secret_names_are_hidden(form: LogForm, name: str) -> None:
    """A secret that slips into a log call is blanked, at any depth."""
    text = _logged(form, **{name: "hunter2"}, request={"headers": {name: "hunter2"}})

    assert "hunter2" not in text
    assert "(hidden)" in text


def test_pythons_own_logging_goes_the_same_way() -> None:
    """Libraries that log by Python's means come out in the same form."""
    stream = io.StringIO()
    configure(LogForm.JSON, stream=stream)

    logging.getLogger("uvicorn.error").warning("port %d is busy", 8700)

    entry = json.loads(stream.getvalue())
    assert (entry["event"], entry["level"], entry["logger"]) == (
        "port 8700 is busy",
        "warning",
        "uvicorn.error",
    )


def test_a_traceback_is_part_of_its_line() -> None:
    """An exception is logged with its traceback, still as one JSON object."""
    stream = io.StringIO()
    configure(LogForm.JSON, stream=stream)

    try:
        1 // 0  # noqa: B018 - made to raise
    except ZeroDivisionError:
        structlog.stdlib.get_logger("memstored.test").exception("broke")

    [line] = stream.getvalue().splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_the_level_keeps_lesser_lines_out() -> None:
    """Lines below the configured level are not written."""
    stream = io.StringIO()
    configure(LogForm.JSON, level="WARNING", stream=stream)

    structlog.stdlib.get_logger("memstored.test").info("quiet")

    assert stream.getvalue() == ""
