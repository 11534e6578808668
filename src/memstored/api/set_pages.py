"""Pages of sets. Each set is written as JSON once a revision: what is stored at one never changes."""

import json
from collections import OrderedDict

from memstored.api.answers import Json
from memstored.api.schemas.set_views import SetDocument
from memstored.service.sets import SetView
from memstored.store.paging import Page

__all__ = ["SetPages"]

CAPACITY = 4096
"""Sets whose JSON is kept: about 1.5 KB each."""

_Key = tuple[str, int, str, str, str]


class SetPages:
    """Writes pages in the shape of `SetPage`."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._written: OrderedDict[_Key, str] = OrderedDict()

    def write(self, page: Page[SetView]) -> Json:
        """The page as JSON."""
        rows = ",".join(map(self._row, page.rows))
        return Json(f'{{"size":{len(page.rows)},"data":[{rows}],"next":{json.dumps(page.next)}}}')

    def _row(self, view: SetView) -> str:
        key = (view.set.id, view.set.revision, view.license, view.parameter_group_name, view.apply_status)
        written = self._written.get(key)
        if written is None:
            written = self._written[key] = SetDocument.of(view).model_dump_json(by_alias=True)
            if len(self._written) > self._capacity:
                self._written.popitem(last=False)
        else:
            self._written.move_to_end(key)
        return written
