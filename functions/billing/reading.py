"""Who may read a dealer's bills, accounts and statements: the dealers' systems, and his own people
(docs/decisions/0072)."""

from __future__ import annotations

from dataclasses import dataclass

from common.identity import BILLING, Caller, ScopeMissing
from functions.billing import model
from functions.billing.model import Bill, BillNotFound, DealerNotFound


@dataclass(frozen=True)
class Reader:
    """dealers: CME's ids of the dealers that he may read; None: it is a dealers' system, which may read all of them.

    What belongs to another dealer is answered as what does not exist."""

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
        """The same id, if he may read this dealer. Raises DealerNotFound."""
        if self.dealers is not None and cme_dealer_id not in self.dealers:
            raise DealerNotFound("no dealer is registered under this id")
        return cme_dealer_id

    def bill(self, found: Bill) -> Bill:
        """The same bill, if he may read its dealer. Raises BillNotFound."""
        if self.dealers is not None and found.dealer_id not in map(model.dealer_id, self.dealers):
            raise BillNotFound("there is no such bill", id=found.bill_id)
        return found
