"""Names looked up in threads that hold up nobody else."""

import asyncio
import socket
import threading
from ipaddress import ip_address
from typing import Any

import pytest

from memstored.notify import lookup as looking
from memstored.notify.lookup import SystemLookup, Unresolved


async def test_a_name_leads_to_its_addresses() -> None:
    """Each once; an address leads to itself, in all the spellings that the system knows."""
    names = SystemLookup()

    assert ip_address("127.0.0.1") in await names.addresses("localhost")
    assert await names.addresses("::1") == [ip_address("::1")]
    assert await names.addresses("127.1") == await names.addresses("0x7f000001") == [ip_address("127.0.0.1")]


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", "a..b"])
async def test_what_leads_nowhere_is_said(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is no name at all. No name server is asked here."""
    real = socket.getaddrinfo

    def offline(name: str, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401 - as the real one
        if name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", offline)

    with pytest.raises(Unresolved, match="could not be found"):
        await SystemLookup().addresses(host)


async def test_names_that_are_never_answered_stop_only_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for one may leave; its place is free when its thread has ended, and not before."""
    monkeypatch.setattr(looking, "LOOKUPS", 2)
    answered, asked = threading.Event(), threading.Semaphore(0)

    def slow(*_: object, **__: object) -> list[Any]:
        asked.release()
        answered.wait(30)
        return [(2, 1, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    names = SystemLookup()
    left = asyncio.create_task(names.addresses("one.example"))
    stays = asyncio.create_task(names.addresses("two.example"))
    await asyncio.to_thread(lambda: (asked.acquire(), asked.acquire()))
    left.cancel()
    third = asyncio.create_task(names.addresses("three.example"))
    await asyncio.gather(left, return_exceptions=True)
    no_place = not await asyncio.to_thread(asked.acquire, timeout=0.05)
    others = await asyncio.to_thread(lambda: "the loop and its threads go on")

    answered.set()

    assert no_place
    assert others
    assert await stays == await third == [ip_address("192.0.2.1")]
