"""`Client`: one caller of a memstored service. Its methods are those of `AsyncClient`, not awaited.

Every method raises what `errors` draws.
"""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from memstored.client import scripts, waiting
from memstored.client.calls import backups, catalogue, credentials, parameter_groups, raw, sets, webhooks
from memstored.client.methods import lines, listing, method
from memstored.client.scripts import performed
from memstored.client.session import Patience, Session
from memstored.client.transport import (
    Lines,
    access_of,
    are_lines,
    head_of,
    read_access,
    reply_of,
    silence_of,
    trust,
)
from memstored.client.wire import Heard, Pause, Reply, Request, Silence, Step

__all__ = ["Client"]


class Client:
    """A caller with one application credential, or a token. Use as a context manager, from one thread.

    `auth_url` is where tokens come from, when that is not the service itself. `timeout` in seconds for each
    answer. `ca_file`: certificates to trust instead of the system's. `patience` says how harmless calls are
    repeated. What tests replace: `http`, `sleep`, `chance` (numbers from 0 to 1), `clock` (seconds).
    """

    def __init__(
        self,
        *,
        url: str,
        credential_id: str = "",
        secret: str = "",
        token: str | None = None,
        auth_url: str | None = None,
        timeout: float = 30.0,
        ca_file: Path | None = None,
        patience: Patience | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        access = access_of(url, auth_url, credential_id, secret, token)
        self.session = Session(access, patience=patience or Patience(), chance=chance, clock=clock)
        self._http = http or httpx.Client(base_url=url, timeout=timeout, verify=trust(ca_file))
        self._sleep = sleep

    @classmethod
    def from_file(cls, file: Path, *, timeout: float = 30.0, patience: Patience | None = None) -> Self:
        """A client for the service and credential that a `credentials.json` names."""
        return cls(**read_access(file), timeout=timeout, patience=patience)

    def __enter__(self) -> Self:
        """Keep connections open until the end of the block."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def do(self, step: Step, /) -> Heard:
        """Do one step of a script."""
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        try:
            return reply_of(
                self._http.request(
                    step.method, step.url, params=step.query, json=step.body, headers=step.headers
                )
            )
        except httpx.RequestError as error:
            return silence_of(error, self._http.base_url)

    def read(self, request: Request, /) -> Iterator[str | Reply | Silence]:
        """Do a request whose answer is lines: these, and at last what there is to say of it all."""
        lines = Lines()
        try:
            with self._http.stream(
                request.method, request.url, params=request.query, headers=request.headers
            ) as response:
                if not are_lines(response):
                    response.read()
                    yield reply_of(response)
                    return
                for piece in response.iter_bytes():
                    yield from lines.take(piece)
                lines.end()
                yield head_of(response)
        except httpx.RequestError as error:
            yield lines.broken(silence_of(error, self._http.base_url))

    # Sets

    create_set = method(scripts.create_set)
    delete_set = method(performed(sets.delete_set))
    update_set = method(performed(sets.update_set))
    list_instances = method(performed(sets.list_instances))
    delete_instance = method(performed(sets.delete_instance))
    promote_replica = method(performed(sets.promote_replica))
    add_replica = method(performed(sets.add_replica))
    switch_recovery = method(performed(sets.switch_recovery))
    list_sets = listing(scripts.list_sets)
    show_set = method(performed(sets.show_set))
    list_operations = listing(scripts.list_operations)
    list_set_events = listing(scripts.list_set_events)
    list_events = listing(scripts.list_events)
    export_events = lines(performed(sets.event_lines))
    check_failover = method(performed(sets.check_failover))
    show_history = method(performed(sets.show_history))
    renew_certificates = method(performed(sets.renew_certificates))
    wait_until_running = method(waiting.wait_until_running)
    wait_until_gone = method(waiting.wait_until_gone)
    wait_until_applied = method(waiting.wait_until_applied)
    follow = listing(waiting.follow)

    # Catalogue, quotas, health

    list_versions = method(performed(catalogue.list_versions))
    list_flavors = method(performed(catalogue.list_flavors))
    list_engines = method(performed(catalogue.list_engines))
    list_subnets = method(performed(catalogue.list_subnets))
    list_security_groups = method(performed(catalogue.list_security_groups))
    list_quotas = method(performed(catalogue.list_quotas))
    show_password_key = method(performed(catalogue.show_password_key))
    show_authorities = method(performed(catalogue.show_authorities))
    renew_authority = method(performed(catalogue.renew_authority))
    show_health = method(performed(catalogue.show_health))
    show_readiness = method(performed(catalogue.show_readiness))
    encrypt_password = method(scripts.encrypt_password)

    # Credentials and tokens

    create_credential = method(performed(credentials.create_credential))
    list_credentials = method(performed(credentials.list_credentials))
    show_credential = method(performed(credentials.show_credential))
    delete_credential = method(performed(credentials.delete_credential))
    new_token = method(scripts.new_token)
    show_token = method(scripts.show_token)
    check_token = method(scripts.check_token)
    revoke_token = method(scripts.revoke_token)
    show_identity = method(scripts.show_identity)

    # Backups

    create_backup = method(performed(backups.create_backup))
    list_backups = method(performed(backups.list_backups))
    show_backup = method(performed(backups.show_backup))
    delete_backup = method(performed(backups.delete_backup))
    copy_backup = method(performed(backups.copy_backup))
    export_backup = method(performed(backups.export_backup))
    verify_backup = method(performed(backups.verify_backup))
    wait_until_available = method(waiting.wait_until_available)
    follow_backup = listing(waiting.follow_backup)

    # Parameter groups

    create_parameter_group = method(performed(parameter_groups.create_parameter_group))
    list_parameter_groups = method(performed(parameter_groups.list_parameter_groups))
    show_parameter_group = method(performed(parameter_groups.show_parameter_group))
    change_parameter_group = method(performed(parameter_groups.change_parameter_group))
    reset_parameter_group = method(performed(parameter_groups.reset_parameter_group))
    roll_parameter_group_back = method(performed(parameter_groups.roll_parameter_group_back))
    delete_parameter_group = method(performed(parameter_groups.delete_parameter_group))
    list_linked_sets = method(performed(parameter_groups.list_linked_sets))
    retry_linked_set = method(performed(parameter_groups.retry_linked_set))
    follow_apply = listing(waiting.follow_apply)
    list_parameter_group_events = listing(scripts.list_parameter_group_events)

    # The webhook

    show_webhook = method(performed(webhooks.show_webhook))
    put_webhook = method(performed(webhooks.put_webhook))
    test_webhook = method(performed(webhooks.test_webhook))
    rotate_webhook_secret = method(performed(webhooks.rotate_webhook_secret))
    delete_webhook = method(performed(webhooks.delete_webhook))

    # What has no method of its own

    get = method(performed(raw.get))
    post = method(performed(raw.post))
    patch = method(performed(raw.patch))
    delete = method(performed(raw.delete))
