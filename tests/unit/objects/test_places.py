"""Which settings of object storage are refused, and how."""

from pathlib import Path

import pytest

from memstored.domain.settings import ObjectSettings
from memstored.objects.storage import Objects

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-to-be-told"}


@pytest.mark.parametrize(
    "settings",
    [
        ObjectSettings(),
        ObjectSettings(url="file:///srv/objects"),
        ObjectSettings(url="file:///srv/with%20space"),
        ObjectSettings(url="s3://saved"),
        ObjectSettings(url="s3://saved/"),
        ObjectSettings(url="s3://saved/deep/er/", endpoint="http://127.0.0.1:7070/", region="kr-central-2"),
        ObjectSettings(url="s3://saved/p", endpoint="https://[::1]:9000"),
    ],
)
def test_what_can_be_right_is_opened(settings: ObjectSettings, tmp_path: Path) -> None:
    """Opening asks nothing of the storage, so it need not be there."""
    Objects.open(settings, default=tmp_path, environment=ENVIRONMENT)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (ObjectSettings(url="s3://saved", reserve_mib=5), "objects.reserve_mib belongs to a folder"),
        (ObjectSettings(url="/srv/objects"), "objects.url must be file:///folder or s3://bucket/prefix."),
        (ObjectSettings(url="file://srv/objects"), "objects.url must be file:///folder or"),
        (ObjectSettings(url="file:///"), "objects.url must be file:///folder or"),
        (ObjectSettings(url="gs://bucket"), "objects.url must be file:///folder or"),
        (ObjectSettings(url="s3://"), "objects.url must be s3://bucket or s3://bucket/prefix, without keys"),
        (ObjectSettings(url="s3://key:not-to-be-told@b"), "without keys in it."),
        (ObjectSettings(url="s3://saved/a//b"), "objects.url must be s3://bucket or"),
        (ObjectSettings(url="s3://saved/../b"), "objects.url must be s3://bucket or"),
        (ObjectSettings(url="s3://saved", endpoint="host:7070"), "objects.endpoint must be https://host or"),
        (
            ObjectSettings(url="s3://saved", endpoint="http://k:not-to-be-told@host"),
            "objects.endpoint must be",
        ),
        (ObjectSettings(url="s3://saved", endpoint="https://host/path"), "objects.endpoint must be"),
        (
            ObjectSettings(endpoint="https://host"),
            "objects.endpoint belongs to an objects.url of the form s3://",
        ),
        (
            ObjectSettings(url="file:///srv/o", region="r"),
            "objects.region belongs to an objects.url of the form",
        ),
    ],
)
def test_what_can_not_be_right_is_refused(settings: ObjectSettings, reason: str, tmp_path: Path) -> None:
    """One sentence names the setting and what it must be, and does not repeat what may be a secret."""
    with pytest.raises(ValueError, match="objects") as fault:
        Objects.open(settings, default=tmp_path, environment=ENVIRONMENT)

    assert reason in str(fault.value)
    assert "not-to-be-told" not in str(fault.value)


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_keys_that_are_missing_are_asked_for(missing: str, tmp_path: Path) -> None:
    """Without keys there is no S3 store; the names to set are said, not what is set."""
    environment = {name: value for name, value in ENVIRONMENT.items() if name != missing}

    with pytest.raises(ValueError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as fault:
        Objects.open(ObjectSettings(url="s3://saved"), default=tmp_path, environment=environment)

    assert "not-to-be-told" not in str(fault.value)
