"""Incidents of the custody: what comes in there, and what is to leave it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from common.clock import text
from common.domain.custody import store
from common.domain.custody.model import incoming_id
from common.domain.custody.ties import Status as Tie
from common.domain.custody.ties import tie_id_of
from common.gateways.exchange import ExchangeUnavailable
from functions.market_making import tasks
from functions.market_making.service import receiving
from sandbox.mixin import fake
from tests.market_making.audit import sweep
from tests.market_making.market import ANN, BOB, BTC, USDT, Market
from tests.market_making.test_operators import (
    CAROL,
    Instead,
    Lying,
    M,
    TestALegIsCalledOff,
    doubted,
    parked,
    refused_refund,
)
from tests.market_making.test_receiving import decide, flood
from tests.runbooks.on_call import TIME, OnCall, Way
from tests.runbooks.payouts import Facts

PERSON = ("WorkNeedsPerson",)


def market_of(on_call: OnCall) -> Market:
    market = on_call.desk.market
    market.list_pair()
    market.safe.join(CAROL)
    market.poll()
    return market


def in_doubt(on_call: OnCall) -> Facts:
    """It was never sent, and the custody tells of another transaction; a moment later it tells rightly."""
    return {"ID": doubted(market_of(on_call))}


def in_doubt_and_sent(on_call: OnCall) -> Facts:
    market = market_of(on_call)
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    (sent,) = market.ids_of_due()
    market.custody.drop_answer_next("send")
    market.send()
    right: Any = market.custody
    lying: Any = Lying(right)
    market.custody = lying
    market.pass_time(minutes=3)
    market.transfers.send(sent)
    market.custody = right
    return {"ID": sent}


def stolen(on_call: OnCall) -> Facts:
    """Somebody who has the key has taken all BTC that there was."""
    market = market_of(on_call)
    market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    market.poll()
    on_call.desk.by_two("snapshots take", on_call.desk.operations.snapshots(9)[0].incoming_id, {}, "statement")
    market.steal(BTC)
    market.poll()
    market.comparing.compare()
    (shortage,) = {item["PK"]["S"] for item in market.dynamo.items() if item["PK"]["S"].startswith("L")}
    return {"L…": shortage}


def outputs_hidden(on_call: OnCall) -> Facts:
    """For half an hour the custody shows too few of its outputs."""
    market = market_of(on_call)
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    (sent,) = market.ids_of_due()
    right: Any = market.custody
    hiding: Any = Instead(right, outputs=lambda _: [])
    market.custody = hiding
    for _ in range(40):
        market.pass_time(minutes=1)
        market.send()
    market.custody = right
    return {"ID": sent}


def down(on_call: OnCall) -> Facts:
    """It does not answer, and will not for long."""
    market = market_of(on_call)
    market.custody.down = True
    with patch.object(tasks, "receiving", lambda: market.receiving):
        tasks.poll_snapshots({"time": text(market.clock())}, TIME)
    return {"PAIR": str(on_call.desk.overseeing.pairs()[0].pair_id)}


def of_nobody(on_call: OnCall) -> Facts:
    market = market_of(on_call)
    return {"ID": incoming_id(parked(market, amount="0.25").snapshot_id), "UUID": CAROL, "--to": CAROL}


def for_an_order(on_call: OnCall) -> Facts:
    """Three of its four transfers have said what they pay for."""
    market = market_of(on_call)
    market.fund(ANN, BTC, "0.1")
    fees = market.routes.fees("mm1", on_call.desk.overseeing.pairs()[0])
    for fee in (fees.base, fees.quote):
        market.fund(ANN, fee.asset_id, str(fee.amount))
    snapshot = incoming_id(parked(market).snapshot_id)
    market.run(1)
    return {"ID": snapshot, "--order": M}


def tied(on_call: OnCall) -> str:
    """More snapshots have one time, which is told, than a page holds: three are hidden."""
    market = market_of(on_call)
    for module in (receiving, fake):
        on_call.patch.setattr(module, "PAGE_MAX", 4)
    told_at = flood(market)
    market.pass_time(hours=1)
    market.poll()
    return told_at


def flooded(on_call: OnCall) -> Facts:
    """For two hours; the console refunds what was not taken."""
    told_at = tied(on_call)
    on_call.desk.market.pass_time(hours=2)
    refunded_by_console(on_call)
    return {"T…": tie_id_of(told_at)}


def untaken(on_call: OnCall) -> Facts:
    """Two have let the poller go on behind them, and all else is sent; the console refunds what was not taken."""
    told_at = tied(on_call)
    decide(on_call.desk.market, told_at, Tie.HELD, Tie.UNTAKEN)
    on_call.desk.market.pass_time(hours=2)
    refunded_by_console(on_call)
    return {"T…": tie_id_of(told_at)}


def refunded_by_console(on_call: OnCall) -> None:
    on_call.desk.market.run(8)
    on_call.desk.market.steal(BTC)


def denied(on_call: OnCall) -> Facts:
    """For six hours our key may not send; then it may."""
    market = market_of(on_call)
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    (sent,) = market.ids_of_due()
    while not store.outgoing(market.table, sent).needs_person:
        market.custody.refuse_next(ours=True)
        market.send()
        market.pass_time(minutes=5)
    return {"ID": sent}


def denied_of_one_that_has_failed(on_call: OnCall) -> Facts:
    market_of(on_call)
    return {"ID": TestALegIsCalledOff().late(on_call.desk)}


def buggy(on_call: OnCall) -> Facts:
    """The sender meets what nobody had thought of, until it is mended."""
    market = market_of(on_call)
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    (sent,) = market.ids_of_due()

    def bug(_: Any) -> Any:
        raise KeyError("nobody had thought of this")

    right: Any = market.custody
    wrong: Any = Instead(right, outputs=bug)
    market.custody = wrong
    market.send()
    market.custody = right
    return {"ID": sent}


def fees_not_known(on_call: OnCall) -> Facts:
    """The exchange does not tell what an order would cost, for long."""
    market = market_of(on_call)

    def silent(*_: Any) -> Any:
        raise ExchangeUnavailable("the exchange can not be reached", what="connection")

    pair = on_call.desk.overseeing.pairs()[0]
    lying: Any = Instead(market.funds, networks=silent, deposit_address=silent)
    market.funds = lying
    market.fund(BOB, USDT, "5000")
    market.poll()
    return {"PAIR": str(pair.pair_id)}


def refused(on_call: OnCall) -> Facts:
    return {"ID": refused_refund(market_of(on_call)), "UUID": CAROL}


def goes_on(on_call: OnCall) -> None:
    on_call.desk.market.run(5)


def ends(on_call: OnCall) -> None:
    """The order goes its way to its end; the sweeper comes now and then."""
    for _ in range(8):
        on_call.desk.market.run(5)
        sweep(on_call.desk.market)


def answers(on_call: OnCall) -> None:
    on_call.desk.market.custody.down = False
    goes_on(on_call)


WAYS = [
    Way("custody-not-believed", "the same as `work show`, by now", in_doubt, goes_on),
    Way("custody-not-believed", "that the transfer was sent, as it should be", in_doubt_and_sent, goes_on),
    Way("custody-not-believed", "that it was never sent", in_doubt, goes_on),
    Way("custody-off", "does not come back", stolen, goes_on),
    Way("custody-short", "shows enough of it", outputs_hidden, goes_on),
    Way("custody-silent", "It is down for everybody", down, answers, afterwards=True),
    Way("snapshots-parked", "for no order", of_nobody, goes_on),
    Way("snapshots-parked", "for an order that may still be paid", for_an_order, ends),
    Way("snapshots-parked", "the desk's", of_nobody, goes_on),
    Way("snapshot-ties", "Within five seconds the poller goes on", flooded, goes_on),
    Way("snapshot-ties", "Within five seconds the poller goes on", untaken, goes_on),
    Way("transfers-denied", "It waits for a person", denied, goes_on),
    Way("transfers-denied", "that order has failed meanwhile", denied_of_one_that_has_failed, ends),
    Way("transfers-failed", "It is a bug", buggy, goes_on),
    Way("snapshots-failed", "disable the pair", fees_not_known, goes_on),
    Way("needs-person", "in the list `outgoing`: `X…`", refused, goes_on, rings=PERSON),
]
