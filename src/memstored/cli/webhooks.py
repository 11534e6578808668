"""`memstored webhook`: where the project's events are sent, through the API."""

from typing import TYPE_CHECKING, Annotated

import typer

from memstored.cli.errors import Stop
from memstored.cli.output import Output, Row, moment, print_one
from memstored.cli.remote import Desk, remote
from memstored.cli.sets import Yes, confirmed

if TYPE_CHECKING:
    from memstored.client.models import Webhook, WebhookTrial, WrittenWebhook

__all__ = ["app"]

app = typer.Typer(help="Where the project's events are sent.", no_args_is_help=True)


@app.command()
@remote
def show(desk: Desk) -> None:
    """Show where events go, how many wait, and what is wrong."""
    print_one(desk.client.show_webhook(), desk.output, facts=_facts, name=lambda it: it.id)


@app.command("set")
@remote
def put(
    desk: Desk,
    url: Annotated[str, typer.Argument(help="Where to send events, like https://example.com/events.")],
    event: Annotated[
        list[str] | None,
        typer.Option(help="Only events of this name, like 'Cluster Failover'; may be given more than once."),
    ] = None,
    *,
    disabled: Annotated[bool, typer.Option("--disabled", help="Let events wait.")] = False,
) -> None:
    """Say where events go.

    The secret of a new webhook is shown this once.
    """
    _print_written(desk, desk.client.put_webhook(url, event_names=event or (), enabled=not disabled))


@app.command()
@remote
def test(desk: Desk) -> None:
    """Send a message without events.

    Says what came of it; exit code 1 when it did not arrive.
    """
    trial = desk.client.test_webhook()
    print_one(trial, desk.output, facts=_outcome, name=lambda it: str(it.delivered).lower())
    if not trial.delivered:
        raise Stop("The webhook did not take the message.")


@app.command()
@remote
def rotate_secret(desk: Desk) -> None:
    """Make another secret.

    It is shown this once; the one before signs beside it for a day.
    """
    _print_written(desk, desk.client.rotate_webhook_secret())


@app.command()
@remote
def delete(
    desk: Desk,
    *,
    yes: Yes = False,
) -> None:
    """Send events nowhere any more, those neither that wait."""
    confirmed("Delete the webhook? The events that wait for it are not sent.", yes=yes)
    desk.client.delete_webhook()
    typer.echo("Deleted the webhook.")


def _print_written(desk: Desk, written: "WrittenWebhook") -> None:
    if written.secret is None and desk.output is Output.TABLE:
        typer.echo("Changed the webhook; its secret is the same.")
        return
    print_one(written, desk.output, facts=_secret, name=lambda it: it.object_id)


def _secret(it: "WrittenWebhook") -> Row:
    return {"id": it.object_id, "secret": it.secret or ""}


def _outcome(it: "WebhookTrial") -> Row:
    return {
        "delivered": "yes" if it.delivered else "no",
        "took": f"{it.milliseconds} ms",
        "": it.message,
    }


def _facts(it: "Webhook") -> Row:
    failing, disabled = it.failing, it.disabled
    return {
        "id": it.id,
        "url": it.url,
        "events": ", ".join(it.event_names) or "all",
        "enabled": "yes" if it.enabled else "no",
        "disabled": f"{disabled.message} Since {moment(disabled.since)}." if disabled else "",
        "waiting": str(it.waiting),
        "last delivered (UTC)": moment(it.last_delivered_at),
        "failing": f"{failing.message} Since {moment(failing.since)}." if failing else "",
        "next try (UTC)": moment(failing.next_try) if failing else "",
        "secrets": ", ".join(
            "one in use" if one.expires_at is None else f"one until {moment(one.expires_at)}"
            for one in it.secrets
        ),
    }
