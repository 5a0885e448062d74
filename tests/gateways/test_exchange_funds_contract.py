"""What the port `ExchangeFunds` promises, asked of the fake in process and of the real adapter over its real wire.

To ask another adapter: a function like `_binance` below, and its name among `WORLDS`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import cast

import pytest

from common.clock import now
from common.errors import Refusal
from common.gateways.custody import Address
from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable
from common.gateways.exchange.ccxt_funds import CcxtFunds
from common.gateways.exchange.funds import (
    ExchangeDeposit,
    ExchangeFunds,
    ExchangeWithdrawal,
    ExchangeWithdrawalUnknown,
    Movement,
    Movements,
    Network,
    NetworkUnknown,
    WithdrawalState,
)
from common.gateways.exchange.remembered import AllFunds
from common.money import Quantity
from sandbox.exchange.binance import BinanceFace, Credential
from sandbox.exchange.desk import NETWORKS
from sandbox.exchange.fake_funds import FakeFunds
from sandbox.exchange.fake_funds import Operation as FakeOperation
from sandbox.exchange.faults import RETRY_AFTER_SECONDS, Fault, Faults
from sandbox.exchange.keyring import Right
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet import Wallet
from sandbox.exchange.wallet.deposits import DepositMishap
from sandbox.exchange.wallet.withdrawals import Withdrawal, WithdrawalMishap, WithdrawalRequest
from sandbox.serving import serve
from tests.harness.clock import VirtualClock

MAKER, OTHER = "maker", "other"
OURS = "a" * 32  # our id of a withdrawal
TRON = Address("T" + "x" * 33)  # somebody's address
ETHEREUM = Address("0x" + "ab" * 20)
RIPPLE = Address("r" + "x" * 33, "4711")
OPERATIONS: list[FakeOperation] = [
    "networks",
    "deposit_address",
    "deposits",
    "free",
    "withdraw",
    "withdrawal",
    "movements",
]
SETTLED = 3.0  # seconds, after which the exchange has done what it does by itself


@dataclass(frozen=True)
class Doors:
    """The funds of an account, and how to make things go wrong in front of them."""

    funds: ExchangeFunds
    refuse_next: Callable[[], None]
    fail_before_next: Callable[[FakeOperation], None]  # nothing is done
    drop_answer_next: Callable[[FakeOperation], None]  # it is done, and nobody told
    ban: Callable[[], None]  # the next call is told how long to wait


@dataclass(frozen=True)
class World:
    venue: Venue
    wallet: Wallet
    clock: VirtualClock
    doors: Doors

    @property
    def funds(self) -> ExchangeFunds:
        return self.doors.funds

    def bring(self, amount: str, hash_: str, coin: str = "USDT", network: str = "TRX", account: str = MAKER) -> None:
        """A chain brings something for an account."""
        there = self.wallet.networks.named(coin, network)
        self.wallet.deposits.deliver(coin, network, *there.form.address_of(account), Decimal(amount), hash_)

    def withdraw(self, quantity: str = "100", to: Address = TRON, network: str = "TRC20", name: str = OURS) -> None:
        self.funds.withdraw("USDT", network, to, Quantity(quantity, "USDT"), name)

    def told(self, name: str = OURS, coin: str = "USDT") -> ExchangeWithdrawal:
        return self.funds.withdrawal(coin, name, self.clock.now() - timedelta(hours=1))

    def settle(self) -> None:
        self.clock.advance(SETTLED)

    @property
    def left(self) -> list[Withdrawal]:
        """What the account has withdrawn, by the exchange's own books."""
        return self.wallet.withdrawals.of(MAKER)


@contextmanager
def _fake(venue: Venue, wallet: Wallet, clock: VirtualClock) -> Iterator[Doors]:
    fake = FakeFunds(venue, wallet, MAKER)
    yield Doors(
        fake,
        lambda: fake.refuse_next(ours=True),
        fake.fail_before_next,
        fake.drop_answer_next,
        lambda: fake.ban(RETRY_AFTER_SECONDS),
    )


@contextmanager
def _binance(venue: Venue, wallet: Wallet, clock: VirtualClock) -> Iterator[Doors]:
    faults, keys = Faults(), Credential(MAKER, "key", "secret", frozenset({Right.READ, Right.WITHDRAW}))
    on = {"networks": "any", "free": "any", "withdraw": "withdraw"}
    with serve(BinanceFace(venue, [keys], faults, now, wallet).decide, name="binance") as face:
        yield Doors(
            CcxtFunds(face.url, api_key=keys.api_key, secret=keys.secret, clock=clock.now),
            refuse_next=lambda: faults.fail_next(Fault.REFUSE, "withdraw"),
            fail_before_next=lambda operation: faults.fail_next(Fault.SERVER_ERROR, on.get(operation, "wallet")),
            drop_answer_next=lambda operation: faults.fail_next(Fault.DROP_AFTER, on.get(operation, "wallet")),
            ban=lambda: faults.fail_next(Fault.RATE_LIMIT),
        )


WORLDS: dict[str, Callable[[Venue, Wallet, VirtualClock], AbstractContextManager[Doors]]] = {
    "fake": _fake,
    "binance": _binance,
}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    clock = VirtualClock()
    venue = Venue(clock.now)
    for account in (MAKER, OTHER):
        venue.open_account(account, {"USDT": Decimal(1000), "XRP": Decimal(50), "DOGE": Decimal(10**10)})
    wallet = Wallet(venue, NETWORKS, clock.now)
    with WORLDS[request.param](venue, wallet, clock) as doors:
        yield World(venue, wallet, clock, doors)


def test_the_funds_have_the_exchanges_name(world: World) -> None:
    assert world.funds.name


# Networks


def test_networks_are_told_with_their_exact_terms(world: World) -> None:
    world.wallet.networks.change("USDT", "TRX", withdraw_fee=Decimal("1.000001"), withdraw_min=Decimal("10.5"))
    told = {network.name: network for network in world.funds.networks("USDT")}
    assert set(told) == {"ERC20", "TRC20", "BSC", "SOL"}
    assert told["TRC20"] == Network(
        name="TRC20",
        deposits=True,
        withdrawals=True,
        withdrawal_fee=Decimal("1.000001"),
        withdrawal_min=Decimal("10.5"),
        withdrawal_step=Decimal("0.000001"),
    )


def test_a_network_that_is_closed_is_told_as_closed(world: World) -> None:
    world.wallet.networks.change("DOGE", "DOGE", deposits=False)
    world.wallet.networks.change("XRP", "XRP", withdrawals=False)
    (doge,), (xrp,) = world.funds.networks("DOGE"), world.funds.networks("XRP")
    assert [(way.name, way.deposits, way.withdrawals) for way in (doge, xrp)] == [
        ("DOGE", False, True),
        ("XRP", True, False),
    ]


def test_a_coin_that_the_exchange_does_not_have_has_no_networks(world: World) -> None:
    assert list(world.funds.networks("XYZ")) == []


# Addresses


def test_a_deposit_address_is_the_accounts_own_and_stays(world: World) -> None:
    there = world.funds.deposit_address("USDT", "TRC20")
    form = world.wallet.networks.named("USDT", "TRX").form
    assert (there.destination, there.tag) == form.address_of(MAKER)
    assert world.funds.deposit_address("USDT", "TRC20") == there
    assert world.funds.deposit_address("USDT", "ERC20").destination.startswith("0x")


def test_where_an_address_is_everybodys_the_tag_is_the_accounts(world: World) -> None:
    there = world.funds.deposit_address("XRP", "XRP")
    form = world.wallet.networks.named("XRP", "XRP").form
    assert (there.destination, there.tag) == form.address_of(MAKER)
    assert there.tag


@pytest.mark.parametrize(
    ("coin", "network"),
    [("USDT", "DOGE"), ("XYZ", "TRC20"), ("USDT", "TRX"), ("USDT", "ETH"), ("USDT", ""), ("DOGE", "DOGE")],
)
def test_no_address_is_told_where_the_coin_is_not_taken(world: World, coin: str, network: str) -> None:
    world.wallet.networks.change("DOGE", "DOGE", deposits=False)
    with pytest.raises(NetworkUnknown):
        world.funds.deposit_address(coin, network)


# Deposits


def test_a_deposit_is_told_before_it_is_credited_and_after(world: World) -> None:
    began = world.clock.now()
    world.bring("12.345678", "hash-1")
    told = world.funds.deposits("USDT", began)
    pending = ExchangeDeposit(told[0].deposit_id, "hash-1", Quantity("12.345678", "USDT"), "TRC20", False, began)
    assert told == [pending]
    assert world.funds.free("USDT") == Quantity("1000", "USDT")
    world.settle()
    assert world.funds.free("USDT") == Quantity("1012.345678", "USDT")
    (credited,) = world.funds.deposits("USDT", began)
    assert credited == replace(pending, credited=True)


def test_deposits_are_the_accounts_own_of_one_coin_the_oldest_first(world: World) -> None:
    began = world.clock.now()
    for amount, hash_, coin, network, account in (
        ("1", "first", "USDT", "TRX", MAKER),
        ("2", "other's", "USDT", "TRX", OTHER),
        ("3", "other coin", "DOGE", "DOGE", MAKER),
        ("4", "second", "USDT", "ETH", MAKER),
    ):
        world.bring(amount, hash_, coin, network, account)
        world.settle()
    told = world.funds.deposits("USDT", began)
    assert [(one.transaction_hash, one.network) for one in told] == [("first", "TRC20"), ("second", "ERC20")]
    assert told[0].at < told[1].at


def test_deposits_are_told_since_a_time_however_long_ago(world: World) -> None:
    began = world.clock.now()
    for days, hash_ in ((1, "first"), (88, "second"), (1, "third"), (200, "fourth"), (0.5, "fifth")):
        world.clock.advance(days * 86_400)
        world.bring("1", hash_)
    told = world.funds.deposits("USDT", began)
    assert [one.transaction_hash for one in told] == ["first", "second", "third", "fourth", "fifth"]
    second = told[1].at
    assert [one.transaction_hash for one in world.funds.deposits("USDT", second + timedelta(seconds=1))] == [
        "third",
        "fourth",
        "fifth",
    ]
    assert world.funds.deposits("USDT", second)[0].transaction_hash == "second"


def test_all_that_came_and_left_is_told_of_all_coins_at_once(world: World) -> None:
    """What a person has withdrawn has no id of ours, and is not told."""
    began, funds = world.clock.now(), cast(AllFunds, world.funds)
    world.bring("1", "first")
    world.bring("3", "second", "DOGE", "DOGE")
    world.bring("2", "other's", account=OTHER)
    world.withdraw()
    world.wallet.withdrawals.apply(WithdrawalRequest(MAKER, "USDT", "TRX", TRON.destination, Decimal(50), "", ""))
    world.settle()
    of_each = [*world.funds.deposits("USDT", began), *world.funds.deposits("DOGE", began)]
    assert sorted(funds.all_deposits(began), key=str) == sorted(of_each, key=str)
    assert list(funds.all_withdrawals(began)) == [world.told()]


def test_two_deposits_of_one_transaction_are_two(world: World) -> None:
    world.wallet.deposits.mishaps.order(DepositMishap.TWICE)
    world.bring("5", "hash-1")
    told = world.funds.deposits("USDT", world.clock.now())
    assert [one.transaction_hash for one in told] == ["hash-1", "hash-1"]
    assert len({one.deposit_id for one in told}) == 2


def test_amounts_pass_through_no_float(world: World) -> None:
    amount = "1234567890.12345678"
    assert Decimal(repr(float(amount))) != Decimal(amount), "one that a float would change"
    began = world.clock.now()
    world.bring(amount, "hash-1", "DOGE", "DOGE")
    world.settle()
    (told,) = world.funds.deposits("DOGE", began)
    assert told.quantity == Quantity(amount, "DOGE")
    assert world.funds.free("DOGE") == Quantity("11234567890.12345678", "DOGE")
    world.funds.withdraw("DOGE", "DOGE", Address("D" + "x" * 33), Quantity(amount, "DOGE"), OURS)
    told_out = world.told(coin="DOGE")
    assert (told_out.quantity, told_out.fee) == (Quantity("1234567886.12345678", "DOGE"), Decimal(4))


# The balance


def test_what_the_account_does_not_have_is_nothing(world: World) -> None:
    for coin in ("BTC", "XYZ"):
        assert world.funds.free(coin) == Quantity(0, coin)


# Withdrawing


def test_a_withdrawal_leaves_less_the_fee_for_the_address_and_its_tag(world: World) -> None:
    world.withdraw("100.000001")
    world.funds.withdraw("XRP", "XRP", RIPPLE, Quantity("20", "XRP"), "b" * 32)
    assert world.funds.free("USDT") == Quantity("899.999999", "USDT")
    world.settle()
    usdt, xrp = world.wallet.withdrawals.outbox()
    assert (usdt.amount, usdt.fee, usdt.network) == (Decimal("99.000001"), Decimal(1), "TRX")
    assert (usdt.address, usdt.tag, usdt.own_id) == (TRON.destination, "", OURS)
    assert (xrp.amount, xrp.address, xrp.tag) == (Decimal("19.8"), RIPPLE.destination, RIPPLE.tag)


def _rejected(world: World) -> None:
    world.wallet.withdrawals.reject(world.left[0].withdrawal_id)


def _failed(world: World) -> None:
    world.wallet.withdrawals.fail(world.left[0].withdrawal_id, "no gas")


def _completed(world: World) -> None:
    world.wallet.withdrawals.complete(world.left[0].withdrawal_id, "hash-9")


def _closed(world: World) -> None:
    world.wallet.networks.change("USDT", "TRX", withdrawals=False)


def _poor(world: World) -> None:
    assert world.venue.withdraw(MAKER, "USDT", Decimal(900))


def _raised(world: World) -> None:
    world.wallet.networks.change("USDT", "TRX", withdraw_min=Decimal(500), withdraw_fee=Decimal(2))


@pytest.mark.parametrize("meanwhile", [None, _rejected, _failed, _completed, _closed, _poor, _raised])
def test_a_repeat_changes_nothing_whatever_became_of_the_first(
    world: World, meanwhile: Callable[[World], None] | None
) -> None:
    world.withdraw()
    world.settle()
    if meanwhile is not None:
        meanwhile(world)
    before = world.left, world.funds.free("USDT"), world.told()
    world.clock.advance(3600 * 24 * 80)
    world.withdraw()
    since = world.clock.now() - timedelta(days=81)
    assert (world.left, world.funds.free("USDT"), world.funds.withdrawal("USDT", OURS, since)) == before


@pytest.mark.parametrize(
    ("quantity", "to", "network"),
    [
        ("100.5", TRON, "TRC20"),
        ("100", Address("T" + "y" * 33), "TRC20"),
        ("100", ETHEREUM, "ERC20"),
        ("100", ETHEREUM, "BSC"),
    ],
)
def test_another_withdrawal_of_the_same_id_is_never_taken_for_it(
    world: World, quantity: str, to: Address, network: str
) -> None:
    world.withdraw(to=ETHEREUM if network == "BSC" else TRON, network="ERC20" if network == "BSC" else "TRC20")
    with pytest.raises(ExchangeUnavailable) as unavailable:
        world.withdraw(quantity, to, network)
    assert unavailable.value.facts["what"] == "not_believed"
    assert len(world.left) == 1


def test_an_id_that_another_coin_has_withdraws_nothing(world: World) -> None:
    world.withdraw()
    with pytest.raises(ExchangeUnavailable):
        world.funds.withdraw("XRP", "XRP", RIPPLE, Quantity("20", "XRP"), OURS)
    assert len(world.left) == 1


def test_another_tag_is_another_withdrawal(world: World) -> None:
    quantity = Quantity("20", "XRP")
    world.funds.withdraw("XRP", "XRP", RIPPLE, quantity, OURS)
    for tag in ("4712", ""):
        with pytest.raises(ExchangeUnavailable) as unavailable:
            world.funds.withdraw("XRP", "XRP", Address(RIPPLE.destination, tag), quantity, OURS)
        assert unavailable.value.facts["what"] == "not_believed"


@pytest.mark.parametrize("done", [False, True])
def test_after_an_answer_that_was_lost_a_repeat_withdraws_once(world: World, done: bool) -> None:
    (world.doors.drop_answer_next if done else world.doors.fail_before_next)("withdraw")
    with pytest.raises(ExchangeUnavailable):
        world.withdraw("1000")
    assert len(world.left) == done
    world.withdraw("1000")
    (left,) = world.left
    assert (left.paid, left.own_id) == (Decimal(1000), OURS)
    assert world.told().quantity == Quantity("999", "USDT")


@pytest.mark.parametrize(
    ("coin", "network", "to", "quantity", "ours"),
    [
        pytest.param("USDT", "TRC20", TRON, "1000.000001", True, id="more than there is"),
        pytest.param("USDT", "TRC20", TRON, "9.999999", False, id="too small"),
        pytest.param("USDT", "TRC20", TRON, "100.0000001", False, id="off its step"),
        pytest.param("USDT", "TRC20", TRON, "100.0000000001", False, id="of too many digits"),
        pytest.param("USDT", "TRC20", TRON, "0", False, id="nothing"),
        pytest.param("USDT", "TRC20", TRON, "-100", False, id="less than nothing"),
        pytest.param("USDT", "TRC20", ETHEREUM, "100", False, id="an address of another chain"),
        pytest.param("USDT", "TRC20", Address(TRON.destination, "1"), "100", False, id="a tag where there are none"),
        pytest.param("XRP", "XRP", Address(RIPPLE.destination, "x"), "20", False, id="a tag that can not be"),
    ],
)
def test_a_withdrawal_that_can_not_be_is_refused_and_nothing_leaves(
    world: World, coin: str, network: str, to: Address, quantity: str, ours: bool
) -> None:
    with pytest.raises(ExchangeRefused) as refused:
        world.funds.withdraw(coin, network, to, Quantity(quantity, coin), OURS)
    assert refused.value.detail
    assert refused.value.ours is ours
    assert world.left == []
    with pytest.raises(ExchangeWithdrawalUnknown):
        world.told(coin=coin)


@pytest.mark.parametrize(("coin", "network"), [("USDT", "DOGE"), ("XYZ", "TRC20"), ("USDT", "TRX"), ("USDT", "SOL")])
def test_nothing_leaves_on_a_network_that_is_not_there_or_closed(world: World, coin: str, network: str) -> None:
    world.wallet.networks.change("USDT", "SOL", withdrawals=False)
    with pytest.raises(NetworkUnknown):
        world.funds.withdraw(coin, network, TRON, Quantity("100", coin), OURS)
    assert world.left == []


def test_the_exchanges_own_no_is_definite(world: World) -> None:
    world.doors.refuse_next()
    with pytest.raises(ExchangeRefused) as refused:
        world.withdraw()
    assert refused.value.ours
    assert world.left == []
    world.withdraw()
    assert len(world.left) == 1


def test_a_quantity_of_another_coin_is_never_sent(world: World) -> None:
    with pytest.raises(ValueError, match="are no USDT"):
        world.funds.withdraw("USDT", "TRC20", TRON, Quantity("100", "XRP"), OURS)
    assert world.left == []


# What became of it


@pytest.mark.parametrize(
    ("end", "state", "hash_"),
    [
        (None, WithdrawalState.PENDING, None),
        (_completed, WithdrawalState.COMPLETED, "hash-9"),
        (_rejected, WithdrawalState.REFUSED, None),
        (_failed, WithdrawalState.REFUSED, None),
    ],
)
def test_every_end_of_a_withdrawal_is_told(
    world: World, end: Callable[[World], None] | None, state: WithdrawalState, hash_: str | None
) -> None:
    world.withdraw("100.5")
    assert world.told().state is WithdrawalState.PENDING
    world.settle()
    if end is not None:
        end(world)
    assert world.told() == ExchangeWithdrawal(
        withdrawal_id=OURS,
        quantity=Quantity("99.5", "USDT"),
        fee=Decimal(1),
        network="TRC20",
        destination=TRON.destination,
        state=state,
        transaction_hash=hash_,
    )
    assert world.funds.free("USDT") == Quantity("1000" if state is WithdrawalState.REFUSED else "899.5", "USDT")


def test_a_withdrawal_is_found_however_long_ago_it_was(world: World) -> None:
    began = world.clock.now()
    world.withdraw()
    world.clock.advance(300 * 86_400)
    world.withdraw(name="b" * 32)
    assert world.funds.withdrawal("USDT", OURS, began).withdrawal_id == OURS
    with pytest.raises(ExchangeWithdrawalUnknown):
        world.funds.withdrawal("USDT", OURS, began + timedelta(days=1))


def test_a_withdrawal_of_another_id_coin_or_account_is_unknown(world: World) -> None:
    theirs = WithdrawalRequest(OTHER, "USDT", "TRX", TRON.destination, Decimal(100), own_id=OURS)
    world.wallet.withdrawals.apply(theirs)
    world.withdraw(name="b" * 32)
    for name, coin in ((OURS, "USDT"), ("b" * 31, "USDT"), ("b" * 32, "XRP"), ("", "USDT")):
        with pytest.raises(ExchangeWithdrawalUnknown):
            world.told(name, coin)


# A day


def moved(world: World, days: int = 0) -> list[Movement]:
    day = (world.clock.now() + timedelta(days=days)).date()
    return sorted(cast(Movements, world.funds).movements(day), key=lambda one: one.quantity.amount)


def test_what_moved_on_a_day_is_told_of_all_coins_by_whomever(world: World) -> None:
    world.bring("10", "hash-1")
    world.bring("20", "hash-2", coin="XRP", network="XRP")
    world.bring("30", "hash-3", account=OTHER)
    world.withdraw("100")
    hand = WithdrawalRequest(MAKER, "USDT", "TRX", TRON.destination, Decimal(50), TRON.tag, "")
    world.wallet.withdrawals.apply(hand)
    assert [(one.went_out, one.quantity, one.our_id) for one in moved(world)] == [
        (False, Quantity("10", "USDT"), None),
        (False, Quantity("20", "XRP"), None),
        (True, Quantity("50", "USDT"), None),
        (True, Quantity("100", "USDT"), OURS),
    ]
    assert len({one.movement_id for one in moved(world)}) == 4
    assert moved(world, -1) == moved(world, 1) == []
    world.clock.advance(24 * 60 * 60)
    assert len(moved(world, -1)) == 4
    assert moved(world) == []


def test_a_withdrawal_that_was_refused_has_moved_nothing(world: World) -> None:
    world.wallet.withdrawals.mishaps.order(WithdrawalMishap.REJECT)
    world.withdraw()
    world.settle()
    assert moved(world) == []


# Faults


def _ask(world: World, operation: FakeOperation) -> object:
    match operation:
        case "networks":
            return world.funds.networks("USDT")
        case "deposit_address":
            return world.funds.deposit_address("USDT", "TRC20")
        case "deposits":
            return world.funds.deposits("USDT", world.clock.now())
        case "free":
            return world.funds.free("USDT")
        case "withdraw":
            world.withdraw(name="b" * 32)
            return None
        case "withdrawal":
            return world.told()
        case "movements":
            return cast(Movements, world.funds).movements(world.clock.now().date())


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("done", [False, True])
def test_after_a_call_without_an_answer_the_next_is_answered(
    world: World, operation: FakeOperation, done: bool
) -> None:
    """The call itself finds the exchange unavailable: nothing is asked twice unbidden."""
    world.withdraw()
    (world.doors.drop_answer_next if done else world.doors.fail_before_next)(operation)
    with pytest.raises(ExchangeUnavailable) as unavailable:
        _ask(world, operation)
    assert unavailable.value.detail
    _ask(world, operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_asks_too_often_is_told_how_long_to_wait(world: World, operation: FakeOperation) -> None:
    world.withdraw()
    world.doors.ban()
    with pytest.raises(ExchangeUnavailable) as unavailable:
        _ask(world, operation)
    assert unavailable.value.facts["what"] == "rate_limit"
    assert unavailable.value.facts["retry_after_seconds"] == RETRY_AFTER_SECONDS


@pytest.mark.parametrize("to", [Address("Ä"), Address("x" * 300, "Ä"), Address(TRON.destination, " ")])
def test_whatever_is_asked_nothing_of_a_vendors_own_gets_out(world: World, to: Address) -> None:
    with pytest.raises(Refusal):
        world.withdraw("1E+3", to, name="Ä" * 32)
    assert world.left == []
