"""The files of the package."""

from hashlib import sha256
from importlib.resources import files

from memstored.console.assets import SHA256, address_of

FOLDER = files("memstored.console") / "assets"


def test_scripts_are_as_they_were_published() -> None:
    """Every script of others is one that is recorded, byte for byte, and has its licence beside it."""
    scripts = {
        file.name: sha256(file.read_bytes()).hexdigest()
        for file in FOLDER.iterdir()
        if file.name.endswith(".min.js")
    }

    assert scripts == dict(SHA256)
    for name in scripts:
        assert "Permission to use" in (FOLDER / f"{name.partition('.')[0]}.LICENSE.txt").read_text()


def test_an_address_has_the_hash_of_its_file() -> None:
    """Another content is another address."""
    digest = sha256((FOLDER / "console.css").read_bytes()).hexdigest()

    assert address_of("console.css") == f"assets/{digest[:16]}/console.css"


def test_the_style_sheet_closes_what_it_opens() -> None:
    """A rule at the margin lies within no other: a lost brace would make the rest one of phones only."""
    depth = 0
    for number, line in enumerate((FOLDER / "console.css").read_text().splitlines(), 1):
        assert depth == 0 or line.startswith((" ", "}")), f"line {number} is within a block: {line}"
        depth += line.count("{") - line.count("}")
    assert depth == 0
