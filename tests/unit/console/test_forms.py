"""What was filled in, and what was wrong with it."""

import pytest

from memstored.console.forms import Posted, Refusal, read_posted, refusal_of
from memstored.domain.errors import Conflict, Detail, Fault, InvalidRequest, NotFound


def test_fields_are_read() -> None:
    """A field that was left empty counts as not sent; a secret keeps its spaces."""
    posted = read_posted(b"name=+orders+&empty=&secret=+a+&tick=on&id=a&id=b&id=&port=6379&odd=6379x")

    assert posted.text("name") == "orders"
    assert posted.text("empty") is None
    assert posted.text("absent") is None
    assert posted.exact("secret") == " a "
    assert (posted.checked("tick"), posted.checked("tock")) == (True, False)
    assert posted.all("id") == ["a", "b"]
    assert (posted.number("port"), posted.number("odd"), posted.number("empty")) == (6379, "6379x", None)


@pytest.mark.parametrize("body", [b"\xff=1", b"name=%ff", b"name=%00", b"&".join([b"a=1"] * 1001)])
def test_what_no_form_sends_is_refused(body: bytes) -> None:
    """Other encodings, U+0000, and more fields than any form has."""
    with pytest.raises(InvalidRequest):
        read_posted(body)


def test_only_known_fields_are_taken() -> None:
    """Others are named, all of them; a name with a star is of all that begin so."""
    posted = Posted({"name": ["a"], "parameters.timeout": ["1"], "colour": ["red"], "Name": ["b"]})

    posted.require_only({"name", "parameters.*", "colour", "Name", "unused"})
    with pytest.raises(InvalidRequest) as refused:
        posted.require_only({"name", "parameters.*"})
    with pytest.raises(InvalidRequest):
        posted.require_only({"name", "colour", "Name", "parameters"})

    assert [(it.field, it.code) for it in refused.value.details] == [
        ("colour", "unknown_field"),
        ("Name", "unknown_field"),
    ]


def test_a_refusal_is_found_at_its_field() -> None:
    """What is said of a part of a field is said of it, but not what is said of one that begins alike."""
    refusal = refusal_of(
        InvalidRequest(
            "Correct it.",
            details=[
                Detail("user.name", "malformed", "Give a name."),
                Detail("userName", "unknown_field", "There is none such."),
                Detail("subnets[0].id", "unknown", "There is no such subnet."),
            ],
        )
    )

    assert refusal.at("user") == ["Give a name."]
    assert refusal.at("subnets") == ["There is no such subnet."]
    assert refusal.at("port") == []
    assert refusal
    assert not Refusal()


@pytest.mark.parametrize(("fault", "status"), [(InvalidRequest("No."), 400), (Conflict("No."), 409)])
def test_a_refusal_has_the_status_of_the_api(fault: Fault, status: int) -> None:
    """The form that is shown again is answered as the API answers."""
    assert refusal_of(fault).status == status


def test_what_is_not_about_the_form_is_raised_again() -> None:
    """A set that is gone is no fault of a field."""
    with pytest.raises(NotFound):
        refusal_of(NotFound("There is none."))


def test_nothing_posted_is_empty() -> None:
    """A form that is shown first has nothing in it."""
    assert Posted({}).text("name") is None
