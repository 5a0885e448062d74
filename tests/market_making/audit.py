"""What the tests of market making ask of a market besides: whose money is where, and who sees to what waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from common import keys
from common.domain import work
from common.domain.comparisons import Verdict
from functions.market_making import account_store, store
from functions.market_making.model import Order, Status, order_id
from sandbox.mixin.assets import amount_of
from tests.market_making.market import ACCOUNT, ANN, BOB, ORDER, US, Market

Amounts = dict[str, Decimal]


def desk_fees(market: Market) -> Amounts:
    """What the desk has earned, by asset."""
    lines = [item for item in market.dynamo.items() if item["entity_type"]["S"] == keys.DESK_TRANSACTION.entity]
    earned: Amounts = {}
    for line in lines:
        asset_id = line["PK"]["S"].rsplit("#", 1)[-1]
        earned[asset_id] = earned.get(asset_id, Decimal(0)) + Decimal(line["amount"]["N"])
    return {asset_id: amount for asset_id, amount in earned.items() if amount}


def in_custody(market: Market) -> Amounts:
    """What the desk has at the custody, earned or of others."""
    return market.has(US)


def at_exchange(market: Market) -> Amounts:
    market.exchange.wallet.settle()
    balances = market.exchange.venue.balances(ACCOUNT)
    return {coin: sum(held, Decimal(0)) for coin, held in balances.items() if sum(held, Decimal(0))}


def paid(market: Market, *payers: str) -> Amounts:
    """What members have sent us, by asset."""
    found: Amounts = {}
    for snapshot in market.safe.snapshots(US, None, None, 10**6):
        if snapshot.units > 0 and snapshot.opponent in (payers or (ANN, BOB)):
            asset_id = snapshot.asset_id
            found[asset_id] = found.get(asset_id, Decimal(0)) + amount_of(snapshot.units)
    return found


def has_all_back(market: Market, *payers: str) -> bool:
    """To the last digit; and the desk has earned nothing, and keeps nothing."""
    each = payers or (ANN,)
    return all(market.has(payer) == paid(market, payer) for payer in each) and not in_custody(market)


def room_taken(market: Market) -> int:
    return account_store.account(market.table, ACCOUNT).orders


def sweep(market: Market) -> None:
    """See to it that the machine of what is due runs, as the sweeper does."""
    for waiting in list(work.due(market.table, keys.MARKET_MAKING_ORDER.backlog, market.clock())):
        work.drive_now(market.table, market.machines, waiting.key, market.clock())


def live(market: Market, minutes: float, until: Callable[[], bool] = lambda: False) -> None:
    """Time passes, and each minute the sweeper looks. Then nothing shows that the custody has other than what is
    booked."""
    end = market.clock.at + timedelta(minutes=minutes)
    while market.clock.at < end and not until():
        market.run(min(1.0, (end - market.clock.at) / timedelta(minutes=1)), until)
        sweep(market)
    assert not market.bugs
    assert market.custody.down or not off(market)


def off(market: Market) -> list[str]:
    """Where the custody has other than what is booked."""
    comparing = market.comparing_with(lambda: market.run(1))
    return [str(line) for line in comparing.compare().those(Verdict.OFF)]


def live_until(market: Market, status: Status, uuid: UUID = ORDER, minutes: float = 6) -> Order:
    """The order, which has got there in time."""

    def is_there() -> bool:
        order = store.find(market.table, order_id(uuid))
        return order is not None and order.status is status

    live(market, minutes, is_there)
    assert market.order(uuid).status is status
    return market.order(uuid)


def go_on(market: Market) -> None:
    """A person lets all go on that waits for one: orders and transfers."""
    for row in (keys.MARKET_MAKING_ORDER, keys.OUTGOING):
        for waiting in list(work.for_people(market.table, row.backlog)):
            item = work.find(market.table, waiting.key)
            assert item is not None
            market.table.write(work.redriven(item, market.clock()))
            work.drive_now(market.table, market.machines, waiting.key, market.clock())


def people_told(market: Market) -> list[str]:
    """What waits for a person, and why."""
    rows = (keys.MARKET_MAKING_ORDER, keys.OUTGOING, keys.SNAPSHOT)
    return [waiting.waits_for for row in rows for waiting in work.for_people(market.table, row.backlog)]


def items(market: Market) -> list[dict[str, Any]]:
    """Everything in the table, but when it was written."""
    return sorted(
        ({name: value for name, value in item.items() if name != "updated_at"} for item in market.dynamo.items()),
        key=str,
    )


class Meanwhile:
    """The table, before whose next write something else happens, once: another process is faster."""

    def __init__(self, market: Market, happens: Callable[[], object]) -> None:
        self._market, self._happens = market, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market.dynamo, name)

    def transact_write_items(self, **asked: Any) -> Any:
        if self._market.client is self:
            self._market.client = None
            self._happens()
        return self._market.dynamo.transact_write_items(**asked)


def meanwhile(market: Market, happens: Callable[[], object]) -> None:
    market.client = Meanwhile(market, happens)
