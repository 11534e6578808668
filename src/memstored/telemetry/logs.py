"""Logs of the service: one line an event, for people or as JSON, with the request id where there is one.

`configure` is called once by `cli` before anything is logged. Python's own logging (uvicorn, SQLAlchemy,
alembic) goes through the same pipe. Values under names that smell of secrets are blanked: nobody should
log one, and this keeps a slip from becoming a leak.
"""

import logging
import sys
from collections.abc import Mapping
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from memstored.telemetry.form import LogForm
from memstored.telemetry.requests import current_request_id

__all__ = ["LogForm", "configure"]

HIDDEN = "(hidden)"
"""What is written instead of a secret."""

_SECRET_WORDS = ("authorization", "credential_secret", "masterauth", "password", "secret", "token")


def configure(form: LogForm, *, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error by default) in this form."""
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_request_id,
        hide_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _take_over_logging(_formatter(form, shared, colors=out.isatty()), out, level)


def add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the request that the line belongs to."""
    request_id = current_request_id()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank every value whose name says that it is secret, at any depth of mappings."""
    hidden: EventDict = _without_secrets(event)
    return hidden


def _without_secrets(event: Mapping[str, object]) -> dict[str, object]:
    return {key: _shown(key, value) for key, value in event.items()}


def _shown(key: str, value: object) -> object:
    if any(word in str(key).lower() for word in _SECRET_WORDS):
        return HIDDEN
    return _without_secrets(value) if isinstance(value, Mapping) else value


def _formatter(form: LogForm, shared: list[Processor], *, colors: bool) -> logging.Formatter:
    last: list[Processor]
    if form is LogForm.JSON:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove_meta, *last])


def _take_over_logging(formatter: logging.Formatter, stream: TextIO, level: str) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # `api.trace` logs requests itself
    for name in ("alembic", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
