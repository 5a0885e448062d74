"""What an exchange calls a coin, where that is not our name for it: asked by its name, understood by ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from common.domain.catalogue.model import Symbols, SymbolTaken
from common.gateways.exchange import ExchangeOrderUnknown, MarketUnknown, OrderReport, Ticket
from common.money import Quantity
from common.owner import Owner
from functions.orders.service import marks
from tests.desk import Desk
from tests.seen import coins, status


@dataclass
class Renames:
    """An exchange that calls SOL otherwise."""

    inner: Any
    called: str = "SOLX"
    fee_in: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _ours(self, symbol: str) -> str:
        if symbol != self.called:
            raise MarketUnknown(f"there is no market {symbol}")
        return "SOL"

    def ticker(self, symbol: str) -> Any:
        return self.inner.ticker(self._ours(symbol))

    def rules(self, symbol: str) -> Any:
        return self.inner.rules(self._ours(symbol))

    def place(self, ticket: Ticket) -> Any:
        quantity = replace(ticket.quantity, asset_id=self._ours(ticket.quantity.asset_id))
        return self.inner.place(replace(ticket, quantity=quantity))

    def order(self, symbol: str, exchange_order_id: str) -> OrderReport:
        return self._told(symbol, lambda ours: self.inner.order(ours, exchange_order_id))

    def find(self, symbol: str, client_order_id: str) -> OrderReport:
        return self._told(symbol, lambda ours: self.inner.find(ours, client_order_id))

    def cancel(self, symbol: str, exchange_order_id: str) -> None:
        self.inner.cancel(self._ours(symbol), exchange_order_id)

    def _told(self, symbol: str, ask: Callable[[str], OrderReport]) -> OrderReport:
        report = ask(self._ours(symbol))
        fees = {self.called if coin == "SOL" else coin: fee for coin, fee in report.fees_elsewhere.items()}
        if self.fee_in is not None and report.executed.amount:
            fees = {self.fee_in: Decimal("0.001")}
        quantity, executed = (Quantity(part.amount, symbol) for part in (report.quantity, report.executed))
        return replace(report, quantity=quantity, executed=executed, fees_elsewhere=fees)


@pytest.fixture
def ann(desk: Desk) -> Owner:
    """She has half a SOL, bought before the exchange has renamed it."""
    desk.list_exchange_asset()
    ann = desk.customer("ann")
    desk.clients(ann)
    desk.purchase(ann, "50.00")
    desk.run()
    desk.world.bid("99", "1000", "SOLUSDT")
    return ann


def renamed(desk: Desk, **how: Any) -> Renames:
    desk.world.exchange = exchange = Renames(desk.world.fake, **how)
    desk.list_exchange_asset(exchange_symbol="SOLX")
    return exchange


def test_a_coin_is_sold_under_the_name_that_the_exchange_has_for_it(desk: Desk, ann: Owner) -> None:
    renamed(desk)
    sale = desk.cash_out(ann, "0.4", estimate="40.00", asset_id="SOL")
    desk.run()
    assert status(desk, sale.order_id) == "FILLED"
    assert coins(desk, ann, "SOL") == (Decimal("0.0995"), 0)
    assert desk.cross_checking.round(lambda: True).faults == 0


def test_a_coin_is_bought_under_it_and_its_fee_is_taken_from_what_was_bought(desk: Desk, ann: Owner) -> None:
    renamed(desk)
    bought = desk.purchase(ann, "50.00")
    desk.run()
    assert desk.purchases.purchase(ann, bought.order_id).executed == Quantity("0.4995", "SOL")
    assert coins(desk, ann, "SOL") == (Decimal("0.999"), 0)


def test_a_jumped_price_is_confirmed_in_the_market_of_that_name(desk: Desk, ann: Owner) -> None:
    exchange = renamed(desk)
    desk.jump("SOL", "50")
    jump = desk.catalogue.listing("SOL").jump
    assert jump is not None
    asked: list[str] = []
    exchange.ticker = lambda symbol: asked.append(symbol) or Renames.ticker(exchange, symbol)  # type: ignore[func-returns-value,method-assign]
    marks.confirm(desk.catalogue, {"SOL": jump.quote}, lambda: exchange, lambda: True)
    assert asked == ["SOLX"]


def test_an_order_is_asked_for_under_the_name_it_was_placed_with(desk: Desk, ann: Owner) -> None:
    """Under the new one the exchange may say that it knows none: that would give the hold back of what was sold."""
    desk.world.venue.cancel_all("others", "SOLUSDT")
    sale = desk.cash_out(ann, "0.4", estimate="40.00", asset_id="SOL")
    asked: list[str] = []

    class Moved(Renames):
        def _told(self, symbol: str, ask: Callable[[str], OrderReport]) -> OrderReport:
            asked.append(symbol)
            if symbol == "SOL":
                return ask(symbol)
            raise ExchangeOrderUnknown("no such order")

    desk.world.exchange = Moved(desk.world.fake)
    desk.list_exchange_asset(exchange_symbol="SOLX")
    order = desk.at_exchange.existing(sale.order_id, 1)
    assert desk.at_exchange.answers.executed(order).amount == 0
    assert asked == ["SOL"]


def test_a_fee_in_another_coin_is_booked_under_our_name_of_it(desk: Desk, ann: Owner) -> None:
    renamed(desk, fee_in="BNBX")
    desk.list_asset("BNB", exchange_symbol="BNBX")
    sale = desk.cash_out(ann, "0.4", estimate="40.00", asset_id="SOL")
    desk.run()
    assert status(desk, sale.order_id) == "FILLED"
    lines = [item["PK"]["S"] for item in desk.dynamo.items() if item["PK"]["S"].startswith("DESK#")]
    assert "DESK#BNB" in lines


def test_orders_of_one_number_in_two_markets_are_two_orders(desk: Desk, ann: Owner) -> None:
    """Exchanges count the orders of each market: the new one may begin with the numbers of the old one."""
    first = desk.cash_out(ann, "0.1", estimate="10.00", asset_id="SOL")
    before = desk.at_exchange.existing(first.order_id, 1).exchange_order_id
    exchange = renamed(desk)
    inner = exchange.place
    exchange.place = lambda ticket: inner(ticket) and before  # type: ignore[method-assign]
    second = desk.cash_out(ann, "0.1", estimate="10.00", asset_id="SOL")
    assert desk.at_exchange.existing(second.order_id, 1).exchange_order_id == before


class TestSymbols:
    names = Symbols({"LUNA": "LUNC", "LUNA2": "LUNA", "SOL": "SOL", "OLD": "NEW"})

    @pytest.mark.parametrize("asset_id", ["LUNA", "LUNA2", "SOL", "OLD", "BNB"])
    def test_there_and_back_is_the_same_coin(self, asset_id: str) -> None:
        assert self.names.here(self.names.there(asset_id)) == asset_id

    def test_a_coin_of_a_name_of_ours_that_is_called_otherwise_is_another(self) -> None:
        assert self.names.here("OLD") == "exchange.OLD"

    def test_two_assets_are_not_called_the_same(self, desk: Desk) -> None:
        desk.list_asset("AAA", exchange_symbol="BBB")
        save, rules = desk.interventions.list_asset, {"price_source_id": "b", "name": "B", "precision": 8}
        worth = {"min_notional": desk.payout_max, "max_notional": desk.payout_max}
        with pytest.raises(SymbolTaken):
            save("BBB", rules | worth, "new", "olga", dry_run=False)
        called_otherwise = rules | worth | {"exchange_symbol": "BB"}
        assert desk.confirmed(save("BBB", called_otherwise, "new", "olga", dry_run=False)).done
        with pytest.raises(SymbolTaken):
            desk.interventions.change_asset("BBB", {"exchange_symbol": "BBB"}, "renamed", "olga", dry_run=True)
