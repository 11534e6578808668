"""AWS's signature, against the examples of its manual."""

from datetime import UTC, datetime

from memstored.objects.signing import Keys, signed

KEYS = Keys(access="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOST = "examplebucket.s3.amazonaws.com"
NOW = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_manuals_list_request_is_signed_as_there() -> None:
    """'Get Bucket (List Objects)' of the S3 API reference."""
    query = {"max-keys": "2", "prefix": "J"}

    headers = signed("GET", HOST, "/", query, keys=KEYS, region="us-east-1", now=NOW)

    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )


def test_the_manuals_lifecycle_request_is_signed_as_there() -> None:
    """'GET Bucket Lifecycle': a query that has a name only."""
    headers = signed("GET", HOST, "/", {"lifecycle": ""}, keys=KEYS, region="us-east-1", now=NOW)

    assert headers["authorization"].endswith(
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


def test_temporary_keys_send_their_token_signed() -> None:
    """A token is one of the headers that are signed."""
    keys = Keys(access="a", secret="b", token="c")

    headers = signed("GET", HOST, "/", {}, keys=keys, region="us-east-1", now=NOW)

    assert headers["x-amz-security-token"] == "c"
    assert "x-amz-date;x-amz-security-token," in headers["authorization"]


def test_keys_do_not_show() -> None:
    """Whoever prints keys sees neither secret nor token."""
    assert repr(Keys(access="a", secret="hidden", token="hidden")) == "Keys(access='a')"
