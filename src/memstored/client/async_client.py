"""`AsyncClient`: one caller of a memstored service, for asyncio. Its methods are those of `Client`, awaited.

Those that list or follow are iterated with `async for`. Every method raises what `errors` draws.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from memstored.client import scripts, waiting
from memstored.client.calls import backups, catalogue, credentials, parameter_groups, raw, sets, webhooks
from memstored.client.methods import async_lines, async_listing, async_method
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

__all__ = ["AsyncClient"]


class AsyncClient:
    """A caller with one application credential, or a token. Use as an asynchronous context manager.

    Its arguments are those of `Client`; `http` and `sleep` are asynchronous.
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
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        access = access_of(url, auth_url, credential_id, secret, token)
        self.session = Session(access, patience=patience or Patience(), chance=chance, clock=clock)
        self._http = http or httpx.AsyncClient(base_url=url, timeout=timeout, verify=trust(ca_file))
        self._sleep = sleep

    @classmethod
    def from_file(cls, file: Path, *, timeout: float = 30.0, patience: Patience | None = None) -> Self:
        """A client for the service and credential that a `credentials.json` names."""
        return cls(**read_access(file), timeout=timeout, patience=patience)

    async def __aenter__(self) -> Self:
        """Keep connections open until the end of the block."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def do(self, step: Step, /) -> Heard:
        """Do one step of a script."""
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        try:
            return reply_of(
                await self._http.request(
                    step.method, step.url, params=step.query, json=step.body, headers=step.headers
                )
            )
        except httpx.RequestError as error:
            return silence_of(error, self._http.base_url)

    async def read(self, request: Request, /) -> AsyncIterator[str | Reply | Silence]:
        """Do a request whose answer is lines: these, and at last what there is to say of it all."""
        lines = Lines()
        try:
            async with self._http.stream(
                request.method, request.url, params=request.query, headers=request.headers
            ) as response:
                if not are_lines(response):
                    await response.aread()
                    yield reply_of(response)
                    return
                async for piece in response.aiter_bytes():
                    for line in lines.take(piece):
                        yield line
                lines.end()
                yield head_of(response)
        except httpx.RequestError as error:
            yield lines.broken(silence_of(error, self._http.base_url))

    # Sets

    create_set = async_method(scripts.create_set)
    delete_set = async_method(performed(sets.delete_set))
    update_set = async_method(performed(sets.update_set))
    list_instances = async_method(performed(sets.list_instances))
    delete_instance = async_method(performed(sets.delete_instance))
    promote_replica = async_method(performed(sets.promote_replica))
    add_replica = async_method(performed(sets.add_replica))
    switch_recovery = async_method(performed(sets.switch_recovery))
    list_sets = async_listing(scripts.list_sets)
    show_set = async_method(performed(sets.show_set))
    list_operations = async_listing(scripts.list_operations)
    list_set_events = async_listing(scripts.list_set_events)
    list_events = async_listing(scripts.list_events)
    export_events = async_lines(performed(sets.event_lines))
    check_failover = async_method(performed(sets.check_failover))
    show_history = async_method(performed(sets.show_history))
    renew_certificates = async_method(performed(sets.renew_certificates))
    wait_until_running = async_method(waiting.wait_until_running)
    wait_until_gone = async_method(waiting.wait_until_gone)
    wait_until_applied = async_method(waiting.wait_until_applied)
    follow = async_listing(waiting.follow)

    # Catalogue, quotas, health

    list_versions = async_method(performed(catalogue.list_versions))
    list_flavors = async_method(performed(catalogue.list_flavors))
    list_engines = async_method(performed(catalogue.list_engines))
    list_subnets = async_method(performed(catalogue.list_subnets))
    list_security_groups = async_method(performed(catalogue.list_security_groups))
    list_quotas = async_method(performed(catalogue.list_quotas))
    show_password_key = async_method(performed(catalogue.show_password_key))
    show_authorities = async_method(performed(catalogue.show_authorities))
    renew_authority = async_method(performed(catalogue.renew_authority))
    show_health = async_method(performed(catalogue.show_health))
    show_readiness = async_method(performed(catalogue.show_readiness))
    encrypt_password = async_method(scripts.encrypt_password)

    # Credentials and tokens

    create_credential = async_method(performed(credentials.create_credential))
    list_credentials = async_method(performed(credentials.list_credentials))
    show_credential = async_method(performed(credentials.show_credential))
    delete_credential = async_method(performed(credentials.delete_credential))
    new_token = async_method(scripts.new_token)
    show_token = async_method(scripts.show_token)
    check_token = async_method(scripts.check_token)
    revoke_token = async_method(scripts.revoke_token)
    show_identity = async_method(scripts.show_identity)

    # Backups

    create_backup = async_method(performed(backups.create_backup))
    list_backups = async_method(performed(backups.list_backups))
    show_backup = async_method(performed(backups.show_backup))
    delete_backup = async_method(performed(backups.delete_backup))
    copy_backup = async_method(performed(backups.copy_backup))
    export_backup = async_method(performed(backups.export_backup))
    verify_backup = async_method(performed(backups.verify_backup))
    wait_until_available = async_method(waiting.wait_until_available)
    follow_backup = async_listing(waiting.follow_backup)

    # Parameter groups

    create_parameter_group = async_method(performed(parameter_groups.create_parameter_group))
    list_parameter_groups = async_method(performed(parameter_groups.list_parameter_groups))
    show_parameter_group = async_method(performed(parameter_groups.show_parameter_group))
    change_parameter_group = async_method(performed(parameter_groups.change_parameter_group))
    reset_parameter_group = async_method(performed(parameter_groups.reset_parameter_group))
    roll_parameter_group_back = async_method(performed(parameter_groups.roll_parameter_group_back))
    delete_parameter_group = async_method(performed(parameter_groups.delete_parameter_group))
    list_linked_sets = async_method(performed(parameter_groups.list_linked_sets))
    retry_linked_set = async_method(performed(parameter_groups.retry_linked_set))
    follow_apply = async_listing(waiting.follow_apply)
    list_parameter_group_events = async_listing(scripts.list_parameter_group_events)

    # The webhook

    show_webhook = async_method(performed(webhooks.show_webhook))
    put_webhook = async_method(performed(webhooks.put_webhook))
    test_webhook = async_method(performed(webhooks.test_webhook))
    rotate_webhook_secret = async_method(performed(webhooks.rotate_webhook_secret))
    delete_webhook = async_method(performed(webhooks.delete_webhook))

    # What has no method of its own

    get = async_method(performed(raw.get))
    post = async_method(performed(raw.post))
    patch = async_method(performed(raw.patch))
    delete = async_method(performed(raw.delete))
