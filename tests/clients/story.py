"""What a customer and a dealers' system do, by the Python client that `make clients` makes: typed, and told nothing
that is not in the API's document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar

from cryptodesk_client import AuthenticatedClient
from cryptodesk_client.api.accounts import balance, deposit, open_account
from cryptodesk_client.api.billing import (
    bill,
    close_deal,
    create_bill,
    dealer_statement_as_csv,
    dealer_statement_as_pdf,
    register,
)
from cryptodesk_client.api.cash_out import sell, sell_order
from cryptodesk_client.api.holdings import portfolio
from cryptodesk_client.api.market_making import (
    market_making_order,
    open_market_making,
    pairs,
    stop_market_making,
    withdraw_market_making,
)
from cryptodesk_client.api.orders import place
from cryptodesk_client.api.purchases import buy, purchase, sale, sell_coins
from cryptodesk_client.models import (
    AccountsTransferView,
    Amount,
    BalanceView,
    BillAsked,
    BillingRegistration,
    BillView,
    ClosedDeal,
    DealerView,
    DealView,
    MarketMakingOrderView,
    MarketMakingRequest,
    Operation,
    OrderRequest,
    OrderView,
    PairList,
    PayerKind,
    PortfolioView,
    Problem,
    PurchaseRequest,
    PurchaseView,
    QuotingOrderView,
    RequisitesBody,
    SaleRequest,
    SaleView,
    SellOrderView,
    SellRequest,
    Side,
    UserView,
)
from cryptodesk_client.types import File

from tests.common.test_requisites import COMPANY

T = TypeVar("T")


def played(url: str) -> None:
    """Raises AssertionError where it does not go as it should."""
    keys = (f"key-{number}" for number in count())
    with AuthenticatedClient(url, "ann") as ann, AuthenticatedClient(url, "cme") as cme:
        _customer(ann, lambda: next(keys))
        _dealer(cme)


def _customer(ann: AuthenticatedClient, key: Callable[[], str]) -> None:
    assert _is(UserView, open_account.sync(client=ann)).username == "ann"
    thousand = Amount(amount="1000.00")
    assert _is(AccountsTransferView, deposit.sync(client=ann, body=thousand, idempotency_key="d")).amount == "1000.00"
    assert _is(AccountsTransferView, deposit.sync(client=ann, body=thousand, idempotency_key="d")).amount == "1000.00"
    assert _is(BalanceView, balance.sync(client=ann)).current_balance == "1000.00"
    _outside(ann, "allow", username="ann")

    two = OrderRequest(asset_id="BTC", order_type=Side.BUY, quantity="2")
    bought = _is(OrderView, place.sync(client=ann, body=two, idempotency_key=key()))
    assert (bought.status, bought.total_amount) == ("COMPLETED", "200.00")
    too_much = OrderRequest(asset_id="BTC", order_type=Side.BUY, quantity="20")
    refused = _is(Problem, place.sync(client=ann, body=too_much, idempotency_key=key()))
    assert (refused.type_, refused.status) == ("/problems/InsufficientFunds", 409)

    asked = PurchaseRequest(asset_id="SOL", quote_amount="50.00")
    order_id = _is(PurchaseView, buy.sync(client=ann, body=asked, idempotency_key=key())).order_id
    _outside(ann, "wait")
    assert _is(PurchaseView, purchase.sync(order_id, client=ann)).executed_quantity == "0.4995"
    all_of_it = SaleRequest(asset_id="SOL", quantity="all")
    order_id = _is(SaleView, sell_coins.sync(client=ann, body=all_of_it, idempotency_key=key())).order_id
    _outside(ann, "wait")
    assert _is(SaleView, sale.sync(order_id, client=ann)).total_amount == "49.85"

    half = SellRequest(
        asset_id="BTC",
        quantity="0.5",
        estimated_amount="50.00",
        crypto_client_id="ann-crypto",
        banking_client_id="ann-bank",
    )
    order_id = _is(SellOrderView, sell.sync(client=ann, body=half, idempotency_key=key())).order_id
    _outside(ann, "wait")
    assert _is(SellOrderView, sell_order.sync(order_id, client=ann)).status == "FILLED"
    assert _is(PortfolioView, portfolio.sync(client=ann)).asset_balances[0].quantity == "1.5"

    (pair,) = _is(PairList, pairs.sync(client=ann)).items
    wanted = MarketMakingRequest(pair=pair.pair, base_quantity="0.1", quote_quantity="5000")
    making = _is(MarketMakingOrderView, open_market_making.sync(client=ann, body=wanted, idempotency_key=key()))
    for transfer in making.transfers:
        _outside(ann, "pay", asset_id=transfer.asset_id, quantity=transfer.quantity, memo=making.memo)
    _outside(ann, "wait", minutes=5)
    assert _is(QuotingOrderView, market_making_order.sync(making.order_id, client=ann)).status == "created"
    assert _is(MarketMakingOrderView, stop_market_making.sync(making.order_id, client=ann)).status == "stopping"
    _is(MarketMakingOrderView, withdraw_market_making.sync(making.order_id, client=ann))


def _dealer(cme: AuthenticatedClient) -> None:
    requisites = RequisitesBody(**{**vars(COMPANY), "kind": PayerKind.COMPANY})
    dealer = BillingRegistration(
        cme_dealer_id="cme-7",
        requisites=requisites,
        offer_version="2026-11",
        offer_accepted_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
    )
    assert _is(DealerView, register.sync(client=cme, body=dealer)).status == "REGISTERED"
    deal = ClosedDeal(deal_id="deal", cme_dealer_id="cme-7", price="1000000.00")
    assert _is(DealView, close_deal.sync(client=cme, body=deal)).commission == "25000.00"
    _outside(cme, "wait")
    reward = BillAsked(operation=Operation.GET_REWARD, cme_dealer_id="cme-7", deal_id="deal")
    billed = _is(BillView, create_bill.sync(client=cme, body=reward))
    _outside(cme, "pay-bill", bill_id=billed.bill_id)
    paid = _is(BillView, bill.sync(billed.bill_id, client=cme))
    assert (paid.status, paid.paid_sum) == ("PAID", "25000.00")
    assert "25000.00" in _is(str, dealer_statement_as_csv.sync("cme-7", "2026-11", client=cme))
    document = _is(File, dealer_statement_as_pdf.sync("cme-7", "2026-11", client=cme))
    assert document.payload.read().startswith(b"%PDF")


def _is(kind: type[T], told: object) -> T:
    assert isinstance(told, kind), told
    return told


def _outside(client: AuthenticatedClient, what: str, **told: object) -> None:
    assert client.get_httpx_client().post(f"/outside/{what}", json=told).is_success
