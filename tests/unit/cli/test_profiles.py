"""Profiles: kept for this user's eyes only, several of them, and who a command speaks for."""

import json
import stat
from pathlib import Path

import pytest

from memstored.cli.data import caller
from memstored.cli.errors import Stop
from memstored.cli.profiles import Profile, Profiles, config_folder

HOME = Profile(url="http://127.0.0.1:8700", credential_id="c1", secret="s3cret")
FAR = Profile(url="https://far.example", credential_id="c2", secret="s4cret", ca_file="ca.pem")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without any configuration, in an empty folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("URL", "TOKEN", "CREDENTIAL_ID", "SECRET", "PROFILE"):
        monkeypatch.delenv(f"MEMSTORED_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_what_is_kept_is_read_by_this_user_only() -> None:
    """Whatever the mask says; what was kept comes back."""
    kept = Profiles().with_profile("home", HOME).with_profile("far", FAR)

    file = kept.save()
    kept.save()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(config_folder().stat().st_mode) == 0o700
    assert Profiles.load() == kept
    assert [it.name for it in config_folder().iterdir()] == ["profiles.json"]


def test_the_last_login_is_used_until_another_is_chosen() -> None:
    """By name at any time; a name that is not there is refused with where to look."""
    kept = Profiles().with_profile("home", HOME).with_profile("far", FAR)

    assert (kept.chosen(None), kept.chosen("home"), kept.using("home").chosen(None)) == (FAR, HOME, HOME)
    assert kept.without("far").chosen(None) == HOME
    assert kept.without("far").without("home").chosen(None) is None
    with pytest.raises(Stop, match="profile list"):
        kept.chosen("near")


def test_secrets_are_not_shown() -> None:
    """Not by what prints a profile."""
    assert "s3cret" not in repr(Profiles().with_profile("home", HOME))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"profiles": {"x": {"url": 1}}, "current": null}', '{"current": 1}']
)
def test_a_file_that_is_not_understood_is_said_to_be_so(text: str) -> None:
    """Instead of a fault of Python's."""
    config_folder().mkdir(parents=True)
    (config_folder() / "profiles.json").write_text(text)

    with pytest.raises(Stop, match="can not be understood"):
        Profiles.load()


def test_a_command_speaks_for_the_first_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is named, a profile that is named, the environment, the last login, the folder `data`."""
    for folder in ("data", "other"):
        (tmp_path / folder).mkdir()
        credential = {
            "authUrl": f"http://{folder}/identity/v3",
            "applicationCredentialId": folder,
            "applicationCredentialSecret": "s",
        }
        (tmp_path / folder / "credentials.json").write_text(json.dumps(credential))

    def whose(data_dir: Path | None = None, profile: str | None = None) -> str:
        with caller(data_dir, profile) as client:
            return client.session.access.auth_url

    in_the_folder = whose()
    Profiles().with_profile("home", HOME).with_profile("far", FAR).using("home").save()
    at_home = whose()
    monkeypatch.setenv("MEMSTORED_URL", "http://environment")
    monkeypatch.setenv("MEMSTORED_TOKEN", "t")
    in_the_environment = whose()

    assert in_the_folder == "http://data/identity/v3"
    assert at_home == "http://127.0.0.1:8700/identity/v3"
    assert in_the_environment == "http://environment/identity/v3"
    assert whose(profile="home") == "http://127.0.0.1:8700/identity/v3"
    assert whose(data_dir=Path("other"), profile="home") == "http://other/identity/v3"


def test_who_is_nobody_is_told_how_to_become_somebody() -> None:
    """With exit code 2."""
    with pytest.raises(Stop, match="memstored login") as stop:
        caller(None, None)

    assert stop.value.code == 2
