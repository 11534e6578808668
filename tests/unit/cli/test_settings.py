"""The settings file."""

from pathlib import Path

import pytest

from memstored.cli.errors import Stop
from memstored.cli.settings import host_and_port, metrics_token, read_settings
from memstored.domain.settings import (
    BackupSettings,
    EngineSettings,
    MetricsSettings,
    ObjectSettings,
    Quotas,
    Settings,
    UserSettings,
    WebhookSettings,
)

NETWORKS = 'must be a list of networks like "10.1.0.0/16", without bits of a host.'


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return file


def test_the_default_has_room_for_every_backup_that_schedules_make() -> None:
    """Of each set that can have one, kept as long as can be, the next one made before the oldest goes; and
    for ten by hand of each.
    """
    quotas = Quotas()
    sets, longest = quotas.nodes_per_project // 2, 35

    assert quotas.backups_per_project >= sets * (longest + 1 + 10)


def test_backups_and_objects_can_be_set(tmp_path: Path) -> None:
    """Every setting of both sections is read."""
    text = """
        [backup]
        parallel = 4
        [objects]
        url = "s3://saved/memstored"
        endpoint = "https://objects.example"
        region = "kr-central-2"
        timeout = 12
        reserve_mib = 2048
    """

    settings = read_settings(_file(tmp_path, text))

    assert settings.backup == BackupSettings(parallel=4)
    assert settings.objects == ObjectSettings(
        url="s3://saved/memstored",
        endpoint="https://objects.example",
        region="kr-central-2",
        timeout=12.0,
        reserve_mib=2048,
    )


def test_the_period_of_keys_for_passwords_can_be_set(tmp_path: Path) -> None:
    """In seconds; 30 days if nothing is said."""
    settings = read_settings(_file(tmp_path, "[user]\npassword_key_period = 86400"))

    assert settings.user == UserSettings(password_key_period=86400.0)
    assert read_settings(None).user.password_key_period == 30 * 86400.0


def test_folders_with_engines_are_read(tmp_path: Path) -> None:
    """Programs may lie anywhere; none is looked for beyond PATH without being asked."""
    settings = read_settings(_file(tmp_path, '[engines]\nfolders = ["/opt/redis-5.0.6", "/srv/valkey"]'))

    assert settings.engines == EngineSettings(folders=("/opt/redis-5.0.6", "/srv/valkey"))
    assert Settings().engines.folders == ()


def test_where_webhooks_may_lead_can_be_set(tmp_path: Path) -> None:
    """Every setting of the section is read; nothing but public addresses if nothing is said."""
    text = """
        [webhook]
        allow = ["10.1.0.0/16", "fd00::/8"]
        http = true
        ca_file = "/etc/memstored/receivers.pem"
        give_up_after = 3600
    """

    settings = read_settings(_file(tmp_path, text)).webhook

    assert settings == WebhookSettings(
        allow=("10.1.0.0/16", "fd00::/8"),
        http=True,
        ca_file="/etc/memstored/receivers.pem",
        give_up_after=3600.0,
    )
    assert (read_settings(None).webhook.allow, read_settings(None).webhook.http) == ((), False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[engines]\nfolders = 1", "engines.folders must be a list of absolute paths."),
        ('[engines]\nfolders = "/opt"', "engines.folders must be a list of absolute paths."),
        ('[engines]\nfolders = ["opt"]', "engines.folders must be a list of absolute paths."),
        ("[engines]\nfolders = [1]", "engines.folders must be a list of absolute paths."),
        ("[engines]\nfolder = []", "engines.folder is not a setting; known here: folders."),
        ("[backup]\nparallel = 0", "backup.parallel must be a whole number of at least 1."),
        ("[backup]\nparalel = 1", "backup.paralel is not a setting; known here: parallel."),
        ("[objects]\nurl = 1", "objects.url must be a string that is not empty."),
        ("[objects]\nregion = ' '", "objects.region must be a string that is not empty."),
        ('[objects]\nendpoint = "a\\u0000"', "objects.endpoint must be a string that is not empty."),
        ("[objects]\ntimeout = 0", "objects.timeout must be a number of seconds above 0."),
        ("[user]\npassword_key_period = 60", "user.password_key_period must be at least a day (86400 s)."),
        ("objects = 1", "objects must be a table."),
        ("[webhook]\nallow = 1", f"webhook.allow {NETWORKS}"),
        ('[webhook]\nallow = "10.0.0.0/8"', f"webhook.allow {NETWORKS}"),
        ('[webhook]\nallow = ["10.0.0.1/8"]', f"webhook.allow {NETWORKS}"),
        ('[webhook]\nallow = ["receiver.example"]', f"webhook.allow {NETWORKS}"),
        ("[webhook]\nallow = [1]", f"webhook.allow {NETWORKS}"),
        ('[webhook]\nhttp = "yes"', "webhook.http must be true or false."),
        ("[webhook]\nca_file = 1", "webhook.ca_file must be a string that is not empty."),
        ("[webhook]\ngive_up_after = 0", "webhook.give_up_after must be a number of seconds above 0."),
    ],
)
def test_a_wrong_value_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    """What is wrong is said with the setting's name, and ends the start with code 2."""
    file = _file(tmp_path, text)

    with pytest.raises(Stop) as stop:
        read_settings(file)

    assert str(stop.value) == f"{file}: {reason}"
    assert stop.value.code == 2


def test_metrics_can_be_set(tmp_path: Path) -> None:
    """Every setting of the section is read."""
    text = """
        [metrics]
        interval = 30
        address = "[::1]:9121"
        token_file = "/etc/memstored/metrics.token"
    """

    settings = read_settings(_file(tmp_path, text)).metrics

    assert settings == MetricsSettings(
        interval=30.0, address="[::1]:9121", token_file="/etc/memstored/metrics.token"
    )
    assert host_and_port("[::1]:9121") == ("::1", 9121)


@pytest.mark.parametrize(
    "line",
    [
        "interval = 0.5",
        'interval = "often"',
        'address = "9121"',
        'address = "127.0.0.1"',
        'address = "127.0.0.1:99999"',
        'address = ":9121"',
        "token_file = 1",
        'token = "in the clear"',
    ],
)
def test_a_wrong_setting_of_metrics_is_named(tmp_path: Path, line: str) -> None:
    """The message names it."""
    with pytest.raises(Stop, match=r"metrics\.(interval|address|token)") as stopped:
        read_settings(_file(tmp_path, f"[metrics]\n{line}"))

    assert stopped.value.code == 2


def test_the_token_for_metrics_is_what_its_file_holds(tmp_path: Path) -> None:
    """Less the line break that editors leave; without a file there is none."""
    file = tmp_path / "token"
    file.write_text("0123456789abcdef\n")

    assert metrics_token(MetricsSettings(token_file=str(file))) == "0123456789abcdef"
    assert metrics_token(MetricsSettings()) is None


@pytest.mark.parametrize("text", ["", "short", "0123456789 abcdef", "0123456789abcdeü"])
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused(tmp_path: Path, text: str) -> None:
    """And it is not shown."""
    file = tmp_path / "token"
    file.write_text(text)

    with pytest.raises(Stop, match="at least 16 printable characters") as stopped:
        metrics_token(MetricsSettings(token_file=str(file)))

    assert not text or text not in str(stopped.value)
