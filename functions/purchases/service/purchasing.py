"""What a customer and the clock can ask of purchases: to buy, to join a pool, to leave it, to close it when due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common import keys
from common.domain import work
from common.domain.catalogue.model import Asset, Execution
from common.domain.catalogue.store import Catalogue
from common.domain.exchange_orders.model import POLL_LIMIT
from common.domain.ledger import store as ledger
from common.domain.timeline import CLOCK, CUSTOMER
from common.errors import Refusal
from common.idempotency import Replayable
from common.log import log
from common.machines import Machines
from common.owner import Owner
from common.table.table import Table
from common.table.transaction import Busy, Write
from functions.purchases import model, store
from functions.purchases.model import Batch, BatchStatus, Pool, Purchase, PurchaseNotPending, Status, Terms
from functions.purchases.store import PoolMoved
from functions.purchases.strategy import Strategy

JOIN_TRIES_MAX = 20  # of a pool that others are joining at the same time; each costs a request
(MACHINE,) = keys.BATCH.machines


@dataclass(frozen=True)
class PoolState:
    """An asset's pool: what waits in each of its shards, and how much it takes."""

    asset: Asset
    shards: list[Pool]


@dataclass(frozen=True)
class Purchases:
    table: Table
    catalogue: Catalogue
    machines: Machines
    now: Callable[[], datetime]

    # What the customer asks

    def buy(self, owner: Owner, idempotency_key: str, asked: Terms) -> Replayable[Purchase]:
        """Buy coins at the exchange: at once what is worth the asset's `min_notional`, together with others what is
        worth less. Answers when the dollars are held and the rest goes on by itself. The same key with the same terms
        gives the same purchase for ever.

        Raises, in this order:
            AssetNotFound, AssetInactive, PriceUnavailable, BoughtHere, PrecisionExceeded, AmountTooLarge,
            AmountTooSmall, AboveMaximum, BelowMinimum, PriceMoved, IdempotencyKeyReused, AccountNotFound,
            InsufficientFunds, TooManyOpenOrders, Busy.
        """
        order_id = model.order_id(owner, idempotency_key)
        try:
            purchase, asset = self._intended(owner, order_id, asked)
        except Refusal:
            # Prices and rules may refuse what they once accepted: a repeat comes first.
            known = store.find(self.table, order_id)
            if known is None:
                raise
            return Replayable(known.repeated(asked), replayed=True)
        try:
            if purchase.strategy is Strategy.DIRECT:
                return Replayable(self._alone(purchase))
            return Replayable(self._join(purchase, asset))
        except store.AlreadyAsked as repeat:
            return Replayable(repeat.purchase.repeated(asked), replayed=True)

    def _intended(self, owner: Owner, order_id: str, asked: Terms) -> tuple[Purchase, Asset]:
        listing, now = self.catalogue.listing(asked.asset_id), self.now()
        quote = listing.tradable_ask(now)
        return model.purchase(owner, order_id, asked, listing.asset, quote, now), listing.asset

    def _alone(self, purchase: Purchase) -> Purchase:
        """A batch of one."""
        at = purchase.created_at
        batch = Batch(
            purchase.batch_id, purchase.asset_id, BatchStatus.CLOSED, created_at=at, updated_at=at, quote=purchase.quote
        )
        due_at = at + POLL_LIMIT + model.MEMBER_DUE
        self.table.write(
            store.insert(purchase, due_at, f"batch {batch.batch_id}"),
            ledger.hold_for_order(purchase.owner, purchase.held, at),
            store.insert_member(purchase),
            store.insert_batch(batch),
            store.event(purchase.order_id, None, purchase.status, f"asked for: ${purchase.held}, direct", at, CUSTOMER),
            store.batch_event(batch.batch_id, None, batch.status, f"for {purchase.order_id}", CUSTOMER, at),
        )
        self.machines.begin(MACHINE, batch.batch_id)
        return purchase

    def _join(self, purchase: Purchase, asset: Asset) -> Purchase:
        """Join the pool, and close it when that fills it: one transaction, which is tried in the other form when the
        pool has moved."""
        pool = store.pool(self.table, asset.asset_id, model.shard_of(purchase.order_id, asset.pool_shards))
        for _ in range(JOIN_TRIES_MAX):
            closes = pool.total + purchase.held >= asset.min_notional
            at = self.now()
            expires_at = pool.due_at or at + timedelta(seconds=asset.pool_deadline_seconds)
            joined = replace(
                purchase,
                batch_id=pool.batch_id,
                shard=pool.shard,
                generation=pool.generation,
                expires_at=expires_at,
                created_at=at,
                updated_at=at,
            )
            try:
                self.table.write(*self._joining(joined, pool, asset, closes=closes))
            except PoolMoved as moved:
                pool = moved.pool
                continue
            if closes:
                self.machines.begin(MACHINE, joined.batch_id)
            return joined
        raise Busy("many others are joining the same pool; send it again", retry_after_seconds=1)

    def _joining(self, purchase: Purchase, pool: Pool, asset: Asset, *, closes: bool) -> list[Write]:
        at, minimum, batch_id = purchase.created_at, asset.min_notional, purchase.batch_id
        assert purchase.expires_at is not None
        writes = [
            store.insert(
                purchase, purchase.expires_at + model.MEMBER_DUE, f"its pool to reach ${minimum}: batch {batch_id}"
            ),
            ledger.hold_for_order(purchase.owner, purchase.held, at),
            store.insert_member(purchase),
            store.event(purchase.order_id, None, purchase.status, f"asked for: ${purchase.held}, pooled", at, CUSTOMER),
        ]
        if not closes:
            return [*writes, store.join(pool, purchase.held, minimum, purchase.expires_at, at)]
        batch = self._closed(pool, at)
        why = f"its pool has reached ${minimum}, with {purchase.order_id}"
        return [
            *writes,
            store.join_and_close(pool, purchase.held, minimum, at),
            store.insert_batch(batch),
            store.batch_event(batch_id, None, batch.status, why, CUSTOMER, at),
        ]

    def _closed(self, pool: Pool, at: datetime) -> Batch:
        return Batch(
            pool.batch_id,
            pool.asset_id,
            BatchStatus.CLOSED,
            created_at=at,
            updated_at=at,
            shard=pool.shard,
            generation=pool.generation,
        )

    def purchase(self, owner: Owner, order_id: str) -> Purchase:
        """Raises PurchaseNotFound."""
        return store.visible(self.table, owner, order_id)

    def cancel(self, owner: Owner, order_id: str) -> Purchase:
        """Leave the pool and get the dollars back, as long as its generation is open. A repeat gives the cancelled one.

        Raises PurchaseNotFound; PurchaseNotPending: it is decided, or being bought; Busy.
        """
        purchase = store.visible(self.table, owner, order_id)
        if purchase.status is Status.CANCELLED:
            return purchase
        if purchase.status is not Status.PENDING:
            raise _not_pending(purchase, f"the purchase is {purchase.status}")
        if purchase.shard is None:
            raise _not_pending(purchase, "it is being bought at the exchange")
        pool = store.pool(self.table, purchase.asset_id, purchase.shard)
        for _ in range(JOIN_TRIES_MAX):
            if pool.generation != purchase.generation:
                raise _not_pending(purchase, "its pool is full, and is being bought or refunded")
            at, why = self.now(), "cancelled by the customer"
            after = replace(purchase, status=Status.CANCELLED, reason=why, updated_at=at)
            try:
                self.table.write(
                    *store.cancel(purchase, at, why),
                    store.leave(pool, purchase.held, at),
                    ledger.release_of_order(owner, purchase.held, at),
                    store.event(order_id, purchase.status, after.status, why, at, CUSTOMER),
                )
                return after
            except PoolMoved as moved:
                pool = moved.pool
            except PurchaseNotPending:
                now = store.visible(self.table, owner, order_id)
                if now.status is not Status.CANCELLED:
                    raise
                return now
        raise Busy("many others are joining the same pool; send it again", retry_after_seconds=1)

    def pools(self) -> list[PoolState]:
        """Every pool of an active asset, a moment old."""
        assets = [listing.asset for listing in self.catalogue.listings().values()]
        return [
            PoolState(
                asset, [store.pool(self.table, asset.asset_id, n, consistent=False) for n in range(asset.pool_shards)]
            )
            for asset in assets
            if asset.execution is Execution.EXCHANGE and asset.active
        ]

    # What the clock asks

    def close_overdue_pools(self, more_time: Callable[[], bool]) -> int:
        """Close every pool that has not filled by its deadline: its members are refunded, or the desk adds what it
        lacks where the asset says so. Any round may be cut short. Returns how many were closed."""
        closed, now = 0, self.now()
        for waiting in work.due(self.table, keys.POOL.backlog, now):
            if not more_time():
                break
            if keys.row_of(waiting.key) is keys.POOL:
                try:
                    closed += self._expire(waiting.key, now)
                except Refusal as refusal:
                    log.warning("pool not closed now", extra={"pool": waiting.PK, "why": refusal.detail})
        return closed

    def _expire(self, key: keys.PrimaryKey, now: datetime) -> bool:
        asset_id, shard = store.pool_at(key)
        pool = store.pool(self.table, asset_id, shard)
        if pool.due_at is None or pool.due_at > now:
            return False
        at, asset = self.now(), self.catalogue.listing(asset_id).asset
        batch = self._closed(pool, at)
        if pool.total >= asset.min_notional:
            why = "the deadline of its pool, which is full since the minimum was lowered"
        elif asset.pool_top_up and asset.active:
            batch = replace(batch, top_up=asset.min_notional - pool.total)
            why = f"the deadline of its pool; the desk adds ${batch.top_up}"
        else:
            why = "its pool did not fill by its deadline"
            batch = replace(batch, status=BatchStatus.DECIDED, bought=model.nothing(asset_id, why))
        try:
            self.table.write(
                store.expire(pool, at),
                store.insert_batch(batch),
                store.batch_event(batch.batch_id, None, batch.status, why, CLOCK, at),
            )
        except PoolMoved:  # somebody has joined or left, or another round was first: next time
            return False
        self.machines.begin(MACHINE, batch.batch_id)
        return True


def _not_pending(purchase: Purchase, why: str) -> PurchaseNotPending:
    return PurchaseNotPending(f"{why}: it can not be cancelled", id=purchase.order_id, order_status=purchase.status)
