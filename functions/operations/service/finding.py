"""What somebody outside calls something: found by keys and by indexes, never by a scan.

    an id of ours, a username      the item itself
    a payout's reference           its order (`{order id}-01`)
    the bank's reference or id     the deposit or payout that has claimed it
    an event of the bank           its webhook id
    the exchange's order id        the sale or batch that has claimed it, in whichever market
    the custody's snapshot         what came in by it, by its uuid
    a client                       whose it is
    a contract, an invoice         the billing system's: the account, the bill

What has no key is not found by it: an amount alone (of a customer it is: `Customers.moves_of`), a transaction of a
chain, a trade at the exchange, and the exchange's order ids of market making, of which there are too many to be
claimed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common import keys
from common.domain import adjustments
from common.domain.catalogue.store import Catalogue
from common.domain.custody.model import incoming_id
from common.domain.exchange_orders import store as exchange_orders
from common.domain.payouts import store as payouts_store
from common.domain.payouts.model import named
from common.table.table import Table
from functions.operations import store

AN_EXCHANGES_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(frozen=True)
class Found:
    """Something of ours: `thing_id` is what `desk work show` takes, `by` what of it was named, `username` whose it
    is."""

    thing_id: str
    kind: str
    by: str
    username: str | None
    status: str | None


@dataclass(frozen=True)
class Finding:
    table: Table
    exchanges: tuple[str, ...]  # whose orders the table may have
    now: Callable[[], datetime]

    def find(self, what: str) -> list[Found]:
        """All that is named so, in the order of the table above; the same thing once."""
        found: dict[str, Found] = {}
        for each in self._named(what):
            found.setdefault(each.thing_id, each)
        return list(found.values())

    def _named(self, what: str) -> Iterator[Found]:
        yield from self._thing(what, "its id")
        parts = named(what)
        if parts is not None and payouts_store.by_reference(self.table, what) is not None:
            yield from self._thing(parts[0], f"payout attempt {parts[1]}")
        yield from self._of_bank(what)
        if "#" in what or keys.row_of_id(what) is not None:
            return  # nobody's id but the bank's may have one, and nobody's looks like ours
        yield from self._bank_event(what)
        yield from self._at_exchange(what)
        yield from self._of_custody(what)
        yield from self._client(what)
        yield from self._of_billing(what)

    def _thing(self, thing_id: str, by: str) -> Iterator[Found]:
        key = keys.item_named(thing_id)
        item = None if key is None else store.known(self.table, key)
        if item is not None:
            yield Found(thing_id, item.row.entity, by, item.whose, item.status)

    def _of_bank(self, what: str) -> Iterator[Found]:
        ours = adjustments.claimed_by(self.table, what)
        if ours is None:
            return
        parts = named(ours)
        yield from self._thing(ours if parts is None else parts[0], "the bank's reference")

    def _bank_event(self, what: str) -> Iterator[Found]:
        event = payouts_store.bank_event(self.table, what)
        if event is not None:
            yield Found(what, keys.BANK_EVENT.entity, "an event of the bank", None, event.outcome)

    def _at_exchange(self, what: str) -> Iterator[Found]:
        """Exchanges count their orders by market, so each market is asked for: a read for each asset, and for one that
        was renamed there by both names."""
        if AN_EXCHANGES_ID.fullmatch(what) is None:
            return
        by_asset = Catalogue(self.table, self.now).symbols().by_asset
        symbols = sorted({*by_asset, *by_asset.values()})
        for exchange in self.exchanges:
            for symbol in symbols:
                booked = exchange_orders.by_exchange_id(self.table, exchange, symbol, what)
                if booked is not None:
                    yield from self._thing(booked.order.order_id, f"an order of {symbol} at {exchange}")

    def _of_custody(self, what: str) -> Iterator[Found]:
        try:
            snapshot_id = str(UUID(what))
        except ValueError:
            return
        yield from self._thing(incoming_id(snapshot_id), "the custody's snapshot")

    def _client(self, what: str) -> Iterator[Found]:
        for row in (keys.CRYPTO_CLIENT, keys.BANKING_CLIENT):
            yield from self._thing(row.id_of(row(client_id=what)), "a client")

    def _of_billing(self, what: str) -> Iterator[Found]:
        contract = store.named_outside(self.table, keys.CONTRACT(contract_id=what))
        if contract is not None:
            account = keys.BILLING_ACCOUNT(dealer_id=str(contract.dealer_id), type=str(contract.type))
            yield from self._thing(keys.BILLING_ACCOUNT.id_of(account), "the billing system's contract")
        invoice = store.named_outside(self.table, keys.INVOICE(invoice_id=what))
        if invoice is not None:
            yield from self._thing(str(invoice.bill_id), "the billing system's invoice")
