"""Who may read what a dealer has: the dealers' systems, and people of his (docs/decisions/0072)."""

from __future__ import annotations

from dataclasses import dataclass

from common.identity import BILLING, Caller, ScopeMissing
from functions.billing import model
from functions.billing.model import Bill, BillNotFound, DealerNotFound


@dataclass(frozen=True)
class Reader:
    """dealers: CME's ids of those whose things he may read; None: a dealers' system, which may read everybody's.

    What is another dealer's is answered as what never was."""

    dealers: frozenset[str] | None

    @classmethod
    def of(cls, asking: Caller) -> Reader:
        """Raises ScopeMissing."""
        if BILLING in asking.scopes:
            return cls(None)
        if not asking.dealers:
            raise ScopeMissing(
                f"this needs a machine's token with the scope {BILLING!r}, or a person whom the desk has put into his "
                "dealer's group: ask the desk"
            )
        return cls(asking.dealers)

    def dealer(self, cme_dealer_id: str) -> str:
        """The id, if it is of a dealer of his. Raises DealerNotFound."""
        if self.dealers is not None and cme_dealer_id not in self.dealers:
            raise DealerNotFound("no dealer is registered under this id")
        return cme_dealer_id

    def bill(self, found: Bill) -> Bill:
        """The same, if it is of a dealer of his. Raises BillNotFound."""
        if self.dealers is not None and found.dealer_id not in map(model.dealer_id, self.dealers):
            raise BillNotFound("there is no such bill", id=found.bill_id)
        return found
