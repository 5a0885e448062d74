"""What a customer can ask of purchases: to buy, to join a pool, to leave it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common.domain.catalogue.model import Asset, Execution
from common.domain.catalogue.store import Catalogue
from common.domain.exchange_orders.model import POLL_LIMIT
from common.domain.flow_halts import Flow
from common.domain.ledger import store as ledger
from common.domain.timeline import CUSTOMER
from common.errors import Refusal
from common.idempotency import Replayable
from common.machines import Machines
from common.owner import Owner
from common.table.table import Table
from common.table.transaction import Write
from functions.purchases import model, pool_store, store
from functions.purchases.model import Batch, BatchStatus, Pool, Purchase, PurchaseNotPending, Status, Terms
from functions.purchases.service.pooling import MACHINE, Pooling
from functions.purchases.strategy import Strategy


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

    @property
    def pooling(self) -> Pooling:
        return Pooling(self.table, self.catalogue, self.machines, self.now)

    def buy(self, owner: Owner, idempotency_key: str, asked: Terms) -> Replayable[Purchase]:
        """Buy coins at the exchange: at once what is worth the asset's `min_notional`, together with others what is
        worth less. Answers when the dollars are held and the rest goes on by itself. The same key with the same terms
        gives the same purchase for ever.

        Raises, in this order:
            AssetNotFound, Halted, AssetInactive, PriceUnavailable, BoughtHere, PrecisionExceeded, AmountTooLarge,
            AmountTooSmall, AboveMaximum, BelowMinimum, PriceMoved, IdempotencyKeyReused, AccountNotFound,
            InsufficientFunds, TooManyOpenOrders, Busy.
        """
        return self.buy_beside(owner, model.order_id(owner, idempotency_key), asked)

    def buy_beside(
        self, owner: Owner, order_id: str, asked: Terms, beside: Sequence[Write] = (), by: str = CUSTOMER
    ) -> Replayable[Purchase]:
        """The same under an id that says who asks for it, `by`. What is written `beside` it lands with it or not at
        all, and is refused before anything of the account is, and after a repeat.

        Raises what `buy` does, and what the writes `beside` it are refused with.
        """
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
                return Replayable(self._alone(purchase, beside, by))
            return Replayable(self._join(purchase, asset, beside, by))
        except store.AlreadyAsked as repeat:
            return Replayable(repeat.purchase.repeated(asked), replayed=True)

    def _intended(self, owner: Owner, order_id: str, asked: Terms) -> tuple[Purchase, Asset]:
        listing, now = self.catalogue.traded(asked.asset_id, Flow.PURCHASES), self.now()
        quote = listing.tradable_ask(now)
        return model.purchase(owner, order_id, asked, listing.asset, quote, now), listing.asset

    def _alone(self, purchase: Purchase, beside: Sequence[Write], by: str) -> Purchase:
        """A batch of one."""
        at = purchase.created_at
        batch = Batch(
            purchase.batch_id, purchase.asset_id, BatchStatus.CLOSED, created_at=at, updated_at=at, quote=purchase.quote
        )
        due_at = at + POLL_LIMIT + model.MEMBER_DUE
        self.table.write(
            store.insert(purchase, due_at, f"batch {batch.batch_id}"),
            *beside,
            ledger.hold_for_order(purchase.owner, purchase.held, at),
            store.insert_member(purchase),
            store.insert_batch(batch),
            store.event(purchase.order_id, None, purchase.status, f"asked for: ${purchase.held}, direct", at, by),
            store.batch_event(batch.batch_id, None, batch.status, f"for {purchase.order_id}", by, at),
        )
        self.machines.begin(MACHINE, batch.batch_id)
        return purchase

    def _join(self, purchase: Purchase, asset: Asset, beside: Sequence[Write], by: str) -> Purchase:
        """Join the pool, and close it when that fills it: one transaction, which is tried in the other form when the
        pool has moved."""
        pool = pool_store.pool(self.table, asset.asset_id, model.shard_of(purchase.order_id, asset.pool_shards))
        return self.pooling.trying(pool, lambda pool: self._enter(purchase, pool, asset, beside, by))

    def _enter(self, purchase: Purchase, pool: Pool, asset: Asset, beside: Sequence[Write], by: str) -> Purchase:
        at, minimum, held = self.now(), asset.min_notional, purchase.held
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
        waits_for = f"its pool to reach ${minimum}: batch {pool.batch_id}"
        asked_for = f"asked for: ${held}, pooled"
        writes = [
            store.insert(joined, expires_at + model.MEMBER_DUE, waits_for),
            *beside,
            ledger.hold_for_order(joined.owner, held, at),
            store.insert_member(joined),
            store.event(joined.order_id, None, joined.status, asked_for, at, by),
        ]
        if pool.total + held >= minimum:
            entry = pool_store.join_and_close(pool, held.usd, minimum.usd, at)
            return self.pooling.enter(joined, writes, pool, entry, f"its pool has reached ${minimum}", at)
        together = f"purchases for ${minimum} together, or its deadline"
        entry = pool_store.join(pool, held.usd, minimum.usd, together, expires_at, at)
        return self.pooling.enter(joined, writes, pool, entry, None, at)

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
        pool = pool_store.pool(self.table, purchase.asset_id, purchase.shard)
        return self.pooling.trying(pool, lambda pool: self._leave(purchase, pool))

    def _leave(self, purchase: Purchase, pool: Pool) -> Purchase:
        if pool.generation != purchase.generation:
            raise _not_pending(purchase, "its pool is full, and is being bought or refunded")
        owner, at, why = purchase.owner, self.now(), "cancelled by the customer"
        after = replace(purchase, status=Status.CANCELLED, reason=why, updated_at=at)
        try:
            self.table.write(
                *store.cancel(purchase, at, why),
                pool_store.leave(pool, purchase.held.usd, at),
                ledger.release_of_order(owner, purchase.held, at),
                store.event(purchase.order_id, purchase.status, after.status, why, at, CUSTOMER),
            )
        except PurchaseNotPending:
            now = store.visible(self.table, owner, purchase.order_id)
            if now.status is not Status.CANCELLED:
                raise
            return now
        return after

    def pools(self) -> list[PoolState]:
        """Every pool of an active asset, a moment old."""
        assets = [listing.asset for listing in self.catalogue.listings().values()]
        return [
            PoolState(asset, self.pooling.pools(asset, sells=False))
            for asset in assets
            if asset.execution is Execution.EXCHANGE and asset.active
        ]


def _not_pending(purchase: Purchase, why: str) -> PurchaseNotPending:
    return PurchaseNotPending(f"{why}: it can not be cancelled", id=purchase.order_id, order_status=purchase.status)
