"""A market-making order: its statuses (the seed's, verbatim, and three more in which money moves), what its payment has
to be, and how it is divided. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from uuid import UUID

from common import keys
from common.domain.pairs.model import Pair, coins
from common.errors import Conflict, NotFound, Rejected, Unavailable
from common.idempotency import IdempotencyKeyReused, id_of, terms
from common.money import EXACT, ROUNDING, Quantity, plain
from common.owner import Owner
from functions.market_making.campaigns import NOTHING, Choice, Seeker

POLL_EVERY = timedelta(seconds=5)  # seed: snapshots are polled every five seconds
POLLS_LAST = timedelta(minutes=1)  # each minute has an execution of its own
CHECK_AFTER_SECONDS = 5  # seed: the first check of a payment
CHECK_EVERY_SECONDS = 10  # seed
PAYMENT_LIMIT = timedelta(minutes=10)  # seed: from the first transfer; then the payment has failed
UNPAID_LIMIT = timedelta(minutes=15)  # an order that nobody pays is over; so long its fees are kept
CONFIRM_LIMIT = timedelta(minutes=30)  # seed: from sending to the exchange's credit; then a person looks
CONFIRM_EVERY_SECONDS = 30
REFUNDS_EVERY_SECONDS = 30
RETURNS_EVERY_SECONDS = 30
RETURN_LIMIT = timedelta(minutes=60)  # from one step on the way home to the next; then a person looks
ASKED_AGAIN = timedelta(minutes=2)  # whoever has been about to ask for a withdrawal is over by then, and it is listed
QUOTING_SECONDS = 24 * 3600  # so long a machine waits for its order's end, before it looks where the order stands
FIRST_SHARD = "1"  # of all accounts that are told no other
SHARDS = (FIRST_SHARD,)  # each with a ticker of its own
ORDERS_PER_ACCOUNT_MAX = 14  # docs/decisions/0035: the exchange's limit in ten seconds, and two to spare
ORDERS_PER_SHARD_MAX = 100
# From the last quote until it is sure that none can come to be any more, and two looks to spare; until then its token
# is not taken for lost.
CLOSES_WITHIN = timedelta(minutes=2)
CANCELS_EVERY_SECONDS = 10  # and looks whether they are gone
DUST_SHARE = Decimal("0.01")  # of the smallest order: so much of an asset may stay at the exchange, its payer's
CLOSING_LIMIT = timedelta(minutes=15)  # of what the exchange tells of an order's trades; then two operators decide
TICK_EVERY = timedelta(seconds=10)
TICKS_LAST = timedelta(minutes=1)  # of one execution of the machine; the next minute has another
TICK_SECONDS_MAX = 45  # then a tick's function is ended: before anything that it has decided may count as never placed
TICK_RESERVE_MILLISECONDS = 13_000  # a request to the exchange may last 12 s
TRANSFERS_MAX = 20  # into one order: all of them move in one transaction
CUSTODY_DECIMALS = 8
FEE_RISE_MAX = 2  # times what a withdrawal was told to cost when its order was opened: more is not paid for it
CREDITED_MIN = Decimal("0.99")  # of what was sent: an exchange that credits less is not believed without a person
# All that one transaction of a chain has brought is told by then: until then, what is not just what was sent may be
# another's.
TOLD_WITHIN = timedelta(minutes=10)
BPS = Decimal(10_000)


class Poll(StrEnum):
    """What the machine `snapshots` does next."""

    AGAIN = "AGAIN"
    OVER = "OVER"  # the next minute's execution goes on


class Tick(StrEnum):
    """What the machine `ticker` does next."""

    AGAIN = "AGAIN"
    OVER = "OVER"  # the next minute's execution goes on


class MarketMakingOrderNotFound(NotFound):
    """There is no such market-making order, or it is somebody else's."""


class TradingAccountNotFound(NotFound):
    """There is no such trading account."""


class TradingAccountFixed(Conflict):
    """The exchange of a trading account never changes; its shard not while it carries orders; nor the coin of its fees,
    unless it is halted."""


class FeeCoinOwn(Conflict):
    """An account pays its fees in one coin, of whichever order there: no order has that for its own."""


class ShardFull(Conflict):
    """The accounts of a shard may carry so many orders together, and no more: its ticker has ten seconds for them."""


class TradingAccountMoved(Conflict):
    """The trading account was saved by somebody else meanwhile. Look at it again."""


class HaltNotFound(NotFound):
    """There is no such halt of a trading account."""


class AccountStillShort(Conflict):
    """The exchange has less on the account than its orders are owed there. It stays halted until all of it is there."""


class NoCapacity(Conflict):
    """Every trading account of the pair's exchange is full. Ask again when an order has ended."""


class MarketMakingOrderMoved(Conflict):
    """The order has moved meanwhile, and is not where this could be done to it: look at it again."""


class FundingTooSmall(Rejected):
    """An order of the pair needs at least so much of each asset."""


class PaymentIncomplete(Unavailable):
    """Not all that is to be paid has come in; it may still."""


class DepositUnconfirmed(Unavailable):
    """The chain or the exchange has not got all of it; it is looked for again."""


class RefundUnderway(Unavailable):
    """What is to go back has not arrived yet."""


class QuotesOpen(Unavailable):
    """The exchange may still have orders of it; they are cancelled, and looked for again."""


class ReturnUnderway(Unavailable):
    """What comes home has not arrived yet."""


class NotStoppable(Conflict):
    """The order can not be stopped: it does not quote, or not any more."""


class NothingToWithdraw(Conflict):
    """Nothing of the order is at the exchange, or it is on its way home already."""


class NotPausable(Conflict):
    """Only an order that is running can be paused."""


class NotResumable(Conflict):
    """The order is not paused, or what it was paused for is still so."""


class NotConfigurable(Conflict):
    """The order does not quote: not yet, or not any more."""


class ConfigurationMoved(Conflict):
    """The order is configured anew since the version that was told. Read it again."""


class NoMarketPrice(Unavailable):
    """The market has no price now. Ask again."""


class Status(StrEnum):
    PAYMENT_PENDING = "payment_pending"
    PAYMENT_INCOMPLETE = "payment_incomplete"
    PAYMENT_COMPLETE = "payment_complete"
    WITHDRAWING = "withdrawing"
    WITHDRAWAL_CONFIRMED = "withdrawal_confirmed"
    DEPOSIT_CONFIRMING = "deposit_confirming"
    DEPOSIT_CONFIRMED = "deposit_confirmed"
    JOINING_CAMPAIGN = "joining_campaign"
    CAMPAIGN_JOINED = "campaign_joined"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    RETURNING = "returning"
    RETURNED = "returned"
    FAILED = "failed"
    REFUNDED = "refunded"


_S = Status
TRANSITIONS: dict[Status, set[Status]] = {
    _S.PAYMENT_PENDING: {_S.PAYMENT_INCOMPLETE, _S.PAYMENT_COMPLETE, _S.FAILED},
    _S.PAYMENT_INCOMPLETE: {_S.PAYMENT_COMPLETE, _S.FAILED},
    _S.PAYMENT_COMPLETE: {_S.WITHDRAWING, _S.FAILED},
    _S.WITHDRAWING: {_S.WITHDRAWAL_CONFIRMED, _S.FAILED},
    _S.WITHDRAWAL_CONFIRMED: {_S.DEPOSIT_CONFIRMING},
    _S.DEPOSIT_CONFIRMING: {_S.DEPOSIT_CONFIRMED, _S.FAILED},
    _S.DEPOSIT_CONFIRMED: {_S.JOINING_CAMPAIGN},
    _S.JOINING_CAMPAIGN: {_S.CAMPAIGN_JOINED},
    _S.CAMPAIGN_JOINED: {_S.CREATED},
    _S.CREATED: {_S.RUNNING, _S.STOPPING},
    _S.RUNNING: {_S.PAUSED, _S.STOPPING},
    _S.PAUSED: {_S.RUNNING, _S.STOPPING},
    _S.STOPPING: {_S.STOPPED},
    _S.STOPPED: {_S.STOPPING, _S.RETURNING},  # stopped once more: a quote has turned up
    _S.RETURNING: {_S.RETURNED, _S.REFUNDED},
    _S.RETURNED: set(),
    _S.FAILED: {_S.REFUNDED, _S.RETURNING},
    _S.REFUNDED: set(),
}
OPERATORS_ONLY: set[tuple[Status, Status]] = {
    (_S.DEPOSIT_CONFIRMING, _S.FAILED),
    (_S.FAILED, _S.RETURNING),
}
PAYABLE = frozenset({_S.PAYMENT_PENDING, _S.PAYMENT_INCOMPLETE})  # transfers into it are its own


@dataclass(frozen=True)
class TradingAccount:
    """An account at an exchange, whose orders are market making's alone. `orders` are those that it carries now.
    `fee_coin`: in which the exchange takes its fees there, if not in what is received; the account pays it, so that no
    order has it for its own."""

    account_id: str
    exchange: str
    capacity: int
    orders: int
    enabled: bool
    shard: str = FIRST_SHARD
    fee_coin: str | None = None

    @property
    def has_room(self) -> bool:
        return self.enabled and self.orders < min(self.capacity, ORDERS_PER_ACCOUNT_MAX)

    def takes(self, pair: Pair) -> bool:
        """May it carry an order of a pair?"""
        return self.exchange == pair.exchange and self.fee_coin not in pair.coins


@dataclass(frozen=True)
class Fees:
    """What the two withdrawals to the exchange cost, as it was told when the order was opened. They may be in one
    asset, and in the base or the quote asset; and are nothing where the custody asks for nothing."""

    base: Quantity
    quote: Quantity

    def of(self, asset_id: str) -> Decimal:
        return EXACT.add(
            self.base.amount if self.base.asset_id == asset_id else Decimal(0),
            self.quote.amount if self.quote.asset_id == asset_id else Decimal(0),
        )


@dataclass(frozen=True)
class Order:
    """`opponent_id` is who pays, from the first transfer on; `owner` is known where the order was opened by API, or its
    payer's Mixin id is linked. `base_asked` and `quote_asked` are what has to be paid: what its owner means to put in,
    or the pair's smallest sums where a transfer has opened it. `fees` are kept until `created_at + UNPAID_LIMIT`.
    `transfers` counts those that are the order's."""

    order_id: str
    pair_id: UUID
    symbol: str
    exchange: str
    account_id: str
    base_asset_id: str
    quote_asset_id: str
    base_min: Decimal  # the pair's, when it was opened
    quote_min: Decimal
    base_asked: Decimal
    quote_asked: Decimal
    fee_bps: Decimal
    fees: Fees
    status: Status
    created_at: datetime
    updated_at: datetime
    owner: Owner | None = None
    opponent_id: str | None = None
    terms: str | None = None
    transfers: int = 0
    first_paid_at: datetime | None = None
    base: Quantity | None = None  # what was sent on to the exchange
    quote: Quantity | None = None
    fee: Quantity | None = None  # the desk's
    sent_at: datetime | None = None
    reason: str | None = None
    campaign_id: str | None = None
    choice: Choice = NOTHING  # of campaigns of others
    token: str | None = None
    goes_home: bool = False  # its owner wants it back, once it is stopped; operators, where it has failed
    after_failure: bool = False  # what comes home is a refund
    shard: str | None = None  # whose ticker quotes for it, from its start on
    left_behind: Mapping[str, str] = field(default_factory=dict)  # dust at the exchange, once it is over: by symbol
    waits_for: str | None = None
    needs_person: bool = False

    @property
    def coins(self) -> tuple[str, str]:
        """As of `coins`."""
        return coins(self.symbol)

    def is_dust(self, quantity: Quantity) -> bool:
        """Is it so little of base or quote that nobody is asked about it, where it is too little to be withdrawn?"""
        least = {self.base_asset_id: self.base_min, self.quote_asset_id: self.quote_min}[quantity.asset_id]
        return quantity.amount <= EXACT.multiply(least, DUST_SHARE)

    @property
    def coin(self) -> str:
        """Of the two, the one that it makes a market for."""
        return self.coins[0]

    @property
    def payment_due_at(self) -> datetime:
        """When the payment has failed, if it is not complete by then."""
        if self.first_paid_at is None:
            return self.created_at + UNPAID_LIMIT
        return self.first_paid_at + PAYMENT_LIMIT

    def repeated(self, asked: Terms) -> Order:
        """This order, as the answer to a repeat. Raises IdempotencyKeyReused."""
        if self.terms != asked.fingerprint:
            raise IdempotencyKeyReused(self.order_id)
        return self

    def takes(self, asset_id: str) -> bool:
        """Is an asset one of those that are to be paid?"""
        return asset_id in self.required

    @property
    def required(self) -> dict[str, Decimal]:
        """What has to come in at least, by asset: fees and smallest sums, together where they are one asset."""
        least: dict[str, Decimal] = {self.base_asset_id: self.base_asked, self.quote_asset_id: self.quote_asked}
        for fee in (self.fees.base, self.fees.quote):
            least[fee.asset_id] = EXACT.add(least.get(fee.asset_id, Decimal(0)), fee.amount)
        return least


@dataclass(frozen=True)
class Member:
    """An order that a shard's ticker quotes for, as it is told, at `told_at`. `config` is the version that counts."""

    order_id: str
    account_id: str
    symbol: str
    status: Status
    config: int
    told_at: datetime

    @property
    def coins(self) -> tuple[str, str]:
        """As of `coins`."""
        return coins(self.symbol)


@dataclass(frozen=True)
class Transfer:
    """A snapshot that pays for an order."""

    incoming_id: str
    snapshot_id: str
    quantity: Quantity
    created_at: datetime


def received(transfers: Sequence[Transfer]) -> dict[str, Decimal]:
    """By asset."""
    found: dict[str, Decimal] = {}
    for transfer in transfers:
        asset_id = transfer.quantity.asset_id
        found[asset_id] = EXACT.add(found.get(asset_id, Decimal(0)), transfer.quantity.amount)
    return found


def missing(order: Order, transfers: Sequence[Transfer]) -> dict[str, Decimal]:
    """What is still to come in, by asset; nothing when the payment is complete."""
    there = received(transfers)
    short = {
        asset_id: EXACT.subtract(least, there.get(asset_id, Decimal(0))) for asset_id, least in order.required.items()
    }
    return {asset_id: amount for asset_id, amount in short.items() if amount > 0}


class Way(StrEnum):
    """Of a leg."""

    OUT = "OUT"  # from the custody to the exchange
    HOME = "HOME"
    REST = "REST"  # it stays at the exchange: too small to be withdrawn, or without a way


class LegStatus(StrEnum):
    INTENDED = "INTENDED"
    CONFIRMED = "CONFIRMED"  # its chain has it; of one home, the exchange was asked for it
    ARRIVED = "ARRIVED"
    KEPT = "KEPT"  # it stays at the exchange: operators have settled it otherwise
    LEFT = "LEFT"  # of a rest: nobody has settled it yet. Of an order that is over it is dust, and its payer's


@dataclass(frozen=True)
class Leg:
    """One asset of an order on its way, or what of it stays behind. `sent_by` is the outgoing transfer that takes it
    out, the exchange's withdrawal that brings it home, or "" of a rest; `arrived` is what the other side has
    credited. Of a leg home, `fee` is what the exchange has told that it costs, and `asked_at` when it was last about
    to be asked for it."""

    order_id: str
    way: Way
    quantity: Quantity
    symbol: str
    network: str
    sent_by: str
    status: LegStatus
    created_at: datetime
    updated_at: datetime
    transaction_hash: str | None = None
    arrived: Quantity | None = None
    incoming_id: str | None = None  # of a leg home: what the custody has received
    fee: Decimal | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True)
class Division:
    """Where all that was paid goes: `base` and `quote` to the exchange, which costs `fees`; `fee` to the desk;
    `surplus`, by asset, back to who paid it. Together they are what came in, to the last digit. What goes to the
    exchange has no more decimals than its chain."""

    base: Quantity
    quote: Quantity
    fees: Fees
    fee: Quantity
    surplus: Mapping[str, Decimal] = field(default_factory=dict)


class FeesRose(Unavailable):
    """What was paid does not cover what the withdrawals cost now, and the smallest order; or they cost much more than
    they were told to. They may fall again."""


def hold_against_told(order: Order, fees: Fees) -> None:
    """What the withdrawals cost now, against what they were told to cost when the order was opened: what is put in over
    the smallest order is there to make a market with, and not to pay whatever the custody tells. Raises FeesRose."""
    for now, told in ((fees.base, order.fees.base), (fees.quote, order.fees.quote)):
        if now.asset_id != told.asset_id or now.amount > EXACT.multiply(told.amount, Decimal(FEE_RISE_MAX)):
            raise FeesRose(f"withdrawing costs more than it was told to: {now} instead of {told}")


def lacking(short: Mapping[str, Decimal]) -> str:
    told = ", ".join(f"{plain(amount)} of {asset_id}" for asset_id, amount in sorted(short.items()))
    return f"{told} missing"


def divide(order: Order, transfers: Sequence[Transfer], fees: Fees, decimals: Mapping[str, int]) -> Division:
    """What was paid, divided by what the withdrawals cost now. What was paid over a fee stays the order's: as base or
    quote, or, in another asset, it goes back; and so does what is finer than the chain carries (`decimals`, of the base
    and the quote asset). Raises FeesRose."""
    priced = replace(order, fees=fees)
    if short := missing(priced, transfers):
        raise FeesRose(f"withdrawing costs more than was paid for it: {lacking(short)}")
    left = {asset_id: EXACT.subtract(amount, fees.of(asset_id)) for asset_id, amount in received(transfers).items()}
    paid = left[order.quote_asset_id]
    share = ROUNDING.divide(EXACT.multiply(paid, order.fee_bps), BPS)
    fee = _rounded_down(share, decimals[order.quote_asset_id])
    left[order.quote_asset_id] = EXACT.subtract(paid, fee)
    legs = {
        asset_id: _rounded_down(left[asset_id], decimals[asset_id])
        for asset_id in (order.base_asset_id, order.quote_asset_id)
    }
    for asset_id, amount in legs.items():
        if amount <= 0:  # it could never be sent, and the order would wait for it
            raise FeesRose(f"{plain(left[asset_id])} of {asset_id} are left, less than its chain is told to carry")
    surplus = {asset_id: EXACT.subtract(amount, legs.get(asset_id, Decimal(0))) for asset_id, amount in left.items()}
    return Division(
        base=Quantity(legs[order.base_asset_id], order.base_asset_id),
        quote=Quantity(legs[order.quote_asset_id], order.quote_asset_id),
        fees=fees,
        fee=Quantity(fee, order.quote_asset_id),
        surplus={asset_id: amount for asset_id, amount in surplus.items() if amount},
    )


def _rounded_down(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-min(decimals, CUSTODY_DECIMALS)), ROUND_FLOOR, ROUNDING)


def order_id(uuid: UUID) -> str:
    """`M…`: the memo's order id, so that either leads to the other."""
    return id_of(keys.MARKET_MAKING_ORDER, uuid)


def begun(order: Order, opponent_id: str | None, at: datetime) -> Order:
    """The order with its first transfer."""
    return replace(order, opponent_id=opponent_id, transfers=1, first_paid_at=at)


@dataclass(frozen=True)
class Terms:
    """What an owner asks for by API: an order of a pair, and what he means to put in."""

    pair_id: UUID
    base: Decimal
    quote: Decimal
    campaign_id: str | None = None
    choice: Choice = NOTHING
    configured: str | None = None  # by what it is to quote, as `configuration.written` has written it

    @property
    def fingerprint(self) -> str:
        asked = {"base": self.base, "quote": self.quote, "campaign_id": self.campaign_id}
        if self.configured is not None:
            asked["configured"] = self.configured
        choice = self.choice
        asked |= {"hufi_campaign": choice.named, "hufi_kind": choice.kind, "hufi_token": choice.token}
        return terms(pair_id=str(self.pair_id), **asked)


@dataclass(frozen=True)
class AtExchange:
    """What of an order is at the exchange: its own ledger, whatever the account holds besides."""

    base: Quantity
    quote: Quantity


def seeker(order: Order) -> Seeker:
    return Seeker(order.order_id, order.account_id, order.exchange, order.symbol, order.choice)


def default_campaign(order: Order) -> str:
    """Seed: `mm_{exchange}_{pair}`."""
    return f"mm_{order.exchange}_{order.symbol}"


class Stage(StrEnum):
    """What the machine `market-making` does next, as the table says."""

    FUND = "FUND"  # the payment is not complete
    REFUND = "REFUND"  # what came in goes back
    WITHDRAW = "WITHDRAW"  # send it to the exchange
    CONFIRM = "CONFIRM"  # until the exchange has credited it
    JOIN = "JOIN"
    START = "START"
    QUOTE = "QUOTE"
    STOP = "STOP"
    RETURN = "RETURN"  # withdraw from the exchange
    HOME = "HOME"  # until who paid has it
    NEEDS_PERSON = "NEEDS_PERSON"
    DONE = "DONE"


_NEXT: dict[Status, Stage] = {
    _S.PAYMENT_PENDING: Stage.FUND,
    _S.PAYMENT_INCOMPLETE: Stage.FUND,
    _S.PAYMENT_COMPLETE: Stage.WITHDRAW,
    _S.WITHDRAWING: Stage.CONFIRM,
    _S.WITHDRAWAL_CONFIRMED: Stage.CONFIRM,
    _S.DEPOSIT_CONFIRMING: Stage.CONFIRM,
    _S.DEPOSIT_CONFIRMED: Stage.JOIN,
    _S.JOINING_CAMPAIGN: Stage.JOIN,
    _S.CAMPAIGN_JOINED: Stage.START,
    _S.CREATED: Stage.QUOTE,
    _S.RUNNING: Stage.QUOTE,
    _S.PAUSED: Stage.QUOTE,
    _S.STOPPING: Stage.STOP,
    _S.STOPPED: Stage.DONE,
    _S.RETURNING: Stage.HOME,
    _S.RETURNED: Stage.DONE,
    _S.FAILED: Stage.REFUND,
    _S.REFUNDED: Stage.DONE,
}


def stage(order: Order) -> Stage:
    if order.needs_person:
        return Stage.NEEDS_PERSON
    if order.goes_home and order.status in (Status.STOPPED, Status.FAILED):
        return Stage.RETURN
    if order.left_behind and order.waits_for is not None:  # operators have decided about its dust
        return Stage.HOME
    return _NEXT[order.status]


def facts(order: Order) -> dict[str, str]:
    """What a person reads of an order in its machine's history."""
    told = {"status": order.status.value, "reason": order.reason or "", "pair": f"{order.symbol} at {order.exchange}"}
    if order.opponent_id is not None:
        told["payer"] = order.opponent_id
    if order.base is not None and order.quote is not None:
        told |= {"base": str(order.base), "quote": str(order.quote)}
    if order.needs_person:
        told["reason"] = order.waits_for or ""
    return told
