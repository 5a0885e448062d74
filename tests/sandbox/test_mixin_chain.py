"""What the custody sends arrives at the exchange, and back: once, whatever is lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from sandbox.exchange.desk import NETWORKS
from sandbox.exchange.simulated import SimulatedExchange
from sandbox.exchange.wallet.withdrawals import WithdrawalRequest, WithdrawalStatus
from sandbox.mixin.assets import ASSETS, BTC, CHAINS, ETH, RIPPLE, TRON, TRX, USDT_TRC20, XRP
from sandbox.mixin.chain import Chain, ExchangeSide, HttpSide, NotCarried, Transfer, WalletSide
from sandbox.mixin.records import CASHIER, Payment, Withdrawal
from sandbox.mixin.safe import Safe
from sandbox.serving import serve
from tests.sandbox.custody import ONE, US, World, address
from tests.sandbox.faces import Process, call

T = TypeVar("T")


class TwoSides(World):
    """The custody, and an exchange with an account `maker`; nothing takes time."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = SimulatedExchange(lambda: self.at, settle_seconds=0)
        self.exchange.furnish()
        self.exchange.venue.open_account("maker", {"USDT": Decimal(1000), "XRP": Decimal(1000)})
        self.chain = Chain(self.safe, WalletSide(self.exchange.wallet))

    def address(self, coin: str, network: str) -> tuple[str, str]:
        """The maker's."""
        return self.exchange.wallet.networks.named(coin, network).form.address_of("maker")

    def withdraw(self, destination: str, tag: str = "") -> str:
        """1 XRP leaves the custody; the id of its request."""
        fee = 20_000_000
        place = self.paid(XRP.asset_id, ONE + fee)
        draft = self.draft(XRP.asset_id, [place], Withdrawal(ONE, destination, tag), Payment(CASHIER, fee))
        self.send(draft)
        return draft.request_id

    def bring_home(self, destination: str, tag: str = "", own_id: str = "home") -> None:
        """10 XRP leave the exchange, 9.8 arrive."""
        asked = WithdrawalRequest("maker", "XRP", "XRP", destination, Decimal(10), tag, own_id)
        self.exchange.wallet.withdrawals.apply(asked)

    def at_exchange(self, coin: str = "XRP") -> Decimal:
        self.exchange.wallet.settle()
        return self.exchange.venue.balances("maker")[coin][0]


@pytest.fixture
def sides() -> Iterator[TwoSides]:
    sides = TwoSides()
    yield sides
    sides.check()


class Faulty:
    """An exchange side on a bad line: each call is carried out or not, as the next of `faults` says, and not heard."""

    def __init__(self, side: ExchangeSide, *faults: str) -> None:
        self.faults = list(faults)
        self._side = side

    def _carry(self, act: Callable[[], T]) -> T:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise NotCarried(fault)
        answer = act()
        if fault == "after":
            raise NotCarried(fault)
        return answer

    def deliver(self, transfer: Transfer) -> bool:
        return self._carry(lambda: self._side.deliver(transfer))

    def outbox(self) -> Sequence[tuple[str, Transfer]]:
        return self._carry(self._side.outbox)

    def complete(self, withdrawal_id: str, txid: str) -> None:
        self._carry(lambda: self._side.complete(withdrawal_id, txid))


def test_a_withdrawal_is_a_deposit_at_the_exchange_by_its_hash(sides: TwoSides) -> None:
    request_id = sides.withdraw(*sides.address("XRP", "XRP"))
    assert sides.chain.step() == 1
    assert sides.chain.step() == 0
    assert sides.at_exchange() == 1001
    (deposit,) = sides.exchange.wallet.deposits.of("maker")
    assert deposit.txid == sides.safe.request(request_id).withdrawal_hash
    assert (deposit.coin, deposit.network, deposit.amount) == ("XRP", "XRP", Decimal(1))


def test_what_is_stuck_is_carried_once_it_is_confirmed(sides: TwoSides) -> None:
    sides.safe.stick_next()
    request_id = sides.withdraw(*sides.address("XRP", "XRP"))
    assert sides.chain.step() == 0
    sides.safe.confirm(request_id)
    assert sides.chain.step() == 1
    assert sides.at_exchange() == 1001


def test_what_the_exchange_sends_home_is_a_deposit_at_the_custody(sides: TwoSides) -> None:
    entry = sides.safe.entry(US, RIPPLE.chain_id)
    sides.bring_home(entry.destination, entry.tag)
    assert sides.chain.step() == 1
    assert sides.chain.step() == 0
    (withdrawal,) = sides.exchange.wallet.withdrawals.of("maker")
    (told,) = sides.told()
    assert (withdrawal.status, withdrawal.txid) == (WithdrawalStatus.COMPLETED, told.deposit_hash)
    assert (told.units, told.opponent, told.asset_id) == (980_000_000, "", XRP.asset_id)


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("fault", ["before", "after"])
def test_what_is_lost_on_the_way_arrives_once_all_the_same(sides: TwoSides, fault: str, at: int) -> None:
    entry = sides.safe.entry(US, RIPPLE.chain_id)
    sides.withdraw(*sides.address("XRP", "XRP"))
    sides.bring_home(entry.destination, entry.tag)
    line = Faulty(WalletSide(sides.exchange.wallet), *[""] * at, fault)
    chain = Chain(sides.safe, line)
    with pytest.raises(NotCarried):
        chain.step()
    chain.step()
    Chain(sides.safe, line).step()  # after a restart
    assert line.faults == []
    assert sides.at_exchange() == 991
    assert [told.units for told in sides.told() if told.deposit_hash] == [980_000_000]
    assert chain.lost == []


def test_the_custody_has_kept_a_deposit_before_the_exchange_hears_of_it(sides: TwoSides) -> None:
    """Otherwise nobody would have the money, were the custody's process killed in between."""

    def full() -> None:
        raise OSError("No space left on device")

    entry = sides.safe.entry(US, RIPPLE.chain_id)
    sides.bring_home(entry.destination, entry.tag)
    with pytest.raises(OSError, match="No space"):
        Chain(sides.safe, WalletSide(sides.exchange.wallet), full).step()
    assert len(sides.exchange.wallet.withdrawals.outbox()) == 1
    sides.chain.step()
    assert len(sides.told()) == 1


def test_money_without_its_tag_and_for_strangers_is_gone(sides: TwoSides) -> None:
    ours, theirs = sides.safe.entry(US, RIPPLE.chain_id), sides.address("XRP", "XRP")
    sides.withdraw(theirs[0])
    sides.bring_home(ours.destination)
    sides.bring_home(address(RIPPLE.chain_id), own_id="elsewhere")
    assert sides.chain.step() == 3
    assert (len(sides.chain.lost), sides.at_exchange()) == (2, Decimal(980))
    assert [told for told in sides.told() if told.deposit_hash] == []
    assert sides.exchange.wallet.withdrawals.outbox() == []


def test_a_withdrawal_to_an_address_of_the_custody_comes_back_in(sides: TwoSides) -> None:
    entry = sides.safe.entry(US, RIPPLE.chain_id)
    sides.withdraw(entry.destination, entry.tag)
    sides.chain.step()
    assert [told.units for told in sides.told() if told.deposit_hash] == [ONE]
    assert sides.exchange.wallet.deposits.all() == []


def test_what_the_exchange_can_not_take_is_lost_and_holds_nothing_up(sides: TwoSides) -> None:
    """It has no network for TRX itself."""
    place = sides.paid(TRX.asset_id, 10 * ONE)
    out = Withdrawal(9 * ONE, address(TRON.chain_id)), Payment(CASHIER, ONE)
    sides.send(sides.draft(TRX.asset_id, [place], *out))
    sides.withdraw(*sides.address("XRP", "XRP"))
    assert sides.chain.step() == 2
    assert [lost.coin for lost in sides.chain.lost] == ["TRX"]
    assert sides.at_exchange() == 1001


def test_coins_and_networks_have_one_name_on_both_sides() -> None:
    at_custody = {(asset.symbol, CHAINS[asset.chain_id].network) for asset in ASSETS.values()}
    at_exchange = {(network.coin, network.network) for network in NETWORKS}
    assert at_exchange - at_custody == {("OP", "OPTIMISM")}
    assert at_custody - at_exchange == {("TRX", "TRX")}


def test_each_side_takes_the_addresses_of_the_other(sides: TwoSides) -> None:
    for asset in (BTC, ETH, USDT_TRC20, XRP):
        network = sides.exchange.wallet.networks.named(asset.symbol, CHAINS[asset.chain_id].network)
        entry = sides.safe.entry(US, asset.chain_id)
        assert network.form.fits(entry.destination), entry
        assert network.form.fits_tag(entry.tag), entry
        theirs, tag = network.form.address_of("maker")
        sides.safe.fees(asset.asset_id, theirs)
        assert CHAINS[asset.chain_id].accepts_tag(tag)


def test_over_http_all_of_it_is_the_same(sides: TwoSides) -> None:
    whole = sides.exchange
    entry = sides.safe.entry(US, RIPPLE.chain_id)
    sides.withdraw(*sides.address("XRP", "XRP"))
    sides.withdraw(address(RIPPLE.chain_id))
    sides.bring_home(entry.destination, entry.tag)
    with serve(whole.faces(whole.controls()), name="x") as running:
        chain = Chain(sides.safe, HttpSide(running.url))
        assert (chain.step(), chain.step()) == (3, 0)
        side = HttpSide(running.url)
        assert not side.deliver(Transfer("XRP", "TRX", "x", "", Decimal(1), "0xabc"))
        with pytest.raises(NotCarried, match="does not want"):
            side.complete("nothing", "0xabc")
    assert sides.at_exchange() == 991
    assert [told.units for told in sides.told() if told.deposit_hash] == [980_000_000]
    with pytest.raises(NotCarried, match="does not answer"):
        Chain(sides.safe, HttpSide(running.url)).step()


def test_a_custody_whose_exchange_is_away_goes_on(tmp_path: Path) -> None:
    with serve(lambda _: None, name="x") as nobody:  # type: ignore[arg-type, return-value]
        away = nobody.url
    process = Process("mixin", "--state", str(tmp_path / "mixin.json"), "--exchange-url", away)
    assert call(f"{process.url}/sandbox/state").status == 200
    assert process.stop()[0] == 0


def test_a_safe_that_starts_again_carries_all_of_it_again_to_no_effect(sides: TwoSides) -> None:
    sides.withdraw(*sides.address("XRP", "XRP"))
    sides.chain.step()
    again = Safe(lambda: sides.at)
    again.restore(sides.safe.state())
    assert Chain(again, WalletSide(sides.exchange.wallet)).step() == 1
    assert sides.at_exchange() == 1001
