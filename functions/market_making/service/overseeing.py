"""What operators look at and do by themselves: orders of everybody, and trading accounts; they look at pairs, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.domain import audit, halts, timeline
from common.domain.audit import AuditEntry
from common.domain.custody import model as custody_model
from common.domain.custody import store as custody_store
from common.domain.custody.model import Incoming, Kind, Outgoing
from common.domain.pairs import store as pair_store
from common.domain.pairs.model import Pair
from common.domain.timeline import TimelineEvent
from common.operator_outcome import OperatorOutcome, changes
from common.table.table import Page, Position, Table
from common.table.transaction import Write
from functions.market_making import account_store, leg_store, quotes_store, shard_store, store
from functions.market_making.model import (
    ORDERS_PER_SHARD_MAX,
    FeeCoinOwn,
    Leg,
    NothingToWithdraw,
    NotStoppable,
    Order,
    ShardFull,
    Status,
    TradingAccount,
    TradingAccountFixed,
    TradingAccountNotFound,
    Way,
)
from functions.market_making.quotes import Quotes
from functions.market_making.service.quoting import OVER, STOPPABLE, Quoting


@dataclass(frozen=True)
class Life:
    """All there is of an order: what came in for it, its legs, every outgoing transfer, and what happened."""

    order: Order
    snapshots: Sequence[Incoming]
    legs: Sequence[Leg]
    outgoing: Sequence[Outgoing]
    events: Sequence[TimelineEvent]
    quotes: Quotes | None = None  # once its ledger is open


@dataclass(frozen=True)
class Overseeing:
    table: Table
    quoting: Quoting
    now: Callable[[], datetime]

    # Orders

    def orders(self, status: Status | None, *, limit: int, after: Position | None) -> Page[Order]:
        """A page of all orders, in no order; it may be short, even empty, and still not the last."""
        return store.page(self.table, status, limit=limit, after=after)

    def life(self, order_id: str) -> Life:
        """Raises MarketMakingOrderNotFound."""
        order = store.existing(self.table, order_id)
        transfers = store.transfers(self.table, order_id)
        snapshots = [custody_store.incoming(self.table, transfer.incoming_id) for transfer in transfers]
        legs = leg_store.all_legs(self.table, order_id)
        outgoing = list(self._outgoing(order, snapshots, legs))
        quotes = quotes_store.find(self.table, order_id, consistent=False)
        return Life(order, snapshots, legs, outgoing, list(timeline.of(self.table, order_id)), quotes)

    def _outgoing(self, order: Order, snapshots: Sequence[Incoming], legs: Sequence[Leg]) -> Iterator[Outgoing]:
        ids = [leg.sent_by for leg in legs if leg.way is Way.OUT]
        ids += [snapshot.outgoing_id for snapshot in snapshots if snapshot.outgoing_id is not None]
        for asset_id in order.required:
            for kind in (Kind.SURPLUS, Kind.REFUND, Kind.HOME):
                ids.append(custody_model.outgoing_id(kind, order.order_id, asset_id))
        for outgoing_id in dict.fromkeys(ids):
            found = custody_store.find_outgoing(self.table, outgoing_id)
            if found is not None:
                yield found

    def stop(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """End an order's quotes, for its owner. A repeat changes nothing.

        Raises MarketMakingOrderNotFound; NotStoppable; MarketMakingOrderMoved, Busy.
        """
        order = store.existing(self.table, order_id)
        if order.status in OVER:
            return OperatorOutcome.repeat(order_id, order.status, f"is {order.status} already; nothing to do")
        if order.status not in STOPPABLE:
            raise NotStoppable(f"the order is {order.status}: it is not quoting", id=order_id)
        if not dry_run:
            self.quoting.stop(order_id, operator, also=self._entry("mm stop", order_id, reason, operator))
        says = "it quotes no more; the money stays at the exchange"
        return OperatorOutcome(order_id, order.status, Status.STOPPING, done=not dry_run, says=says)

    def bring_home(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Bring an order's money home to who paid it, for its owner. A repeat changes nothing.

        Raises MarketMakingOrderNotFound; NothingToWithdraw; MarketMakingOrderMoved, Busy.
        """
        order = store.existing(self.table, order_id)
        if order.goes_home or order.status in (Status.RETURNING, Status.RETURNED):
            return OperatorOutcome.repeat(order_id, order.status, "comes home already, or has; nothing to do")
        if order.status not in STOPPABLE | {Status.STOPPING, Status.STOPPED}:
            raise NothingToWithdraw(f"the order is {order.status}; nothing of it can be brought home", id=order_id)
        if not dry_run:
            self.quoting.bring_home(order_id, operator, also=self._entry("mm withdraw", order_id, reason, operator))
        after = Status.STOPPING if order.status in STOPPABLE else order.status
        says = f"its money goes back to {order.opponent_id}, less what withdrawing costs"
        return OperatorOutcome(order_id, order.status, after, done=not dry_run, says=says)

    # Trading accounts and pairs

    def accounts(self) -> list[TradingAccount]:
        return account_store.accounts(self.table)

    def save_account(
        self,
        account_id: str,
        exchange: str,
        capacity: int,
        enabled: bool | None,
        reason: str,
        operator: str,
        *,
        dry_run: bool,
        shard: str | None = None,
        fee_coin: str | None = None,
    ) -> OperatorOutcome:
        """Write a trading account, new or changed; what it carries stays, and what is not said. A new one is enabled,
        of the first shard, and without a coin of its fees, which is "". While it carries orders that is said only of
        one that is halted: no order is opened there meanwhile. A repeat changes nothing.

        Raises TradingAccountFixed, FeeCoinOwn, ShardFull, TradingAccountMoved, HaltMoved, Busy.
        """
        before = self._account(account_id)
        if before is not None and before.exchange != exchange:
            raise TradingAccountFixed(f"{account_id} is an account at {before.exchange}", id=account_id)
        saved = before or TradingAccount(account_id, exchange, capacity, 0, enabled=True)
        saved = replace(saved, capacity=capacity)
        saved = saved if enabled is None else replace(saved, enabled=enabled)
        saved = saved if shard is None else replace(saved, shard=shard)
        saved = saved if fee_coin is None else replace(saved, fee_coin=fee_coin or None)
        also = self._hold_against(saved, before)
        told = None if before is None else vars(before)
        says = changes(told, vars(saved))
        status = None if before is None else _enabled(before.enabled)
        if not says:
            return OperatorOutcome.repeat(account_id, status, "is so already; nothing to do")
        if not dry_run:
            entry = self._entry("mm save-account", account_id, f"{says}: {reason}", operator)
            self.table.write(account_store.save_account(saved, before, self.now()), *also, *entry)
        return OperatorOutcome(account_id, status, _enabled(saved.enabled), done=not dry_run, says=says)

    def _hold_against(self, saved: TradingAccount, before: TradingAccount | None) -> list[Write]:
        """What has to stay so until it is written. Raises TradingAccountFixed, FeeCoinOwn, ShardFull."""
        moves, also = before is not None and saved.shard != before.shard, list[Write]()
        pays = before is not None and saved.fee_coin != before.fee_coin and bool(saved.orders)
        if (moves and saved.orders) or (pays and halts.of(self.table, saved.account_id) is None):
            raise TradingAccountFixed(f"{saved.account_id} carries {saved.orders} orders", id=saved.account_id)
        if pays:
            self._hold_against_orders(saved)
            also.append(halts.still(saved.account_id))
        others = [a for a in self.accounts() if a.shard == saved.shard and a.account_id != saved.account_id]
        together = saved.capacity + sum(account.capacity for account in others)
        if together > ORDERS_PER_SHARD_MAX and (before is None or moves or saved.capacity > before.capacity):
            raise ShardFull(f"shard {saved.shard} would carry {together} orders, of {ORDERS_PER_SHARD_MAX}")
        return also

    def _hold_against_orders(self, saved: TradingAccount) -> None:
        """No order has the coin for its own whose money is there. One that is on its way is held against it when it
        gets there. Raises FeeCoinOwn."""
        leaving = {order_id: store.existing(self.table, order_id).coins for order_id in self._leaving(saved)}
        here = {
            m.order_id: m.coins
            for m in shard_store.members(self.table, saved.shard)
            if m.account_id == saved.account_id
        }
        for order_id, coins in {**here, **leaving}.items():
            if saved.fee_coin in coins:
                raise FeeCoinOwn(f"{order_id} has {saved.fee_coin} for its own", id=saved.account_id)

    def _leaving(self, account: TradingAccount) -> list[str]:
        return account_store.unledgered(self.table, account.account_id)

    def pairs(self) -> list[Pair]:
        """Also those that are not traded now."""
        return pair_store.pairs(self.table)

    def _account(self, account_id: str) -> TradingAccount | None:
        try:
            return account_store.account(self.table, account_id)
        except TradingAccountNotFound:
            return None

    def _entry(self, action: str, subject: str, detail: str, operator: str) -> tuple[Write, Write]:
        return audit.entry(self.table, AuditEntry(self.now(), operator, action, subject, detail))


def _enabled(enabled: bool) -> str:
    """The status of an account, as operators are told it."""
    return "ENABLED" if enabled else "DISABLED"
