"""A desk with something of everything in it, and one good request for every route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from common import keys
from common.domain import dealer_refunds
from common.domain.clients import ClientKind
from common.domain.dealer_refunds import Refund
from common.gateways.bank import Adjustment, BankEvent, State
from common.money import Money
from common.owner import Owner
from functions.billing import payment_store, refund_store, reminder_store, store
from functions.billing.model import AccountType, Operation, receipt_id, receipt_id_of
from functions.billing.store import account_id
from functions.notifications.model import Change
from functions.orders.model import Side, Terms
from infra.contexts import Route
from sandbox.bank.webhooks import body_of
from tests.billing.dealership import CME_ID, DEAR
from tests.common.test_requisites import COMPANY
from tests.desk import Desk
from tests.doors import ROUTES, Answer, Client, Doors, Token
from tests.market_making.market import ACCOUNT, ANN, BOB, BTC, PAIR, USDT
from tests.market_making.written import CAME, CAMPAIGN, PAYABLE, Written
from tests.seen import a_stray

OPERATIONS, BILLING = "/operations/", "/billing/"
PARKED = "evt_of_nothing_that_we_sent"
OTHER_CME_ID = "cme-8"


@dataclass(frozen=True)
class World:
    """Ann trades; Bob has an account, too, and nothing to do with her. What is named here is hers.

    `pending` and `sale` rest in the book, `bought` is done, `quote` is not used. `withdrawal` is not yet begun to be
    paid, `paying` is with the bank, which has decided it: `told` is what its webhook says. Of the cash-outs
    `cashed_out` is filled, `unsold` stays open at the exchange, the bank has rejected all payouts of `unpaid` and has
    never decided those of `unanswered` and `stuck`, of which the machine has died. `purchase` waits in a pool, and so
    does `sold`, of sales; `batch` is of a purchase that is not placed yet. `recurring` waits for its date, and so does
    `unwanted`; `resting` is paused.

    Bob's are two cash-outs that operators decide: `overdue` is open at the exchange, its machine dead; of `claimed`,
    which the bank does not decide, `proposal` says what it has paid. Dora's is `large`, over the limit of a payout.
    `stray` is nobody's. Nothing of what Fred has is held. Of Ann's webhooks to `endpoint`, `delivery` has come there,
    and `telling` waits. What there is of market making, Ann's, is `written`.
    """

    desk: Desk
    bought: str
    quote: str
    pending: str
    sale: str
    withdrawal: str
    paying: str
    told: bytes
    cashed_out: str
    unsold: str
    unpaid: str
    stuck: str
    unanswered: str
    purchase: str
    batch: str
    sold: str
    recurring: str
    resting: str
    unwanted: str
    overdue: str
    claimed: str
    large: str
    proposal: str
    stray: str
    written: Written
    bill: str
    payment: str
    poison: str
    taken: str
    total: str
    reminder: str
    refund: str
    held: str
    leaving: str
    gone: str
    asked: str
    endpoint: str
    delivery: str
    telling: str

    def __getattr__(self, name: str) -> str:
        """What market making has: see there."""
        if name == "written":
            raise AttributeError(name)
        there: str = getattr(self.written, name)
        return there

    @property
    def ids(self) -> tuple[str, ...]:
        resting = (self.quote, self.pending, self.sale)
        orders = (self.bought, *resting, self.cashed_out, self.unsold, self.unpaid, self.stuck)
        paid = (self.unanswered, self.withdrawal, self.paying)
        bought = (self.purchase, self.sold, self.batch, *self.plans)
        return (*orders, *paid, *bought, *self.written.ids)

    @property
    def plans(self) -> tuple[str, ...]:
        return (self.recurring, self.resting, self.unwanted)

    @staticmethod
    @cache
    def kept() -> World:
        """The one of this process, as it was made: for tests that are `APART`."""
        return World.made()

    @classmethod
    def made(cls) -> World:
        desk = Desk()
        desk.list_asset("BTC", "100")
        desk.list_asset("AI", "10")
        desk.list_asset("ETH", "100")
        desk.list_exchange_asset("SOL", "100")
        desk.halt("market-making", "ETH")
        ann, bob = desk.customer("ann", usd="5000.00"), desk.customer("bob", usd="500.00")
        for owner in (ann, bob):
            desk.clients(owner)
        bought = desk.buy(ann, "2")
        desk.buy(ann, "3", "AI")
        desk.sell(ann, "0.5")
        desk.buy(bob, "1")
        overdue = desk.cash_out(bob, "0.0555").order_id
        desk.world.machines.kill(desk.world.machines.executions[-1].arn)
        desk.rules = replace(desk.rules, withdrawal_limit=Money(20_000))
        dora = desk.customer("dora", usd="11000.00")
        desk.clients(dora)
        desk.buy(dora, "101")
        large = desk.cash_out(dora, "101").order_id
        fred = desk.customer("fred", usd="100.00")
        desk.account("fred", "acc-fred")
        desk.customer("gus")
        desk.buy(fred, "0.5")
        cashed_out = [desk.cash_out(owner, "0.25").order_id for owner in (ann, bob)]
        desk.run(sweep=False)
        bank = desk.world.simulated
        bank.set_outcome("refuse")
        unpaid = desk.cash_out(ann, "0.2").order_id
        desk.run(sweep=False)
        for asset_id, price in (("BTC", "100"), ("AI", "10"), ("SOL", "100")):  # all that has taken a while
            desk.mark(asset_id, price)
        bank.set_outcome("pending")
        unanswered, stuck = (desk.cash_out(ann, quantity).order_id for quantity in ("0.1", "0.2"))
        claimed = desk.cash_out(bob, "0.2").order_id
        desk.world.machines.run()
        (execution,) = [e for e in desk.world.machines.executions if e.name == stuck and e.running]
        desk.world.machines.kill(execution.arn)
        bank.set_outcome("complete")
        paying = desk.accounts.withdraw(ann, "p", Money("20.00"), "ann-bank").made.transfer_id
        desk.world.machines.run()
        desk.clock.forward(seconds=5)
        (credit,) = bank.settle()
        (event,) = bank.take_events()
        desk.events.receive(BankEvent(PARKED, _of_nothing(credit), event.at))
        desk.buy(bob, "1", order_price="90")
        desk.jump("ETH", "75.25")
        desk.cross_checking.round(lambda: True)  # before market making, whose items are only written down here
        bill = _billed(desk)
        made = cls(
            desk=desk,
            bought=bought.order_id,
            quote=desk.orders.quote(ann, "q", Terms("BTC", Side.BUY, quantity=Decimal(1))).made.quote_id,
            pending=desk.buy(ann, "1", order_price="90").order_id,
            sale=desk.sell(ann, "0.25", order_price="200").order_id,
            withdrawal=desk.accounts.withdraw(ann, "w", Money("40.00"), "ann-bank").made.transfer_id,
            paying=paying,
            told=body_of(event, bank.record(credit.reference_id).resource()),
            cashed_out=cashed_out[0],
            unsold=desk.cash_out(ann, "0.0555").order_id,
            unpaid=unpaid,
            stuck=stuck,
            unanswered=unanswered,
            purchase=desk.purchase(ann, "4").order_id,
            sold=_for_sale(desk, ann),
            batch=desk.purchase(ann, "20").batch_id,
            recurring=_recurring(desk, ann),
            resting=_resting(desk, ann),
            unwanted=_recurring(desk, ann),
            overdue=overdue,
            claimed=claimed,
            large=large,
            proposal=_proposed(desk, claimed),
            stray=a_stray(desk, overdue),
            written=Written(desk.market, ann),
            bill=bill,
            payment=_parked(desk),
            poison=_poison(desk),
            taken=_taken(desk),
            total=_differing(desk),
            reminder=_overdue(desk, bill),
            refund=_contradicted(desk),
            held=desk.dealership.leaving("cme-held", moved=True),
            leaving=desk.dealership.leaving("cme-leaving"),
            gone=desk.dealership.active("cme-gone").dealer_id,
            asked=_asked(desk),
            **_listening(desk, ann),
        )
        desk.market.comparing_with(lambda: None).compare()
        desk.dealership.comparing.round(lambda: True)
        desk.comparing_bank.round(lambda: True)
        desk.comparing_exchange.round(lambda: True)
        desk.operators.own("fred", "by mistake", "vera", dry_run=False)
        return made


APART = pytest.mark.apart(made=World.kept)
HERE = pytest.mark.apart(made=None)
"""Among tests that are `APART`: one that leaves the world as it was needs no process of its own, which costs more than
most requests do."""


def _for_sale(desk: Desk, owner: Owner) -> str:
    """Some of the coins that somebody has are to be sold in a pool."""
    desk.bring(owner, "0.5")
    return desk.sale(owner, "0.04").order_id


def _recurring(desk: Desk, owner: Owner) -> str:
    """Its first date was skipped, for its limit; the next one is tomorrow."""
    plan_id = desk.recurring_buy(owner, "4", max_price="1").plan_id
    desk.buy_recurring()
    return plan_id


def _resting(desk: Desk, owner: Owner) -> str:
    plan_id = desk.recurring_buy(owner, "4", "monthly").plan_id
    return desk.recurring_buys.pause(owner, plan_id).plan_id


def _billed(desk: Desk) -> str:
    """A dealer with fast buyout, something on his deposit, and a bill, of a deal, that is not paid, though the car is;
    beside him another dealer, and a segment of dear cars."""
    dealership = desk.dealership
    dealership.active()
    dealership.active(OTHER_CME_ID)
    dealership.lists(DEAR)
    bill = dealership.buying().billed()
    car = dealership.bills.create(Operation.GET_SETTLEMENT, CME_ID, bill.deal_id, 800_000_00).made
    dealership.invoicing.create_invoice(car.bill_id)
    dealership.pay(800_000_00, dealership.bills.bill(car.bill_id))
    return bill.bill_id


def _listening(desk: Desk, owner: Owner) -> dict[str, str]:
    """A program listens, has been told of one order, and will be of another."""
    endpoint = desk.endpoints.register(owner, "e", "https://hooks.example.com/desk", []).made.endpoint
    for number in (1, 2):
        desk.deliveries.take(Change(owner, keys.ORDER.entity, f"O{number}", "COMPLETED", desk.clock()))
        if number == 1:
            desk.deliveries.deliver(lambda: True)
    waits, came = desk.endpoints.deliveries(owner, endpoint.endpoint_id).items
    return {"endpoint": endpoint.endpoint_id, "delivery": came.delivery_id, "telling": waits.delivery_id}


def _asked(desk: Desk) -> str:
    """A client that Dora has asked for, and that waits for an operator."""
    asked = desk.accounts.ask_for_client(Owner("dora", "sub-dora"), "c", ClientKind.BANKING, "acc-dora-2").made
    return f"{asked.client_id}:BANKING"


def _poison(desk: Desk) -> str:
    """A message of a payment that can not be read."""
    desk.dealership.payments.park(b"no JSON", "a message of a payment is not understood: not JSON")
    return receipt_id_of(b"no JSON")


def _taken(desk: Desk) -> str:
    """A payment of the other dealer, which lies on his account."""
    message = desk.dealership.message(70_00, contract_id=desk.dealership.account(OTHER_CME_ID).contract_id)
    desk.dealership.payments.take(message)
    return receipt_id(message.payment.payment_id)


def _parked(desk: Desk) -> str:
    """A payment of a dealer that names an invoice of nobody."""
    message = desk.dealership.message(100_00)
    payment = replace(message.payment, invoice_id="invoice-of-nobody")
    desk.dealership.payments.take(replace(message, payment=payment))
    return receipt_id(payment.payment_id)


def _overdue(desk: Desk, bill_id: str) -> str:
    """Somebody is to remind the dealer, as from the day after his bill was due."""
    bill = store.bill(desk.table, bill_id)
    later = desk.clock() + timedelta(days=400)
    desk.table.write(reminder_store.tell(bill, f"remind dealer {CME_ID}", later))
    return f"{bill_id}:REMINDER"


def _contradicted(desk: Desk) -> str:
    """What is to be paid back of the other dealer's account, and of which the billing system contradicts itself."""
    dealer = desk.dealership.dealers.dealer(OTHER_CME_ID)
    kind, version, at = AccountType.COMMISSION, dealer.requisites_version, desk.clock()
    refund = Refund(dealer.dealer_id, kind, 1, 1_00, version, "line 12", "olga, otto", at)
    desk.table.write(*dealer_refunds.agree(refund))
    desk.table.write(*refund_store.stops(refund, "it says no, and had said yes", at))
    return refund.refund_id


def _differing(desk: Desk) -> str:
    """An account of the other dealer, of which more is told than has come."""
    dealership, type_ = desk.dealership, AccountType.COMMISSION
    dealer_id = dealership.dealers.dealer(OTHER_CME_ID).dealer_id
    contract_id = store.account(desk.table, dealer_id, type_).contract_id
    dealership.message(7_00, contract_id=contract_id)
    dealership.payments.take(dealership.message(1_00, contract_id=contract_id))
    account, why = store.account(desk.table, dealer_id, type_), "8.00 are told, and 1.00 have come"
    desk.table.write(payment_store.differs(account, why, desk.clock()))
    return account_id(account)


def _proposed(desk: Desk, order_id: str) -> str:
    told = desk.proposals.propose(
        "work decide-payout", order_id, {"paid": "19.00"}, "line 11", "a fee", "otto", dry_run=False
    )
    return told.id


def _of_nothing(credit: Adjustment) -> Adjustment:
    return Adjustment("adj_of_nothing", f"W{'A' * 25}-01", credit.account_id, credit.amount, State.COMPLETED)


@dataclass(frozen=True)
class Call:
    """A request that Ann, for `/operations/` an operator, makes with success in a `World`. What the bank tells by its
    webhook is not here: it is the world's."""

    status: int = 200
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    thing: str = "pending"  # what of the world an id in the path names
    asset_id: str = "BTC"
    username: str = "ann"


_BECAUSE = {"reason": "wire 4711 received"}
_LOOKED_UP = {"reference": "ticket 4711", **_BECAUSE}
_CONFIGURED = {"bid_spread": "0.2", "ask_spread": "0.2", "order_amount": "0.01", "order_refresh_time": "30"}
WEBHOOK = Route("POST", "/webhooks/baas", open=True)

CALLS: Mapping[Route, Call] = {
    Route("POST", "/users"): Call(),
    Route("GET", "/me"): Call(),
    Route("GET", "/balance"): Call(),
    Route("POST", "/balance/deposits"): Call(201, {"amount": "25.00"}),
    Route("POST", "/balance/withdrawals"): Call(202, {"amount": "10.50", "banking_client_id": "ann-bank"}),
    Route("GET", "/balance/withdrawals"): Call(),
    Route("GET", "/balance/withdrawals/{transfer_id}"): Call(thing="withdrawal"),
    Route("GET", "/balance/holds"): Call(),
    Route("GET", "/clients"): Call(),
    Route("POST", "/clients"): Call(202, {"kind": "BANKING", "account_id": "acc-2"}),
    Route("GET", "/balance/transactions"): Call(),
    Route("POST", "/webhooks/endpoints"): Call(201, {"url": "https://hooks.example.com/other"}),
    Route("GET", "/webhooks/endpoints"): Call(),
    Route("DELETE", "/webhooks/endpoints/{endpoint_id}"): Call(thing="endpoint"),
    Route("POST", "/webhooks/endpoints/{endpoint_id}/rotate-secret"): Call(body={"secret_number": 1}, thing="endpoint"),
    Route("PATCH", "/webhooks/endpoints/{endpoint_id}"): Call(
        body={"url": "https://hooks.example.com/new"}, thing="endpoint"
    ),
    Route("POST", "/webhooks/endpoints/{endpoint_id}/test"): Call(201, thing="endpoint"),
    Route("GET", "/webhooks/endpoints/{endpoint_id}/deliveries"): Call(thing="endpoint"),
    Route("POST", "/webhooks/deliveries/{delivery_id}/replay"): Call(thing="delivery"),
    Route("GET", "/operations/users"): Call(),
    Route("GET", "/operations/customers/{username}"): Call(),
    Route("GET", "/operations/customers/{username}/moves"): Call(query={"amount": "200"}),
    Route("GET", "/operations/find"): Call(query={"what": "ann-bank"}),
    Route("GET", "/operations/pools"): Call(),
    Route("GET", "/operations/failures"): Call(query={"date": "2026-11-21"}),
    Route("POST", "/operations/users/{username}/deposits"): Call(body={"amount": "70.00", **_BECAUSE}),
    Route("POST", "/operations/users/{username}/tier"): Call(body={"tier": "GOLD", **_BECAUSE}),
    Route("POST", "/operations/users/{username}/forget"): Call(body=_BECAUSE, username="fred"),
    Route("POST", "/operations/users/{username}/own"): Call(body=_BECAUSE, username="gus"),
    Route("POST", "/operations/users/{username}/apart"): Call(
        body={"operator": "vera", "reference": "passport seen", **_BECAUSE}, username="fred"
    ),
    Route("POST", "/operations/users/{username}/move"): Call(
        body={"sub": "sub-of-another-fred", "reference": "ticket 4719", **_BECAUSE}, username="fred"
    ),
    Route("POST", "/operations/withdrawals/{transfer_id}/complete"): Call(body=_LOOKED_UP, thing="withdrawal"),
    Route("POST", "/operations/withdrawals/{transfer_id}/reject"): Call(body=_BECAUSE, thing="withdrawal"),
    Route("POST", "/operations/withdrawals/{transfer_id}/retry-payout"): Call(body=_BECAUSE, thing="withdrawal"),
    Route("POST", "/operations/withdrawals/{transfer_id}/abandon-attempt"): Call(body=_BECAUSE, thing="paying"),
    Route("POST", "/crypto/order/sell"): Call(
        body={
            "asset_id": "BTC",
            "quantity": "0.1",
            "estimated_amount": "10.00",
            "crypto_client_id": "ann-crypto",
            "banking_client_id": "ann-bank",
        }
    ),
    Route("GET", "/crypto/order/sell"): Call(),
    Route("GET", "/crypto/order/sell/{order_id}"): Call(thing="cashed_out"),
    WEBHOOK: Call(),
    Route("POST", "/operations/sell-orders/{order_id}/retry-payout"): Call(body=_BECAUSE, thing="unpaid"),
    Route("POST", "/operations/sell-orders/{order_id}/abandon-attempt"): Call(body=_BECAUSE, thing="unanswered"),
    Route("POST", "/operations/sell-orders/{order_id}/mark-filled"): Call(body=_LOOKED_UP, thing="unpaid"),
    Route("POST", "/operations/sell-orders/{order_id}/credit-usd"): Call(body=_BECAUSE, thing="unpaid"),
    Route("POST", "/operations/sell-orders/{order_id}/void"): Call(body=_BECAUSE, thing="unsold"),
    Route("POST", "/purchases"): Call(201, {"asset_id": "SOL", "quantity": "0.03"}),
    Route("GET", "/purchases/pools"): Call(),
    Route("GET", "/purchases/{order_id}"): Call(thing="purchase"),
    Route("POST", "/purchases/{order_id}/cancel"): Call(thing="purchase"),
    Route("POST", "/sales"): Call(201, {"asset_id": "SOL", "quantity": "0.03"}),
    Route("GET", "/sales/pools"): Call(),
    Route("GET", "/sales/{order_id}"): Call(thing="sold"),
    Route("POST", "/sales/{order_id}/cancel"): Call(thing="sold"),
    Route("POST", "/recurring-buys"): Call(201, {"asset_id": "SOL", "quantity": "0.03", "every": "weekly"}),
    Route("GET", "/recurring-buys"): Call(),
    Route("GET", "/recurring-buys/{plan_id}"): Call(thing="recurring"),
    Route("GET", "/recurring-buys/{plan_id}/dates"): Call(thing="recurring"),
    Route("PATCH", "/recurring-buys/{plan_id}"): Call(
        body={"version": 1, "quantity": "0.05", "max_price": None}, thing="recurring"
    ),
    Route("POST", "/recurring-buys/{plan_id}/pause"): Call(thing="recurring"),
    Route("POST", "/recurring-buys/{plan_id}/resume"): Call(thing="resting"),
    Route("POST", "/recurring-buys/{plan_id}/cancel"): Call(thing="unwanted"),
    Route("POST", "/operations/batches/{batch_id}/void"): Call(body=_BECAUSE, thing="batch"),
    Route("GET", "/status"): Call(),
    Route("GET", "/assets"): Call(),
    Route("GET", "/assets/{asset_id}"): Call(),
    Route("GET", "/assets/{asset_id}/prices"): Call(),
    Route("GET", "/assets/{asset_id}/transactions"): Call(),
    Route("POST", "/orders"): Call(201, {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.5"}),
    Route("POST", "/quotes"): Call(201, {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.5"}),
    Route("GET", "/quotes/{quote_id}"): Call(thing="quote"),
    Route("GET", "/orders"): Call(),
    Route("GET", "/orders/{order_id}"): Call(),
    Route("POST", "/orders/{order_id}/cancel"): Call(),
    Route("POST", "/orders/cancel-all"): Call(),
    Route("GET", "/balances"): Call(),
    Route("GET", "/balances/{asset_id}"): Call(),
    Route("GET", "/portfolio"): Call(),
    Route("GET", "/portfolio/history"): Call(),
    Route("GET", "/statements"): Call(),
    Route("GET", "/statements.csv"): Call(),
    Route("GET", "/statements/{month}"): Call(),
    Route("POST", "/operations/orders/{order_id}/fail"): Call(body=_BECAUSE),
    Route("GET", "/operations/catalogue"): Call(),
    Route("GET", "/operations/catalogue/{asset_id}"): Call(),
    Route("PATCH", "/operations/catalogue/{asset_id}"): Call(body={"min_notional": "10.00", **_BECAUSE}),
    Route("PUT", "/operations/catalogue/{asset_id}"): Call(
        body={
            "name": "Dogecoin",
            "precision": 8,
            "min_notional": "10.00",
            "max_notional": "100000.00",
            "execution": "INSTANT",
            "active": True,
            "price_source_id": "dogecoin",
            "price_age_max_seconds": 120,
            **_BECAUSE,
        },
        asset_id="DOGE",
    ),
    Route("GET", "/operations/operators"): Call(),
    Route("POST", "/operations/operators/{username}/sign-out"): Call(body=_BECAUSE, username="vera"),
    Route("POST", "/operations/operators/{username}/disable"): Call(body=_BECAUSE, username="vera"),
    Route("GET", "/operations/halts"): Call(),
    Route("POST", "/operations/flows/{flow}/halt"): Call(body=_BECAUSE),
    Route("POST", "/operations/flows/{flow}/lift"): Call(body=_BECAUSE),
    Route("GET", "/operations/work"): Call(),
    Route("GET", "/operations/work/{thing_id}"): Call(thing="stuck"),
    Route("GET", "/operations/machines"): Call(),
    Route("GET", "/operations/machines/{machine}"): Call(),
    Route("GET", "/operations/machines/{machine}/executions"): Call(),
    Route("POST", "/operations/work/{thing_id}/redrive"): Call(body=_BECAUSE, thing="stuck"),
    Route("POST", "/operations/work/{thing_id}/approve-payout"): Call(body=_BECAUSE, thing="large"),
    Route("POST", "/operations/work/{thing_id}/decide-order"): Call(
        body={"executed": "0.05", "gross": "5.00", "fee": "0.01", "reference": "order 47", **_BECAUSE},
        thing="overdue",
    ),
    Route("POST", "/operations/work/{thing_id}/decide-payout"): Call(
        body={"paid": "9.00", "reference": "statement 47, line 11", **_BECAUSE}, thing="unanswered"
    ),
    Route("POST", "/market-making/orders"): Call(
        201, {"pair": "BTC-USDT", "base_quantity": "0.1", "quote_quantity": "5000"}
    ),
    Route("POST", "/market-making/configurations/check"): Call(
        body={
            "pair": "BTC-USDT",
            "exchange": "binance",
            "configuration": _CONFIGURED,
            "base_quantity": "0.1",
            "quote_quantity": "5000",
        }
    ),
    Route("GET", "/market-making/orders"): Call(),
    Route("GET", "/market-making/orders/{order_id}"): Call(thing="quoting"),
    Route("PATCH", "/market-making/orders/{order_id}"): Call(
        body={"version": 1, "configuration": {"bid_spread": "0.1"}}, thing="running"
    ),
    Route("GET", "/market-making/orders/{order_id}/configuration"): Call(thing="running"),
    Route("GET", "/market-making/orders/{order_id}/performance"): Call(thing="running"),
    Route("GET", "/market-making/orders/{order_id}/performance/history"): Call(thing="running"),
    Route("GET", "/market-making/orders/{order_id}/book"): Call(thing="running"),
    Route("GET", "/market-making/orders/{order_id}/fills"): Call(thing="running"),
    Route("GET", "/market-making/orders/{order_id}/fills.csv"): Call(thing="running"),
    Route("POST", "/market-making/orders/{order_id}/pause"): Call(thing="running"),
    Route("POST", "/market-making/orders/{order_id}/resume"): Call(thing="paused"),
    Route("POST", "/market-making/orders/{order_id}/stop"): Call(thing="quoting"),
    Route("POST", "/market-making/orders/{order_id}/withdraw"): Call(thing="quoting"),
    Route("GET", "/market-making/pairs"): Call(),
    Route("POST", "/billing/dealers"): Call(
        201,
        {
            "cme_dealer_id": "cme-9",
            "requisites": {**asdict(COMPANY), "kind": "COMPANY"},
            "offer_version": "2026-11",
            "offer_accepted_at": "2026-11-20T12:00:00Z",
        },
    ),
    Route("GET", "/billing/dealers/{cme_dealer_id}"): Call(),
    Route("PUT", "/billing/dealers/{cme_dealer_id}/requisites"): Call(
        body={**asdict(COMPANY), "kind": "COMPANY", "inn": "7736207543", "name": "ООО «Преемник»"}
    ),
    Route("GET", "/billing/dealers/{cme_dealer_id}/bills"): Call(),
    Route("POST", "/billing/deals"): Call(
        201, {"deal_id": "deal-of-tomorrow", "cme_dealer_id": CME_ID, "price": "1000000.00"}
    ),
    Route("POST", "/billing/bills"): Call(
        body={"operation": "GET_REWARD", "cme_dealer_id": CME_ID, "deal_id": "deal-1"}
    ),
    Route("GET", "/billing/bills/{bill_id}"): Call(thing="bill"),
    Route("GET", "/billing/deals/{deal_id}"): Call(),
    Route("PATCH", "/billing/deals/{deal_id}"): Call(body={"price": "900000.00"}),
    Route("POST", "/billing/dealers/{cme_dealer_id}/fast-buyout"): Call(),
    Route("GET", "/billing/dealers/{cme_dealer_id}/fast-buyout"): Call(),
    Route("POST", "/billing/dealers/{cme_dealer_id}/deposit-release"): Call(202),
    Route("GET", "/billing/segments"): Call(),
    Route("PUT", "/operations/billing/segments/{segment_id}"): Call(
        body={"deposit_min": "100000.00", "price_max": "1000000.00", **_BECAUSE}
    ),
    Route("GET", "/billing/dealers/{cme_dealer_id}/statements/{month}"): Call(),
    Route("GET", "/billing/dealers/{cme_dealer_id}/statements/{month}/csv"): Call(),
    Route("GET", "/billing/dealers/{cme_dealer_id}/statements/{month}/pdf"): Call(),
    Route("GET", "/operations/market-making"): Call(),
    Route("GET", "/operations/market-making/{order_id}"): Call(thing="failed"),
    Route("GET", "/operations/market-making/{order_id}/fills"): Call(thing="running"),
    Route("POST", "/operations/market-making/{order_id}/stop"): Call(body=_BECAUSE, thing="quoting"),
    Route("POST", "/operations/market-making/{order_id}/withdraw"): Call(body=_BECAUSE, thing="quoting"),
    Route("POST", "/operations/market-making/{order_id}/halt"): Call(body=_BECAUSE, thing="running"),
    Route("POST", "/operations/market-making/{order_id}/home"): Call(body=_BECAUSE, thing="failed"),
    Route("POST", "/operations/market-making/{order_id}/decide-deposit"): Call(
        body={"asset": "BTC", "credited": "0.05", **_LOOKED_UP}, thing="crediting"
    ),
    Route("POST", "/operations/market-making/{order_id}/decide-fills"): Call(
        body={"base": "0.09", "quote": "5600", **_LOOKED_UP}, thing="held_up"
    ),
    Route("POST", "/operations/market-making/{order_id}/decide-return"): Call(
        body={"asset": "BTC", "snapshot": CAME, **_LOOKED_UP}, thing="returning"
    ),
    Route("POST", "/operations/market-making/{order_id}/withdraw-again"): Call(
        body={"asset": "BTC", **_LOOKED_UP}, thing="returning"
    ),
    Route("POST", "/operations/market-making/{order_id}/keep-rest"): Call(
        body={"asset": "BTC", "payer": "paid", **_LOOKED_UP}, thing="returning"
    ),
    Route("POST", "/operations/market-making/{order_id}/look-back"): Call(
        body={"after": 4711, **_LOOKED_UP}, thing="running"
    ),
    Route("GET", "/operations/market-making/campaigns"): Call(),
    Route("GET", "/operations/market-making/campaigns/{account_id}/{campaign_id}"): Call(),
    Route("GET", "/operations/trading-accounts"): Call(),
    Route("PUT", "/operations/trading-accounts/{account_id}"): Call(
        body={"exchange": "binance", "capacity": 12, **_BECAUSE}
    ),
    Route("POST", "/operations/trading-accounts/{account_id}/halt"): Call(body=_BECAUSE),
    Route("POST", "/operations/halts/{halt_id}/lift"): Call(body=_BECAUSE, thing="halt"),
    Route("GET", "/operations/pairs"): Call(),
    Route("PUT", "/operations/pairs/{pair_id}"): Call(
        body={
            "pair": "BTC-USDT",
            "exchange": "binance",
            "base_asset_id": BTC,
            "quote_asset_id": USDT,
            "base_min": "0.02",
            "quote_min": "200",
            "fee_bps": 20,
            **_BECAUSE,
        }
    ),
    Route("GET", "/operations/snapshots"): Call(),
    Route("GET", "/operations/snapshots/{snapshot_id}"): Call(thing="parked"),
    Route("POST", "/operations/snapshots/{snapshot_id}/assign"): Call(
        body={"order": PAYABLE, **_LOOKED_UP}, thing="parked"
    ),
    Route("POST", "/operations/snapshots/{snapshot_id}/refund"): Call(body={"to": ANN, **_LOOKED_UP}, thing="parked"),
    Route("POST", "/operations/snapshots/{snapshot_id}/take"): Call(body=_LOOKED_UP, thing="parked"),
    Route("POST", "/operations/payments/{payment_id}/assign"): Call(
        body={"contract": "contract-1", **_LOOKED_UP}, thing="payment"
    ),
    Route("POST", "/operations/payments/{payment_id}/identify"): Call(
        body={"payment": "payment-1", "contract": "contract-1", "sum": "1.00", **_LOOKED_UP}, thing="poison"
    ),
    Route("POST", "/operations/payments/{payment_id}/dismiss"): Call(body=_LOOKED_UP, thing="payment"),
    Route("POST", "/operations/payments/{payment_id}/recall"): Call(body=_LOOKED_UP, thing="taken"),
    Route("POST", "/operations/totals/{total_id}/agree"): Call(body=_LOOKED_UP, thing="total"),
    Route("POST", "/operations/dealers/{dealer_id}/forget"): Call(body=_BECAUSE, thing="gone"),
    Route("POST", "/operations/deposits/{dealer_id}/let-go"): Call(body=_LOOKED_UP, thing="held"),
    Route("POST", "/operations/deposits/{dealer_id}/keep"): Call(body=_LOOKED_UP, thing="held"),
    Route("POST", "/operations/deposits/{dealer_id}/paid"): Call(body=_LOOKED_UP, thing="leaving"),
    Route("POST", "/operations/payments/{payment_id}/replay"): Call(body=_BECAUSE, thing="payment"),
    Route("POST", "/operations/refunds/{refund_id}/retry"): Call(body=_BECAUSE, thing="refund"),
    Route("POST", "/operations/reminders/{reminder_id}/snooze"): Call(body=_BECAUSE, thing="reminder"),
    Route("POST", "/operations/outgoing/{outgoing_id}/retry"): Call(body=_BECAUSE, thing="refused"),
    Route("POST", "/operations/totals/{total_id}/refund"): Call(body={"sum": "1.00", **_LOOKED_UP}, thing="total"),
    Route("POST", "/operations/outgoing/{outgoing_id}/resend"): Call(body={"to": BOB, **_LOOKED_UP}, thing="refused"),
    Route("POST", "/operations/outgoing/{outgoing_id}/decide"): Call(
        body={"sent": "no", **_LOOKED_UP}, thing="doubted"
    ),
    Route("POST", "/operations/shortages/{shortage_id}/book-loss"): Call(body=_LOOKED_UP, thing="short"),
    Route("POST", "/operations/ties/{tie_id}/skip"): Call(body=_LOOKED_UP, thing="tie"),
    Route("POST", "/operations/ties/{tie_id}/settle"): Call(body=_LOOKED_UP, thing="untaken"),
    Route("POST", "/operations/outgoing/{outgoing_id}/call-off"): Call(body=_LOOKED_UP, thing="late"),
    Route("POST", "/operations/strays/{stray_id}/close"): Call(body=_BECAUSE, thing="stray"),
    Route("POST", "/operations/proposals/{proposal_id}/confirm"): Call(body=_BECAUSE, thing="proposal"),
    Route("POST", "/operations/proposals/{proposal_id}/dismiss"): Call(body=_BECAUSE, thing="proposal"),
    Route("GET", "/operations/parked"): Call(),
    Route("GET", "/operations/prices"): Call(),
    Route("POST", "/operations/prices/{asset_id}/confirm"): Call(body={"price": "75.25", **_BECAUSE}, asset_id="ETH"),
    Route("POST", "/operations/parked/{webhook_id}/replay"): Call(body=_BECAUSE),
    Route("POST", "/operations/parked/{webhook_id}/dismiss"): Call(body=_BECAUSE),
    Route("PUT", "/operations/clients/{client_id}/crypto"): Call(
        body={"username": "ann", "status": "BLOCKED", **_BECAUSE}
    ),
    Route("PUT", "/operations/clients/{client_id}/banking"): Call(
        body={"username": "ann", "account_id": "acc-other", **_BECAUSE}
    ),
    Route("GET", "/operations/clients/{client_id}/{kind}"): Call(),
    Route("GET", "/operations/audit"): Call(query={"date": "2026-11-21"}),
    Route("GET", "/operations/audit/head"): Call(),
    Route("GET", "/operations/audit/anchors"): Call(query={"date": "2026-11-21"}),
    Route("POST", "/operations/reconcile"): Call(body={"username": "ann"}),
    Route("POST", "/operations/compare/custody"): Call(),
    Route("GET", "/operations/compare/bank"): Call(),
    Route("GET", "/operations/desk"): Call(),
    Route("POST", "/operations/desk"): Call(),
    Route("POST", "/operations/compare/bank"): Call(body={"date": "2026-11-20"}),
    Route("GET", "/operations/compare/exchange"): Call(),
    Route("POST", "/operations/compare/exchange"): Call(body={"date": "2026-11-20"}),
    Route("GET", "/operations/billing/dealers"): Call(),
    Route("GET", "/operations/billing/dealers/{dealer}"): Call(),
    Route("GET", "/operations/billing/dealers/{dealer}/bills"): Call(),
    Route("GET", "/operations/billing/bills/{bill_id}"): Call(thing="bill"),
    Route("GET", "/operations/billing/dealers/{dealer}/payments"): Call(),
    Route("GET", "/operations/billing/contracts/{contract_id}/payments"): Call(),
    Route("GET", "/operations/billing/dealers/{dealer}/statements/{month}"): Call(),
    Route("GET", "/operations/billing/dealers/{dealer}/statements/{month}/pdf"): Call(),
    Route("POST", "/operations/compare/billing"): Call(),
    Route("GET", "/operations/compare/billing"): Call(),
    Route("GET", "/operations/compare/custody"): Call(),
}


def named(route: Route) -> str:
    """For the ids of parametrised tests."""
    return f"{route.method} {route.path}"


def every_route() -> list[Route]:
    """As the apps have them."""
    return sorted(ROUTES)


def routes_with_tokens() -> list[Route]:
    """All but those where whoever asks signs what he sends."""
    return [route for route in every_route() if not route.open]


def path(route: Route, world: World, **parts: str) -> str:
    """The route's path with the call's own things in it, or with others."""
    named = getattr(world, CALLS[route].thing)
    given = {
        "asset_id": CALLS[route].asset_id,
        "username": CALLS[route].username,
        "month": "2026-11",
        "webhook_id": PARKED,
        "client_id": "ann-bank" if "banking" in route.path or "{kind}" in route.path else "ann-crypto",
        "kind": "banking",
        "account_id": ACCOUNT,
        "campaign_id": CAMPAIGN,
        "pair_id": str(PAIR),
        "cme_dealer_id": CME_ID,
        "dealer": CME_ID,
        "contract_id": "contract-of-nobody",
        "bill_id": named,
        "deal_id": "deal-1",
        "segment_id": "A",
        "flow": "orders",
        "machine": "payout",
        **dict.fromkeys(("order_id", "transfer_id", "thing_id", "batch_id", "proposal_id", "stray_id"), named),
        **dict.fromkeys(
            (
                "snapshot_id",
                "tie_id",
                "shortage_id",
                "outgoing_id",
                "halt_id",
                "payment_id",
                "total_id",
                "reminder_id",
                "refund_id",
                "quote_id",
                "endpoint_id",
                "delivery_id",
                "plan_id",
                "dealer_id",
            ),
            named,
        ),
    }
    return route.path.format(**(given | parts))


def called(doors: Doors, world: World, route: Route, token: Token | None) -> Answer:
    """Make the route's good request under this token; as the bank, under none."""
    if route.open:
        return doors.bank(world.told)
    call = CALLS[route]
    return doors.as_(token).send(route.method, path(route, world), call.body, query=call.query)


def entitled(doors: Doors, route: Route) -> Client:
    """Who may make the route's good request."""
    if route.open:
        return doors.as_(None)
    if route.path.startswith(BILLING):
        return doors.dealer_system()
    return doors.operator() if route.path.startswith(OPERATIONS) else doors.customer("ann")
