"""What sends events to webhooks, put together."""

import random

from memstored.api.schemas.set_views import EventRow
from memstored.cli.errors import Stop
from memstored.cli.settings import USAGE
from memstored.control.delivery import Courier
from memstored.control.notifier import Notifier
from memstored.domain.catalogue import Catalogue
from memstored.domain.clock import Clock
from memstored.domain.destinations import Destinations
from memstored.domain.settings import WebhookSettings
from memstored.notify.lookup import SystemLookup
from memstored.notify.sender import Sender, check_authorities
from memstored.service.webhooks import WebhookService
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.events import Event, EventRepository
from memstored.store.webhooks import WebhookRepository
from memstored.telemetry.measures import Measures

__all__ = ["open_webhooks"]


def open_webhooks(
    database: Database,
    cipher: Cipher,
    catalogue: Catalogue,
    settings: WebhookSettings,
    *,
    measures: Measures,
    clock: Clock,
) -> tuple[Notifier, WebhookService]:
    """What sends events, told by the database but not at work yet, and the use cases. Raises `Stop`."""
    inner = (subnet.cidr for subnet in catalogue.subnets)
    destinations = Destinations.of(allow=settings.allow, inner=inner, http=settings.http)
    _check(settings.ca_file)
    sender = Sender(destinations=destinations, lookup=SystemLookup(), clock=clock, ca_file=settings.ca_file)
    webhooks = WebhookRepository(database, clock, cipher)
    notifier = Notifier(
        Courier(
            webhooks=webhooks,
            events=EventRepository(database, clock),
            sender=sender,
            render=_row,
            measures=measures,
            clock=clock,
            chance=random.random,
            give_up_after=settings.give_up_after,
        )
    )
    database.listen(notifier.announced)
    service = WebhookService(
        webhooks=webhooks, sender=sender, notifier=notifier, destinations=destinations, clock=clock
    )
    return notifier, service


def _check(ca_file: str | None) -> None:
    if ca_file is None:
        return
    try:
        check_authorities(ca_file)
    except OSError as fault:
        why = fault.strerror or "it holds no certificate in PEM"
        raise Stop(f"webhook.ca_file: {ca_file} can not be used: {why}.", code=USAGE) from None


def _row(event: Event) -> str:
    """The JSON of an event, as `GET /v1/events` shows it."""
    return EventRow.of(event).model_dump_json(by_alias=True)
