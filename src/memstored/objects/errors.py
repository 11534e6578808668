"""What object storage refuses, as one tree.

ObjectTrouble         the storage can not do it now, or said no; the message says why, without secrets
├── NoSuchObject      there is no object of that key
├── ObjectAltered     what lies there is not what was stored
└── ObjectExists      there is one already: objects are never overwritten
"""

__all__ = ["NoSuchObject", "ObjectAltered", "ObjectExists", "ObjectTrouble"]


class ObjectTrouble(Exception):
    """Object storage could not do what was asked; the message is a sentence for people, without secrets."""


class NoSuchObject(ObjectTrouble):
    """There is no object of that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no object {key}.")
        self.key = key


class ObjectAltered(ObjectTrouble):
    """The object of that key is not what was stored."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The object {key} is not what was stored.")
        self.key = key


class ObjectExists(ObjectTrouble):
    """There is an object of that key already."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is an object {key} already; choose another name, or delete it first.")
        self.key = key
