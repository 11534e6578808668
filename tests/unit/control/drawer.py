"""A stand-in for the repository of authorities: kept in memory, by the same names."""

from dataclasses import replace

from memstored.domain.authorities import Authority
from memstored.domain.words import AuthorityId
from memstored.store.authorities import KeptAuthority, Told


class Drawer:
    """Keeps authorities for as long as it lives; `lost` are those whose key can not be opened."""

    def __init__(self) -> None:
        self.kept: dict[AuthorityId, KeptAuthority] = {}
        self.lost: set[AuthorityId] = set()

    async def load_all(self) -> list[KeptAuthority]:
        """All of them."""
        return [
            replace(each, key=None) if each.authority.id in self.lost else each for each in self.kept.values()
        ]

    async def add(self, authority: Authority, key: str, _told: Told | None = None) -> None:
        """Keep one."""
        self.kept[authority.id] = KeptAuthority(authority=authority, key=key)

    async def retire(self, authority_id: AuthorityId, at: float) -> None:
        """Note that it was retired."""
        kept = self.kept[authority_id]
        self.kept[authority_id] = replace(kept, authority=replace(kept.authority, retired_at=at))

    async def remove(self, authority_id: AuthorityId) -> None:
        """Throw it away."""
        del self.kept[authority_id]
