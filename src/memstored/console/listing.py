"""What a list of the console is asked for: what it is filtered by, and which page of it."""

from memstored.api.schemas.forms import QueryForm

__all__ = ["ListingQuery"]


class ListingQuery(QueryForm):
    """`marker` is the one that the page before ended with; what a list adds is what it is filtered by."""

    marker: str | None = None

    @property
    def narrows(self) -> bool:
        """Whether there may be something that it does not show."""
        return self != type(self)()

    def values(self, **others: str | None) -> dict[str, str | None]:
        """The query again, for an address, with some of it changed; a change leads to the first page."""
        own = self.model_dump(mode="json", by_alias=True, exclude={"marker"})
        return {**own, **others}
