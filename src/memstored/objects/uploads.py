"""Uploads to S3 that were begun and never finished: invisible, and paid for. obstore can not list them."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import httpx

from memstored.objects.reasons import reason, silent
from memstored.objects.signing import Keys, canonical_query, signed

__all__ = ["Upload", "Uploads"]

PAGE = 1000
"""Uploads that the store is asked for at once: as many as S3 tells."""
TRIES = 3
"""How often one upload is given up."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An unfinished upload of the object `key` (the whole key in the bucket)."""

    key: str
    id: str


class Uploads:
    """The unfinished uploads of one bucket. Every method raises `ObjectTrouble`."""

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        *,
        region: str,
        keys: Keys,
        timeout: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._endpoint = endpoint
        self._bucket = bucket
        self._region = region
        self._keys = keys
        self._timeout = timeout
        self._now = now

    async def beneath(self, prefix: str) -> list[Upload]:
        """Those whose key begins so; of very many the first ones."""
        async with await self._client() as client:
            return await self._beneath(client, prefix)

    async def clear_folder(self, folder: str) -> None:
        """Give up all beneath the folder."""
        await self._clear(f"{folder}/", lambda _key: True)

    async def clear_object(self, key: str) -> None:
        """Give up all of that one object."""
        await self._clear(key, key.__eq__)

    async def _clear(self, prefix: str, meant: Callable[[str], bool]) -> None:
        """Until none is left: a part that is on its way can keep an upload alive that was given up before it
        arrived; S3 asks to give up again then.
        """
        tries: Counter[Upload] = Counter()
        async with await self._client() as client:
            while uploads := [
                upload
                for upload in await self._beneath(client, prefix)
                if meant(upload.key) and tries[upload] < TRIES
            ]:
                for upload in uploads:
                    await self._abort(client, upload)
                tries.update(uploads)

    async def _beneath(self, client: httpx.AsyncClient, prefix: str) -> list[Upload]:
        query = {"uploads": "", "prefix": prefix, "max-uploads": str(PAGE)}
        answer = await self._send(client, "GET", "", query)
        self._judge(answer)
        page = ET.fromstring(answer.content)  # noqa: S314 - the answer of the operator's own store
        return [Upload(_text(found, "Key"), _text(found, "UploadId")) for found in page.iterfind("{*}Upload")]

    async def _abort(self, client: httpx.AsyncClient, upload: Upload) -> None:
        answer = await self._send(client, "DELETE", f"/{upload.key}", {"uploadId": upload.id})
        # It may have ended meanwhile.
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._judge(answer)

    async def _client(self) -> httpx.AsyncClient:
        # Reading the certificates takes long enough to hold up an event loop.
        verify = await asyncio.to_thread(httpx.create_ssl_context)
        return httpx.AsyncClient(timeout=self._timeout, verify=verify)

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, query: dict[str, str]
    ) -> httpx.Response:
        way = f"/{self._bucket}{path}"
        host = urlsplit(self._endpoint).netloc
        headers = signed(method, host, way, query, keys=self._keys, region=self._region, now=self._now())
        url = f"{self._endpoint}{quote(way, safe='/-_.~')}?{canonical_query(query)}"
        try:
            return await client.request(method, url, headers=headers)
        except httpx.TimeoutException:
            raise silent(self._timeout) from None
        except httpx.HTTPError as error:
            raise reason(error, self._timeout) from None

    def _judge(self, answer: httpx.Response) -> None:
        if not answer.is_success:
            error = RuntimeError(f"status code: {answer.status_code} {answer.text}")
            raise reason(error, self._timeout)


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
