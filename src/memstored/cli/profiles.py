"""Profiles: with which services, and as whom, the command line of this user speaks.

They are kept in one file of the user's config folder (`$XDG_CONFIG_HOME/memstored/profiles.json`), which
nobody else may read: there are secrets in it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from memstored.cli.errors import Stop

__all__ = ["Profile", "Profiles", "config_folder"]

USAGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A service and a caller; `ca_file` holds the certificates that the service's own is trusted by."""

    url: str
    credential_id: str
    secret: str = field(repr=False)
    auth_url: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """All profiles by name, and which is used when none is named."""

    current: str | None = None
    by_name: Mapping[str, Profile] = field(default_factory=dict)

    @classmethod
    def load(cls) -> "Profiles":
        """Those of this user; none when there is no file. Raises `Stop` when it is not to be understood."""
        file = _file()
        try:
            content = json.loads(file.read_text())
            by_name = {name: Profile(**values) for name, values in content["profiles"].items()}
            return cls(current=content["current"], by_name=by_name)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Stop(
                f"{file} can not be understood; correct or remove it, then `memstored login`."
            ) from None

    def chosen(self, name: str | None) -> Profile | None:
        """The profile of that name, or the one that is used without; raises `Stop` for an unknown name."""
        wanted = name or self.current
        if wanted is None:
            return None
        found = self.by_name.get(wanted)
        if found is None:
            raise Stop(f"There is no profile {wanted}; `memstored profile list` shows them.", code=USAGE)
        return found

    def with_profile(self, name: str, profile: Profile) -> "Profiles":
        """With this one, which is used from now on."""
        return replace(self, current=name, by_name={**self.by_name, name: profile})

    def without(self, name: str) -> "Profiles":
        """Without that one; when it was the one in use, any other is."""
        self.chosen(name)
        rest = {other: profile for other, profile in self.by_name.items() if other != name}
        current = next(iter(rest), None) if self.current == name else self.current
        return Profiles(current=current, by_name=rest)

    def using(self, name: str) -> "Profiles":
        """With that one as the one that is used when none is named."""
        self.chosen(name)
        return replace(self, current=name)

    def save(self) -> Path:
        """Write them, whole or not at all, for this user's eyes only; returns the file."""
        file = _file()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            content = {name: asdict(profile) for name, profile in self.by_name.items()}
            json.dump({"current": self.current, "profiles": content}, out, indent=2)
            out.write("\n")
        fresh.replace(file)
        return file


def config_folder() -> Path:
    """Where this user's configuration of memstored lies."""
    root = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(root) / "memstored"


def _file() -> Path:
    return config_folder() / "profiles.json"
