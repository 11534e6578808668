"""The errors of S3 stores in plain words, without what must not be told.

obstore's messages carry the whole answer: the access key, the text that was signed, request ids, addresses.
None of that goes on. Of an answer only its status and S3's own word for the error (`AccessDenied`) are used.
"""

import re

from memstored.objects.errors import ObjectTrouble

__all__ = ["is_missing", "reason", "silent"]

_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,64})</Code>")
_STATUS = re.compile(r"\bstatus: (\d{3})\b|status code: (\d{3})\b")
_SILENT = re.compile(r"\bkind: Timeout\b|\bTimedOut\b")

_UNREACHED = {
    "Connection refused": "it takes no connections",
    "connection attempts failed": "it takes no connections",
    "dns error": "its name is not known",
    "certificate": "its certificate is not trusted",
    "unreachable": "there is no way to it",
}
_KEYS = frozenset(
    {
        "AccessDenied",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "XAdminUserNotFound",
    }
)
_FORBIDDEN = frozenset({"401", "403"})


def is_missing(error: BaseException) -> bool:
    """Whether the error says that there is no such object. A HEAD does not tell it from a missing bucket."""
    return isinstance(error, FileNotFoundError) and _code(str(error)) in (None, "NoSuchKey")


def reason(error: BaseException, timeout: float) -> ObjectTrouble:
    """What is wrong with the store, and what to look at."""
    text = str(error)
    code, status = _code(text), _status(text)
    if code == "NoSuchBucket":
        return ObjectTrouble("The bucket of object storage is not there: make it, or correct objects.url.")
    if code in _KEYS or status in _FORBIDDEN:
        return ObjectTrouble(
            f"Object storage refused our keys ({code or f'HTTP {status}'}): look at AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY and what they may do."
        )
    if code or status:
        return ObjectTrouble(f"Object storage could not do it: {code or f'HTTP {status}'}.")
    return _unanswered(text, timeout)


def silent(timeout: float) -> ObjectTrouble:
    """The store said nothing for that many seconds."""
    return ObjectTrouble(f"Object storage did not answer for {timeout:g} s.")


def _unanswered(text: str, timeout: float) -> ObjectTrouble:
    why = next((words for sign, words in _UNREACHED.items() if sign in text), None)
    if why:
        return ObjectTrouble(f"Object storage can not be reached: {why}.")
    if _SILENT.search(text):
        return silent(timeout)
    return ObjectTrouble("The connection to object storage broke off.")


def _code(text: str) -> str | None:
    found = _CODE.search(text)
    return found.group(1) if found else None


def _status(text: str) -> str | None:
    found = _STATUS.search(text)
    return found.group(1) or found.group(2) if found else None
