"""What an owner asks of his market-making orders: to open one, and to read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

from common.domain import flow_halts
from common.domain.flow_halts import Flow
from common.domain.pairs import store as pair_store
from common.domain.pairs.model import Pair, PairNotFound
from common.domain.timeline import CUSTOMER
from common.errors import Conflict
from common.idempotency import Replayable, derived_uuid, uuid_of
from common.money import EXACT, Quantity, plain
from common.owner import Owner
from common.table.table import Page, Position, Table
from functions.market_making import memo, model, quotes_store, store
from functions.market_making.memo import Memo
from functions.market_making.model import (
    PAYABLE,
    UNPAID_LIMIT,
    FundingTooSmall,
    NoCapacity,
    Order,
    Status,
    Terms,
    TradingAccount,
    Transfer,
)
from functions.market_making.service.paying import Paying, room
from functions.market_making.service.routes import WAYLESS
from functions.market_making.store import AlreadyOpened


class PairUnreachable(Conflict):
    """There is no way to the pair's exchange now, or it is not traded. Ask again later, or for another pair."""


@dataclass(frozen=True)
class ToPay:
    """One transfer that opens an order: `purpose` is base, quote, base_fee or quote_fee."""

    purpose: str
    quantity: Quantity


@dataclass(frozen=True)
class Due:
    """A transfer that is to be made, and whether so much has come in. `link` opens it in the payer's Mixin: always
    under the same number, by which Mixin makes it once."""

    transfer: ToPay
    arrived: bool
    link: str


@dataclass(frozen=True)
class Payment:
    """`missing`: by asset. `seconds_left` until the time for it is over."""

    due: list[Due]
    missing: dict[str, Decimal]
    seconds_left: int


@dataclass(frozen=True)
class Opening:
    table: Table
    paying: Paying
    now: Callable[[], datetime]

    def open(self, owner: Owner, idempotency_key: str, asked: Terms) -> Replayable[Order]:
        """Open an order, whose payment is waited for during 15 minutes; so long what its withdrawals cost is kept, and
        its place at a trading account.

        Raises, in this order: IdempotencyKeyReused; PairNotFound; PairUnreachable; Halted; FundingTooSmall; NoCapacity;
        ExchangeUnavailable, NoTradingKey, CustodyUnavailable; Busy.
        """
        uuid = derived_uuid(owner.username, owner.sub, "POST /market-making/orders", idempotency_key)
        known = store.find(self.table, model.order_id(uuid))
        if known is not None:
            return Replayable(known.repeated(asked), replayed=True)
        pair = self.pair(asked.pair_id)
        base, quote = pair.coins
        flow_halts.must_run(self.table, Flow.MARKET_MAKING, base, quote)
        if asked.base < pair.base_min or asked.quote < pair.quote_min:
            raise FundingTooSmall(
                f"an order of {pair.symbol} needs {plain(pair.base_min)} {base} and {plain(pair.quote_min)} {quote} at "
                "least",
                base_min=plain(pair.base_min),
                quote_min=plain(pair.quote_min),
            )
        for account in self.paying.rooms(pair):
            try:
                return self._open(owner, uuid, pair, account, asked)
            except NoCapacity:
                continue  # its last place has just been taken
        raise NoCapacity("every trading account of the exchange is full; ask again later", retry_after_seconds=600)

    def _open(self, owner: Owner, uuid: UUID, pair: Pair, account: TradingAccount, asked: Terms) -> Replayable[Order]:
        at = self.now()
        try:
            draft = self.paying.draft(pair, account, uuid, at)
        except WAYLESS as no:
            raise PairUnreachable(f"there is no way to {pair.exchange} now: {no}") from no
        order = replace(
            draft,
            owner=owner,
            terms=asked.fingerprint,
            base_asked=asked.base,
            quote_asked=asked.quote,
            campaign_id=asked.campaign_id,
            choice=asked.choice,
        )
        opened = f"to be paid within 15 minutes: {_told(to_pay(order))}"
        try:
            self.table.write(
                store.insert(order, at + UNPAID_LIMIT + timedelta(seconds=30)),
                *room(order, at),
                store.event(order, Status.PAYMENT_PENDING, opened, CUSTOMER, at, first=True),
                *(
                    []
                    if asked.configured is None
                    else [quotes_store.configure(order.order_id, 1, asked.configured, at)]
                ),
            )
        except AlreadyOpened as repeat:
            return Replayable(repeat.order.repeated(asked), replayed=True)
        return Replayable(order)

    def pair(self, pair_id: UUID) -> Pair:
        """Raises PairNotFound, PairUnreachable."""
        pair = pair_store.pair(self.table, pair_id)
        if not pair.enabled:
            raise PairUnreachable(f"{pair.symbol} is not traded now")
        return pair

    def named(self, exchange: str, symbol: str) -> UUID:
        """Raises PairNotFound."""
        for pair in pair_store.pairs(self.table):
            if (pair.exchange, pair.symbol) == (exchange, symbol):
                return pair.pair_id
        raise PairNotFound(f"{symbol} is not traded at {exchange} here")

    def pairs(self) -> list[Pair]:
        """Those that may be traded now."""
        return [pair for pair in pair_store.pairs(self.table) if pair.enabled]

    def order(self, owner: Owner, order_id: str) -> Order:
        """Raises MarketMakingOrderNotFound."""
        return store.visible(self.table, owner, order_id)

    def transfers(self, order: Order) -> list[Transfer]:
        """What has come in for it."""
        return store.transfers(self.table, order.order_id)

    def payment(self, order: Order) -> Payment | None:
        """What is to be paid, and what of it has come in; None once nothing is waited for. What came of an asset is
        counted for the first of its transfers that it is enough for."""
        if order.status not in PAYABLE:
            return None
        there, payee = self.transfers(order), self.paying.routes.custody().user_id
        left, due = model.received(there), []
        for part in to_pay(order):
            asset_id, amount = part.quantity.asset_id, part.quantity.amount
            arrived = left.get(asset_id, Decimal(0)) >= amount
            if arrived:
                left[asset_id] = EXACT.subtract(left[asset_id], amount)
            due.append(Due(part, arrived, _link(payee, order, part)))
        left_over = int((order.payment_due_at - self.now()).total_seconds())
        return Payment(due, model.missing(order, there), max(left_over, 0))

    def orders(self, owner: Owner, *, limit: int, after: Position | None) -> Page[Order]:
        """A page of the owner's market-making orders, newest first, that goes on where it is short."""
        query = store.of_user(owner)
        return self.table.filled(store.OrderItem, query, limit=limit, after=after).of(store.order_of)


def memo_of(order: Order) -> str:
    """What each of its transfers has to carry."""
    return memo.encode(Memo(order.pair_id, uuid_of(order.order_id)))


def _link(payee: str, order: Order, part: ToPay) -> str:
    """Source of the format: github.com/MixinNetwork/developers.mixin.one @99a7514, its payment of Safe:
    https://mixin.one/pay/{user}?asset=&amount=&memo=&trace="""
    asked = {
        "asset": part.quantity.asset_id,
        "amount": plain(part.quantity.amount),
        "memo": memo_of(order),
        "trace": str(derived_uuid("pay", order.order_id, part.purpose)),
    }
    return f"https://mixin.one/pay/{payee}?{urlencode(asked)}"


def to_pay(order: Order) -> list[ToPay]:
    """The transfers that pay for an order; what costs nothing is not there."""
    parts = [
        ToPay("base", Quantity(order.base_asked, order.base_asset_id)),
        ToPay("quote", Quantity(order.quote_asked, order.quote_asset_id)),
        ToPay("base_fee", order.fees.base),
        ToPay("quote_fee", order.fees.quote),
    ]
    return [part for part in parts if part.quantity.amount]


def _told(parts: Sequence[ToPay]) -> str:
    together: dict[str, Decimal] = {}
    for part in parts:
        asset_id = part.quantity.asset_id
        together[asset_id] = EXACT.add(together.get(asset_id, Decimal(0)), part.quantity.amount)
    return ", ".join(f"{plain(amount)} of {asset_id}" for asset_id, amount in together.items())
