"""What only the other side knows, planted there, is found by `desk compare` on the next day: at the exchange, at the
bank, in the custody, in the billing system.

The command line is the real one, and asks the real handlers over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest

from common.custody import Address
from common.money import Money, Quantity
from sandbox.exchange.orders import SELL, Kind
from sandbox.serving import Answer, Request, serve
from tests import doors
from tests.console.run import Said, desk, token
from tests.desk import Desk
from tests.market_making.market import ANN, BTC
from tests.outside import ACCOUNT

TODAY = date(2026, 11, 21)


@dataclass(frozen=True)
class Running:
    desk: Desk
    url: str

    def says(self, *words: str) -> Said:
        return desk(*words, url=self.url, token=token("olga"))


@pytest.fixture
def running() -> Iterator[Running]:
    made = Desk()
    with doors.opened(made) as opened:

        def decide(request: Request) -> Answer:
            path = "/" + "/".join(request.path)
            answer = opened.ask(
                request.method,
                path,
                token=doors.Token("olga", "sub-olga", ("operators",)),
                query=request.query,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=request.body or None,
            )
            return Answer(answer.status, answer.text, {}, answer.content_type)

        with serve(decide, name="desk") as served:
            yield Running(made, served.url)


def sale_at_the_exchange(desk: Desk) -> str:
    """By hand, with the desk's key."""
    placed = desk.world.venue.place(
        ACCOUNT, "BTCUSDT", SELL, Kind.LIMIT, price=Decimal(99), quantity=Decimal("0.7"), client_order_id="by-hand"
    )
    return f"{placed.order_id}: SELL 0.7 BTC under by-hand"


def deposit_at_the_exchange(desk: Desk) -> str:
    network = desk.world.wallet.networks.named("USDT", "TRX")
    address = network.form.address_of(ACCOUNT)
    desk.world.wallet.deposits.deliver("USDT", "TRX", *address, Decimal(70), "a-hash")
    return "a deposit of 70 USDT, which nothing here has asked for"


def withdrawal_at_the_exchange(desk: Desk) -> str:
    to = Address("TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", "")
    desk.world.funds.withdraw("USDT", "TRC20", to, Quantity("100", "USDT"), "by-hand")
    return "a withdrawal of 100 USDT under by-hand, which nothing here has asked for"


def payout_of_the_bank(desk: Desk) -> str:
    desk.world.simulated.credit("by-hand", "acc-of-somebody", Money(77), "who knows")
    return "$77.00 under by-hand, COMPLETED, which no payout of ours is"


def transfer_of_the_custody(desk: Desk) -> str:
    desk.market.list_pair()
    desk.market.poll()
    desk.market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    desk.market.poll()
    desk.market.steal(BTC)
    return "The custody has not what is booked, of BTC"


def payment_in_the_billing_system(desk: Desk) -> str:
    desk.dealership.active()
    desk.dealership.message(7_00)
    desk.clock.forward(days=1)
    return "it was never told to us"


ORPHANS: dict[str, tuple[Callable[[Desk], str], tuple[str, ...]]] = {
    "a sale at the exchange": (sale_at_the_exchange, ("exchange", "--date", f"{TODAY}")),
    "a deposit at the exchange": (deposit_at_the_exchange, ("exchange", "--date", f"{TODAY}")),
    "a withdrawal at the exchange": (withdrawal_at_the_exchange, ("exchange", "--date", f"{TODAY}")),
    "a payout of the bank": (payout_of_the_bank, ("bank", "--date", f"{TODAY}")),
    "a transfer of the custody": (transfer_of_the_custody, ("custody",)),
    "a payment in the billing system": (payment_in_the_billing_system, ("billing",)),
}
WAITS_FOR = {
    "exchange": "an operator: exchange tells of",
    "bank": "an operator: bank tells of",
    "custody": "BTC",
    "billing": "billing system: 7 of payment",
}


def a_day_passes(desk: Desk) -> None:
    """With what the clock does of comparisons once it is over."""
    desk.clock.at += timedelta(days=1)
    desk.world.simulated.settle()
    for comparing in (desk.comparing_bank, desk.comparing_exchange):
        assert comparing.round(lambda: True)
    if desk.dealership.comparing.round(lambda: True) is not None:
        desk.clock.forward(minutes=1)
        desk.cross_checking.round(lambda: True)


@pytest.mark.parametrize("system", ["exchange", "bank", "custody", "billing"])
def test_where_nothing_is_planted_nothing_is_found(running: Running, system: str) -> None:
    running.desk.market.list_pair()
    running.desk.market.poll()
    running.desk.dealership.active()
    a_day_passes(running.desk)
    said = running.says("compare", system)
    assert said.code == 0, said


@pytest.mark.parametrize("orphan", ORPHANS)
def test_what_only_the_other_side_knows_is_found_within_a_day(running: Running, orphan: str) -> None:
    plant, words = ORPHANS[orphan]
    running.desk.list_asset()
    told = plant(running.desk)
    a_day_passes(running.desk)
    said = running.says("compare", *words)
    assert said.code == 1, said
    assert told in " ".join(said.out.split())
    waiting = json.loads(running.says("work", "list", "--json").out)["items"]
    assert [item for item in waiting if WAITS_FOR[words[0]] in item["waits_for"]], waiting
