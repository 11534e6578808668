"""What is said of an S3 store's errors."""

import pytest
from obstore.exceptions import BaseError, GenericError, PermissionDeniedError

from memstored.objects.reasons import is_missing, reason

SIGNED = """The operation lacked the necessary privileges: non-2xx status code: 403 Forbidden: <Error>
<Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId>
<StringToSign>AWS4-HMAC-SHA256 20261125T180434Z</StringToSign></Error>"""
LOOK = "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionDeniedError(SIGNED),
            f"Object storage refused our keys (SignatureDoesNotMatch): {LOOK}",
        ),
        (
            PermissionDeniedError('inner: Status { status: 403, body: Some("") }'),
            f"Object storage refused our keys (HTTP 403): {LOOK}",
        ),
        (
            FileNotFoundError("404 Not Found: <Error><Code>NoSuchBucket</Code></Error>"),
            "The bucket of object storage is not there: make it, or correct objects.url.",
        ),
        (
            GenericError("non-2xx status code: 503: <Error><Code>SlowDown</Code></Error>"),
            "Object storage could not do it: SlowDown.",
        ),
        (
            GenericError("non-2xx status code: 507 Insufficient Storage: secret words"),
            "Object storage could not do it: HTTP 507.",
        ),
        (
            GenericError('kind: Connect, "tcp connect error", message: "Connection refused"'),
            "Object storage can not be reached: it takes no connections.",
        ),
        (
            GenericError('ConnectError("dns error", Custom)'),
            "Object storage can not be reached: its name is not known.",
        ),
        (
            GenericError("invalid peer certificate: UnknownIssuer"),
            "Object storage can not be reached: its certificate is not trusted.",
        ),
        (GenericError("HttpError { kind: Timeout, source: x }"), "Object storage did not answer for 7 s."),
        (GenericError("AKIDEXAMPLE did what nobody expected"), "The connection to object storage broke off."),
    ],
)
def test_an_error_is_one_plain_sentence(error: Exception, said: str) -> None:
    """What the store said goes on as one word of S3's at most."""
    assert str(reason(error, 7)) == said


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (FileNotFoundError("404 Not Found: <Code>NoSuchKey</Code>"), True),
        (FileNotFoundError('status: 404, body: Some("")'), True),
        (FileNotFoundError("404 Not Found: <Code>NoSuchBucket</Code>"), False),
        (FileNotFoundError("404 Not Found: <Code>XAdminUserNotFound</Code>"), False),
        (BaseError("<Code>NoSuchKey</Code>"), False),
    ],
)
def test_a_missing_object_is_told_from_other_404s(error: Exception, *, missing: bool) -> None:
    """A bucket or a user that is not there is no missing object."""
    assert is_missing(error) is missing
