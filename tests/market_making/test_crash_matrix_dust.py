"""An order that has quoted goes home, and leaves dust; two operators settle that, of each asset: every call × what
can go wrong. At each moment the account knows what is there in no ledger, so that nothing is short; in the end it
knows of nothing, and the dust is the desk's, once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from common.errors import Refusal
from common.gateways.exchange.maker import MakerOrder, Market
from functions.market_making import account_store, store
from functions.market_making.model import Status, order_id
from functions.market_making.service.balancing import Balancing
from sandbox.exchange.fake_maker import FakeMaker
from tests.depth import points
from tests.desk import Desk
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import Faults
from tests.market_making.audit import desk_fees
from tests.market_making.faulty import FaultyMarket
from tests.market_making.market import ACCOUNT, ORDER
from tests.market_making.test_crash_matrix import insist
from tests.market_making.test_crash_matrix_steering import OUTSIDE, Steered, quoted

M = order_id(ORDER)
DUST = {"mm1:BTC": Decimal("0.0001"), "mm1:USDT": Decimal("0.1")}


@dataclass
class Dusty:
    market: FaultyMarket

    def act(self) -> tuple[Status, dict[str, str], dict[str, Decimal]]:
        """How it stands, what it has left behind, and what of it is the desk's."""
        market = self.market
        insist(market, lambda: market.quoting.bring_home(M))
        market.go_on(hours=5, until=lambda: market.status() is Status.RETURNED)
        if market.status() is Status.RETURNED:
            for asset in ("BTC", "USDT"):
                self._keep(asset)
            market.go_on(minutes=10)
        return self._ending()

    def _keep(self, asset: str) -> None:
        """Two operators, whom nothing befalls; what is settled by now is refused."""
        desk = Desk(self.market.dynamo, self.market.clock)
        desk.world.machines = self.market.machine
        told = {"asset": asset, "payer": "paid"}
        with suppress(Refusal):
            proposed = desk.proposals.propose("mm keep-rest", M, told, "4711", "seen", "olga", dry_run=False)
            desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=False)

    def _ending(self) -> tuple[Status, dict[str, str], dict[str, Decimal]]:
        order = store.existing(self.market.quiet, M)
        kept = {asset: amount for asset, amount in desk_fees(self.market).items() if asset in DUST}
        return order.status, dict(order.left_behind), kept

    def check(self) -> None:
        """The books know whose money leaves the account, and how much dust is there (`Books._on_accounts`)."""
        market = self.market
        market.check()
        maker = FakeMaker(market.exchange.venue, ACCOUNT)  # the exchange itself
        looks = Balancing(market.quiet, lambda _: maker.balances, lambda: None, market.clock, self._open_orders)
        assert looks.short(ACCOUNT) == []

    def _open_orders(self, _: str, market: Market) -> Sequence[MakerOrder]:
        return FakeMaker(self.market.exchange.venue, ACCOUNT).open_orders(market)

    @property
    def leaves(self) -> bool:
        """What goes wrong before, other matrices deal."""
        return self.market.status() in (Status.STOPPED, Status.RETURNING, Status.RETURNED)

    def recover(self) -> None:
        self.market.process()
        self.market.go_on(minutes=5)

    def settled(self) -> None:
        """Who was asked to look lets it go on."""
        market = self.market
        market.faults.heal()
        market.let_go_on(M)
        market.go_on(hours=4)
        self.check()
        assert not account_store.unledgered(market.quiet, ACCOUNT)


def dusty(faults: Faults) -> Scene:
    here = Dusty(quoted(faults))
    steered = Steered(here.market)
    for coin, network, step in (("BTC", "BTC", "0.0333"), ("USDT", "ETH", "4994.9")):
        here.market.exchange.wallet.networks.change(coin, network, withdraw_step=Decimal(step))
    steered.tick(3)
    assert len(steered.open) == 2
    return Scene(here.act, here.check, here.recover, here.settled, lambda: here.leaves)


def test_whatever_fails_once_an_order_goes_home_and_its_dust_is_settled() -> None:
    report = crash_matrix(
        dusty, OUTSIDE, same=lambda one, other: bool(one == other), points=points("dust", everyday=80, proved=3)
    )
    assert not report.violations, report
    assert not report.never_dealt(OUTSIDE), report
    assert report.ending.answer == (Status.RETURNED, {}, DUST)
