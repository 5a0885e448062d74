"""What the desk's account at the exchange has done on a day: its orders, market by market, held against those that we
have placed. What came in and went out, there and at the trading accounts, is `comparing_funds`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from common.domain.catalogue.model import Symbols
from common.domain.comparisons import EXCHANGE
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders.answers import in_our_names
from common.domain.exchange_orders.model import BY_EVIDENCE, ExchangeOrder, Status, fees_text
from common.domain.exchange_orders.store import Booked
from common.gateways.exchange import Exchange, ExchangeOrderUnknown, MarketUnknown, OrderReport, Reports, Side, State
from common.log import log
from common.money import ZERO, Money, Quantity
from common.table.table import Table
from functions.operations.service.comparing_days import NOBODYS, Told
from functions.operations.service.comparing_funds import FUNDS, ComparingFunds

MARKED_AT_ONCE = 50  # orders, in one transaction
_GIVEN_UP = (Status.REFUSED, Status.NEVER, Status.LOST, Status.ABSENT)


@dataclass(frozen=True)
class ExchangeSide:
    """`pace` is before each page: what an exchange takes of requests is for those who sell and buy."""

    table: Table
    exchange: Callable[[], Exchange]
    symbols: Callable[[], Symbols]
    pause: Callable[[], None]  # between two looks at the same
    pace: Callable[[], None]
    now: Callable[[], datetime]
    funds: ComparingFunds
    of: str = EXCHANGE
    things: str = "orders"

    def part(self, day: date, after: str | None) -> tuple[Sequence[Told], str | None]:
        """See `Side.part`. A place is an asset, and one in the list of its market; the last ones are those of `funds`.
        Raises ExchangeUnavailable, TableUnavailable, Busy."""
        place, _, behind = (after or "").partition(" ")
        assets = sorted(self.symbols().by_asset)
        ahead = [each for each in (*assets, *self.funds.places()) if each >= place]
        if not ahead:
            return [], None
        here, *others = ahead
        following = others[0] if others else None
        if here.startswith(FUNDS):
            self.pace()
            return self.funds.told(here, day), following
        if here != place:  # which is an asset no more
            behind = ""
        told, on = self._market(self.symbols().there(here), day, behind or None)
        return told, following if on is None else f"{here} {on}"

    def _market(self, symbol: str, day: date, behind: str | None) -> tuple[list[Told], str | None]:
        self.pace()
        try:
            page = self.exchange().orders(symbol, day, behind)
        except MarketUnknown as no:
            log.info("no market to compare", extra={"symbol": symbol, "why": no.detail})
            return [], None
        ours = {report.exchange_order_id: self._ours(symbol, report) for report in page.items}
        self._mark([booked for booked in ours.values() if booked is not None])
        told = [self._held_against(report, ours[report.exchange_order_id]) for report in page.items]
        if any(each.why is not None for each in told):  # both sides may have moved since they were read
            self.pause()
            again = self.exchange().orders(symbol, day, behind)
            told = [each if each.why is None else self._once_more(symbol, each, again) for each in told]
        return told, page.after

    def _once_more(self, symbol: str, before: Told, again: Reports) -> Told:
        report = next((report for report in again.items if report.exchange_order_id == before.their_id), None)
        if report is None:  # a list that goes on meanwhile is another one at the same place
            try:
                report = self.exchange().order(symbol, before.their_id)
            except ExchangeOrderUnknown:
                return replace(before, why=f"{before.why}; and asked once more, it does not know it", certain=False)
        found = self._held_against(report, self._ours(symbol, report))
        return replace(found, certain=found.why == before.why)

    def _ours(self, symbol: str, report: OrderReport) -> Booked | None:
        return exchange_orders.by_exchange_id(self.table, self.exchange().name, symbol, report.exchange_order_id)

    def _mark(self, told: Sequence[Booked]) -> None:
        """Those that are in its list, so that those which are not can be found."""
        new, at = [booked.order for booked in told if not booked.listed], self.now()
        for begin in range(0, len(new), MARKED_AT_ONCE):
            self.table.write(*(exchange_orders.listed(one, at) for one in new[begin : begin + MARKED_AT_ONCE]))

    def _held_against(self, report: OrderReport, booked: Booked | None) -> Told:
        if booked is not None:
            report = in_our_names(booked.order, report, self.symbols)
        return Told(
            their_id=report.exchange_order_id,
            asset_id=report.quantity.asset_id,
            whose=NOBODYS if booked is None else booked.order.order_id,
            there=report.gross.usd,
            booked=(ZERO if booked is None or booked.fill is None else booked.fill.gross).usd,
            why=_wrong(report, booked),
        )


def _wrong(report: OrderReport, booked: Booked | None) -> str | None:
    """What the two say that can not be so together. One that is not decided here is asked for by its machine."""
    if booked is None:
        if report.state is State.REJECTED and not report.executed.amount:
            return None  # it was never an order
        return f"{_words(report)}, which no order of ours is"
    order, fill = booked.order, booked.fill
    if order.exchange_order_id not in (None, report.exchange_order_id):
        return None  # a second one of the same ids: it was told when it was found
    if order.evidence is not None and (fill is None or fill.state == BY_EVIDENCE):
        return None  # two operators have said what there is of it
    if (report.side, report.quantity) != (Side.BUY if order.buys else Side.SELL, order.quantity):
        return f"{_words(report)}, and we have placed {_placed(order)}"
    if fill is None:
        given_up = order.status in _GIVEN_UP and report.executed.amount
        return f"{_words(report)}, and we have it as {order.status}" if given_up else None
    if not report.final:
        return f"{_words(report)}, and we have it as ended"
    there = (report.executed, report.gross, report.fee, fees_text(_some(report.fees_elsewhere)))
    here = (fill.executed, fill.gross, fill.fee, fees_text(_some(fill.fees_elsewhere)))
    if there != here:
        return f"{_words(report)}, and we have booked {_came_to(*here)}"
    return None


def _words(report: OrderReport) -> str:
    came_to = _came_to(report.executed, report.gross, report.fee, fees_text(_some(report.fees_elsewhere)))
    under = "" if report.client_order_id is None else f" under {report.client_order_id[:40]}"
    return f"{report.side} {report.quantity}{under}, {report.state}: {came_to}"


def _came_to(executed: Quantity, gross: Money, fee: Money, elsewhere: str) -> str:
    fees = ", ".join(filter(None, [f"${fee}", elsewhere]))
    return f"{executed} for ${gross}, fees {fees}"


def _placed(order: ExchangeOrder) -> str:
    return f"{Side.BUY if order.buys else Side.SELL} {order.quantity}"


def _some(fees: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {asset_id: fee for asset_id, fee in fees.items() if fee}
