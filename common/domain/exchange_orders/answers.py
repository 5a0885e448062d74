"""What the exchange says of an order of ours, and whether it is believed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from common.domain.catalogue.model import Symbols
from common.domain.exchange_orders.model import ExchangeOrder, Fill, doubt
from common.gateways.exchange import Exchange, ExchangeOrderUnknown, ExchangeUnavailable, OrderReport, Side
from common.log import count, log
from common.money import EXACT, Quantity

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")  # of an order, as exchanges make them


class NotBelieved(Exception):
    """What the exchange reports of an order of ours can not be true."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NotWritten(Exception):
    """What has become of an order of ours can not be written down, and a repetition would fail for ever: its hold is
    not there, its account is another's, an amount has more digits than there is room for. `fill` is what the exchange
    reports, None where nothing was filled."""

    def __init__(self, why: str, fill: Fill | None = None) -> None:
        super().__init__(why)
        self.why, self.fill = f"what has become of it can not be written down: {why}", fill


@dataclass(frozen=True)
class Answers:
    """What the exchange answers when it is asked about an order. It is asked by its own names of coins, and understood
    by ours."""

    exchange: Callable[[], Exchange]
    symbols: Callable[[], Symbols]

    def report(self, order: ExchangeOrder) -> OrderReport:
        """The order as the exchange has it, asked for by either id.

        Raises ExchangeUnavailable, also when this desk trades at another exchange by now: what that says of an order
        that it never had means nothing; ExchangeOrderUnknown: it knows neither id; NotBelieved.
        """
        try:
            return _believed(order, in_our_names(order, self._any_report(order), self.symbols))
        except ExchangeUnavailable as trouble:
            if trouble.facts.get("what") != "not_believed":
                raise
            raise NotBelieved(trouble.detail) from trouble  # the adapter has seen it, and it is counted

    def _any_report(self, order: ExchangeOrder) -> OrderReport:
        """What the exchange reports, believable or not."""
        exchange = self.exchange()
        if exchange.name != order.exchange:
            raise ExchangeUnavailable(
                f"the order is at {order.exchange}, and this desk trades at {exchange.name}", id=order.order_id
            )
        if order.exchange_order_id is not None:
            try:
                return exchange.order(order.symbol, order.exchange_order_id)
            except ExchangeOrderUnknown:
                log.info("unknown by the exchange's own id", extra={"order_id": order.order_id})
        return exchange.find(order.symbol, order.client_order_id)

    def cancel(self, order: ExchangeOrder, report: OrderReport) -> None:
        """Raises ExchangeUnavailable, also when the exchange does not know what it has just reported."""
        try:
            self.exchange().cancel(order.symbol, report.exchange_order_id)
        except ExchangeOrderUnknown as unknown:
            raise contradiction(order) from unknown

    def cancel_rest(self, order: ExchangeOrder, exchange_order_id: str | None) -> None:
        """Cancel what may still rest of an order that has ended for us, since it would fill for nobody. The exchange is
        asked once, and only the one where the order is; nothing depends on its answer."""
        if exchange_order_id is None or self.exchange().name != order.exchange:
            return
        try:
            self.exchange().cancel(order.symbol, exchange_order_id)
        except (ExchangeOrderUnknown, ExchangeUnavailable) as silent:
            log.warning("may still rest at the exchange", extra={"order_id": order.order_id, "why": silent.detail})

    def executed(self, order: ExchangeOrder) -> Quantity:
        """What the exchange has executed of an OPEN order so far. Raises ExchangeUnavailable, also when what it says is
        not believed."""
        try:
            return self.report(order).executed
        except ExchangeOrderUnknown as unknown:
            raise contradiction(order) from unknown
        except NotBelieved as lie:
            raise _unbelievable(order, lie) from lie

    def is_lost(self, order: ExchangeOrder, now: datetime) -> bool:
        """Has the exchange forgotten an order that it had accepted? Not before it is overdue, and only when it knows
        neither id of it.

        Raises ExchangeUnavailable.
        """
        if not order.may_be_lost(now):
            return False
        try:
            self.report(order)
        except ExchangeOrderUnknown:
            return True
        except NotBelieved as lie:
            raise _unbelievable(order, lie) from lie
        return False


def in_our_names(order: ExchangeOrder, report: OrderReport, symbols: Callable[[], Symbols]) -> OrderReport:
    """The report, with our names of the coins. The order's own name is that of when it was placed; the catalogue is
    asked for others only."""

    def ours(symbol: str) -> str:
        return order.quantity.asset_id if symbol == order.symbol else symbols().here(symbol)

    fees: dict[str, Decimal] = {}
    for symbol, fee in report.fees_elsewhere.items():
        fees[ours(symbol)] = EXACT.add(fees.get(ours(symbol), Decimal(0)), fee)
    return replace(
        report,
        quantity=replace(report.quantity, asset_id=ours(report.quantity.asset_id)),
        executed=replace(report.executed, asset_id=ours(report.executed.asset_id)),
        fees_elsewhere=fees,
    )


def _believed(order: ExchangeOrder, report: OrderReport) -> OrderReport:
    """The report. Raises NotBelieved: it is of another order than ours, or of a fill that can not be."""
    exchange_order_id = believed_id(order, report.exchange_order_id)
    side = Side.BUY if order.buys else Side.SELL
    if (report.side, report.quantity) != (side, order.quantity):
        raise not_believed(order, f"it is another order, to {report.side} {report.quantity}", report)
    if order.exchange_order_id not in (None, exchange_order_id):
        raise not_believed(
            order, f"it is the exchange's order {exchange_order_id}, not {order.exchange_order_id}", report
        )
    if report.client_order_id not in (None, order.client_order_id):
        raise not_believed(order, f"it is another order, of client order id {report.client_order_id}", report)
    why = doubt(order, fill_of(report))
    if why is not None:
        raise not_believed(order, why, report)
    return report


def believed_id(order: ExchangeOrder, exchange_order_id: str) -> str:
    """The id. Raises NotBelieved: no exchange makes such ids."""
    if not _ID.fullmatch(exchange_order_id):
        raise not_believed(order, f"{exchange_order_id[:80]!r} is no id of an order")
    return exchange_order_id


def fill_of(report: OrderReport) -> Fill:
    return Fill(report.state, report.executed, report.gross, report.fee, report.fees_elsewhere)


def not_believed(order: ExchangeOrder, why: str, report: OrderReport | None = None) -> NotBelieved:
    """The error to raise; it is counted and logged here, with all that was reported."""
    count("FillsNotBelieved")
    log.error("not believed", extra={"order_id": order.order_id, "why": why, "report": str(report)})
    return NotBelieved(f"what {order.exchange} says of client order id {order.client_order_id} is not believed: {why}")


def _unbelievable(order: ExchangeOrder, lie: NotBelieved) -> ExchangeUnavailable:
    """To those who only ask, and decide nothing, what is not believed is no answer."""
    return ExchangeUnavailable(lie.why, id=order.order_id)


def contradiction(order: ExchangeOrder) -> ExchangeUnavailable:
    """Neither of the exchange's two answers decides: it has the order, and it knows of none."""
    return ExchangeUnavailable("the exchange does not know an order that it gave us", id=order.order_id)
