"""Each hour the head of the audit's chain is signed and put where nobody can change it. What was done before that hour
can not be told otherwise afterwards without being seen: `desk audit verify` holds the chain against its anchors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common.anchors import Anchor, Anchors
from common.domain import audit
from common.table.table import Table


@dataclass(frozen=True)
class Anchoring:
    table: Table
    anchors: Callable[[], Anchors]
    now: Callable[[], datetime]

    def round(self) -> Anchor:
        """Of a chain that has no entry yet, that it has none. Raises AnchorsUnavailable, TableUnavailable."""
        head = audit.head(self.table)
        number, digest = (0, audit.NONE) if head is None else (head.number, head.digest)
        return self.anchors().keep(number, digest, self.now())

    def of_day(self, date: str) -> list[Anchor]:
        """Raises AnchorsUnavailable."""
        return self.anchors().of_day(date)

    def first_date(self) -> str | None:
        """Of the first anchor. Raises AnchorsUnavailable."""
        return self.anchors().first_date()

    def public_key(self) -> str:
        """Raises AnchorsUnavailable."""
        return self.anchors().public_key()
