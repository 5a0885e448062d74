"""What a customer can ask of sales at the exchange: to sell a quantity or everything, to leave a pool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from common.domain.catalogue.model import Asset, Execution, Quote
from common.domain.exchange_orders.model import POLL_LIMIT
from common.domain.flow_halts import Flow
from common.domain.ledger import store as ledger
from common.domain.timeline import CUSTOMER
from common.errors import Refusal
from common.idempotency import Replayable
from common.money import Quantity
from common.owner import Owner
from functions.purchases import model, pool_store, sale_model, sale_store, store
from functions.purchases.model import Batch, BatchStatus, Pool, Status
from functions.purchases.sale_model import Sale, SaleNotPending, Terms
from functions.purchases.service.pooling import MACHINE, Pooling
from functions.purchases.service.purchasing import PoolState
from functions.purchases.strategy import Strategy


@dataclass(frozen=True)
class Sales:
    pooling: Pooling

    def sell(self, owner: Owner, idempotency_key: str, asked: Terms) -> Replayable[Sale]:
        """Sell coins at the exchange: at once what is worth the asset's `min_notional`, together with others what is
        worth less. Answers when the coins are held and the rest goes on by itself. The same key with the same terms
        gives the same sale for ever; of `all` that was all at its first time.

        Raises, in this order:
            AssetNotFound, Halted, AssetInactive, PriceUnavailable, SoldHere, PrecisionExceeded, AmountTooLarge,
            AboveMaximum, PriceMoved, NothingToSell, PartTooSmall, IdempotencyKeyReused, InsufficientAsset,
            TooManyOpenOrders, Busy.
        """
        order_id = sale_model.order_id(owner, idempotency_key)
        try:
            return Replayable(self._sell(owner, order_id, asked))
        except sale_store.AlreadyAsked as repeat:
            return Replayable(repeat.sale.repeated(asked), replayed=True)
        except Refusal:
            # Prices, rules and what is free may refuse what they once accepted: a repeat comes first.
            known = sale_store.find(self.pooling.table, order_id)
            if known is None:
                raise
            return Replayable(known.repeated(asked), replayed=True)

    def _sell(self, owner: Owner, order_id: str, asked: Terms) -> Sale:
        listing, now = self.pooling.catalogue.traded(asked.asset_id, Flow.PURCHASES), self.pooling.now()
        asset, quote = listing.asset, listing.tradable_bid(now)
        sale_model.check_sellable(asked, asset, quote)

        def sell() -> Sale:
            quantity = self._quantity(owner, asked, asset, quote)
            sale = sale_model.sale(owner, order_id, asked, quantity, asset, quote, now)
            return self._alone(sale) if sale.strategy is Strategy.DIRECT else self._join(sale, asset)

        return sell() if asked.quantity is not None else ledger.holding_all(sell)

    def _quantity(self, owner: Owner, asked: Terms, asset: Asset, quote: Quote) -> Quantity:
        """What he asks for, or all that is free. Raises NothingToSell, PartTooSmall."""
        if asked.quantity is None:
            return ledger.free(self.pooling.table, owner, asset.asset_id)
        part = Quantity(asked.quantity, asset.asset_id)
        if sale_model.is_small(part, asset, quote):
            holding = ledger.holding(self.pooling.table, owner, asset.asset_id, consistent=True)
            sale_model.check_part(part, None if holding is None else holding.quantity, asset, quote)
        return part

    def _alone(self, sale: Sale) -> Sale:
        """A batch of one."""
        at = sale.created_at
        batch = Batch(
            sale.batch_id,
            sale.asset_id,
            BatchStatus.CLOSED,
            created_at=at,
            updated_at=at,
            buys=False,
            quote=sale.quote,
        )
        self.pooling.table.write(
            sale_store.insert(sale, at + POLL_LIMIT + model.MEMBER_DUE, f"batch {batch.batch_id}"),
            ledger.hold_asset(sale.owner, sale.quantity, at),
            sale_store.insert_seller(sale),
            store.insert_batch(batch),
            sale_store.event(sale.order_id, None, sale.status, f"asked for: {sale.quantity}, direct", at, CUSTOMER),
            store.batch_event(batch.batch_id, None, batch.status, f"for {sale.order_id}", CUSTOMER, at),
        )
        self.pooling.machines.begin(MACHINE, batch.batch_id)
        return sale

    def _join(self, sale: Sale, asset: Asset) -> Sale:
        """Join the pool, and close it when that fills it: one transaction, which is tried in the other form when the
        pool has moved."""
        shard = model.shard_of(sale.order_id, asset.pool_shards)
        pool = pool_store.pool(self.pooling.table, asset.asset_id, shard, sells=True)
        return self.pooling.trying(pool, lambda pool: self._enter(sale, pool, asset))

    def _enter(self, sale: Sale, pool: Pool, asset: Asset) -> Sale:
        at, held, lot = self.pooling.now(), sale.quantity, sale_model.lot(asset, sale.quote.price)
        expires_at = pool.due_at or at + timedelta(seconds=asset.pool_deadline_seconds)
        joined = replace(
            sale,
            batch_id=pool.batch_id,
            shard=pool.shard,
            generation=pool.generation,
            expires_at=expires_at,
            created_at=at,
            updated_at=at,
        )
        waits_for = f"its pool to be worth ${asset.min_notional}: batch {pool.batch_id}"
        writes = [
            sale_store.insert(joined, expires_at + model.MEMBER_DUE, waits_for),
            ledger.hold_asset(joined.owner, held, at),
            sale_store.insert_seller(joined),
            sale_store.event(joined.order_id, None, joined.status, f"asked for: {held}, pooled", at, CUSTOMER),
        ]
        if (pool.quantity + held).amount >= lot.amount:
            entry = pool_store.join_and_close(pool, held.amount, lot.amount, at)
            full = f"its pool has reached {lot}, worth ${asset.min_notional}"
            return self.pooling.enter(joined, writes, pool, entry, full, at)
        together = f"sales worth ${asset.min_notional} together, or its deadline"
        entry = pool_store.join(pool, held.amount, lot.amount, together, expires_at, at)
        return self.pooling.enter(joined, writes, pool, entry, None, at)

    def sale(self, owner: Owner, order_id: str) -> Sale:
        """Raises SaleNotFound."""
        return sale_store.visible(self.pooling.table, owner, order_id)

    def cancel(self, owner: Owner, order_id: str) -> Sale:
        """Leave the pool and get the coins back, as long as its generation is open. A repeat gives the cancelled one.

        Raises SaleNotFound; SaleNotPending: it is decided, or being sold; Busy.
        """
        table = self.pooling.table
        sale = sale_store.visible(table, owner, order_id)
        if sale.status is Status.CANCELLED:
            return sale
        if sale.status is not Status.PENDING:
            raise _not_pending(sale, f"the sale is {sale.status}")
        if sale.shard is None:
            raise _not_pending(sale, "it is being sold at the exchange")
        pool = pool_store.pool(table, sale.asset_id, sale.shard, sells=True)
        return self.pooling.trying(pool, lambda pool: self._leave(sale, pool))

    def _leave(self, sale: Sale, pool: Pool) -> Sale:
        if pool.generation != sale.generation:
            raise _not_pending(sale, "its pool is closed, and is being sold")
        table, owner, at, why = self.pooling.table, sale.owner, self.pooling.now(), "cancelled by the customer"
        after = replace(sale, status=Status.CANCELLED, reason=why, updated_at=at)
        try:
            table.write(
                *sale_store.cancel(sale, at, why),
                pool_store.leave(pool, sale.quantity.amount, at),
                ledger.release_asset(owner, sale.quantity, at),
                sale_store.event(sale.order_id, sale.status, after.status, why, at, CUSTOMER),
            )
        except SaleNotPending:
            now = sale_store.visible(table, owner, sale.order_id)
            if now.status is not Status.CANCELLED:
                raise
            return now
        return after

    def pools(self) -> list[PoolState]:
        """Every pool of an active asset, a moment old."""
        assets = [listing.asset for listing in self.pooling.catalogue.listings().values()]
        return [
            PoolState(asset, self.pooling.pools(asset, sells=True))
            for asset in assets
            if asset.execution is Execution.EXCHANGE and asset.active
        ]


def _not_pending(sale: Sale, why: str) -> SaleNotPending:
    return SaleNotPending(f"{why}: it can not be cancelled", id=sale.order_id, order_status=sale.status)
