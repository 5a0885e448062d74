"""What a customer, the machine `purchase`, the clock and operators can ask of purchases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from common import keys
from common.domain import audit, work
from common.domain.audit import AuditEntry
from common.domain.catalogue.model import Asset, AssetInactive, Execution, PriceUnavailable, Quote
from common.domain.catalogue.store import Market
from common.domain.exchange_orders import store as placements
from common.domain.exchange_orders.model import LATE_LOOK_SECONDS, POLL_LIMIT, Fill, Missing, Placement
from common.domain.exchange_orders.service import Venue, missing
from common.domain.exchange_orders.store import PlacementMoved
from common.domain.ledger import store as ledger
from common.domain.ledger.model import AssetTransaction, TransactionType
from common.errors import Refusal, Unavailable
from common.gateways.exchange import (
    ExchangeOrder,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    Side,
    Ticket,
    client_order_id,
)
from common.log import count, log
from common.machines import Machines, MachinesUnavailable
from common.money import FRACTION_DIGITS_MAX, ROUNDING, Price
from common.owner import Owner
from common.table.table import Table
from common.table.transaction import Busy, Write
from functions.purchases import model, store
from functions.purchases.model import (
    PLACE_DUE,
    PLACE_LIMIT,
    Batch,
    BatchNotFound,
    BatchNotStuck,
    BatchStatus,
    Bought,
    Member,
    Plan,
    Pool,
    Purchase,
    PurchaseNotFilled,
    PurchaseNotPending,
    PurchaseOverdue,
    PurchaseUnresolved,
    Share,
    Stage,
    Status,
    Step,
    Terms,
)
from functions.purchases.store import AlreadyAllocated, BatchMoved, PoolMoved
from functions.purchases.strategy import Strategy

CUSTOMER, EXCHANGE, MACHINE, CLOCK = "customer", "the exchange", "the machine", "the clock"
JOIN_TRIES_MAX = 20  # of a pool that others are joining at the same time; each costs a request


@dataclass(frozen=True)
class Asked:
    purchase: Purchase
    replayed: bool = False


@dataclass(frozen=True)
class PoolState:
    """An asset's pool: what waits in each of its shards, and how much it takes."""

    asset: Asset
    shards: list[Pool]


@dataclass(frozen=True)
class Moved:
    """What an operator's move does, or would do."""

    batch: Batch
    before: BatchStatus
    done: bool
    says: str


@dataclass(frozen=True)
class Purchases:
    table: Table
    market: Market
    venue: Venue
    machines: Machines
    now: Callable[[], datetime]

    # What the customer asks

    def buy(self, owner: Owner, idempotency_key: str, asked: Terms) -> Asked:
        """Buy coins at the exchange: at once what is worth the asset's `min_notional`, together with others what is
        worth less. Answers when the dollars are held and the rest goes on by itself. The same key with the same terms
        gives the same purchase for ever.

        Raises, in this order:
            AssetNotFound, AssetInactive, PriceUnavailable, BoughtHere, PrecisionExceeded, AmountTooLarge,
            AmountTooSmall, AboveMaximum, PriceMoved, IdempotencyKeyReused, AccountNotFound, InsufficientFunds, Busy.
        """
        order_id = model.order_id(owner, idempotency_key)
        try:
            purchase, asset = self._intended(owner, order_id, asked)
        except Refusal:
            # Prices and rules may refuse what they once accepted: a repeat comes first.
            known = store.find(self.table, order_id)
            if known is None:
                raise
            return Asked(known.repeated(asked), replayed=True)
        try:
            if purchase.strategy is Strategy.DIRECT:
                return Asked(self._alone(purchase))
            return Asked(self._join(purchase, asset))
        except store.AlreadyAsked as repeat:
            return Asked(repeat.purchase.repeated(asked), replayed=True)

    def _intended(self, owner: Owner, order_id: str, asked: Terms) -> tuple[Purchase, Asset]:
        listing, now = self.market.listing(asked.asset_id), self.now()
        quote = listing.tradable_quote(now)
        return model.purchase(owner, order_id, asked, listing.asset, quote, now), listing.asset

    def _alone(self, purchase: Purchase) -> Purchase:
        """A batch of one."""
        at = purchase.created_at
        batch = Batch(
            purchase.batch_id, purchase.asset_id, BatchStatus.CLOSED, created_at=at, updated_at=at, quote=purchase.quote
        )
        due_at = at + POLL_LIMIT + model.MEMBER_DUE
        self._commit(
            store.insert(purchase, due_at, f"batch {batch.batch_id}"),
            ledger.hold(purchase.owner, purchase.held, at),
            store.insert_member(purchase),
            store.insert_batch(batch),
            store.event(purchase.order_id, None, purchase.status, f"asked for: ${purchase.held}, direct", at, CUSTOMER),
            store.batch_event(batch.batch_id, None, batch.status, f"for {purchase.order_id}", CUSTOMER, at),
        )
        self._start(batch.batch_id)
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
                self._commit(*self._joining(joined, pool, asset, closes=closes))
            except PoolMoved as moved:
                pool = moved.pool
                continue
            if closes:
                self._start(joined.batch_id)
            return joined
        raise Busy("many others are joining the same pool; send it again", retry_after_seconds=1)

    def _joining(self, purchase: Purchase, pool: Pool, asset: Asset, *, closes: bool) -> list[Write]:
        at, minimum, batch_id = purchase.created_at, asset.min_notional, purchase.batch_id
        assert purchase.expires_at is not None
        writes = [
            store.insert(
                purchase, purchase.expires_at + model.MEMBER_DUE, f"its pool to reach ${minimum}: batch {batch_id}"
            ),
            ledger.hold(purchase.owner, purchase.held, at),
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

    def _start(self, batch_id: str) -> None:
        try:
            self.machines.start(keys.BATCH.machines[0], batch_id, batch_id)
        except MachinesUnavailable as unavailable:  # the sweeper will
            log.warning("machine not started", extra={"batch_id": batch_id, "why": unavailable.detail})

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
                self._commit(
                    *store.cancel(purchase, at, why),
                    store.leave(pool, purchase.held, at),
                    ledger.release(owner, purchase.held, at),
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
        assets = [listing.asset for listing in self.market.listings().values()]
        return [
            PoolState(
                asset, [store.pool(self.table, asset.asset_id, n, consistent=False) for n in range(asset.pool_shards)]
            )
            for asset in assets
            if asset.execution is Execution.EXCHANGE and asset.active
        ]

    # What the clock asks

    def close_overdue_pools(self, more_time: Callable[[], bool]) -> int:
        """Close every pool that has not filled by its deadline: its members are refunded, or the desk adds what is
        missing where the asset says so. Any round may be cut short. Returns how many were closed."""
        closed, now = 0, self.now()
        for waiting in work.due(self.table, keys.POOL.waits_in, now):
            if not more_time():
                break
            if keys.row_of(waiting.key) is keys.POOL:
                try:
                    closed += self._give_up(waiting.key, now)
                except Refusal as refusal:
                    log.warning("pool not closed now", extra={"pool": waiting.PK, "why": refusal.detail})
        return closed

    def _give_up(self, key: keys.PrimaryKey, now: datetime) -> bool:
        asset_id, shard = store.pool_at(key)
        pool = store.pool(self.table, asset_id, shard)
        if pool.due_at is None or pool.due_at > now:
            return False
        at, asset = self.now(), self.market.listing(asset_id).asset
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
            self._commit(
                store.give_up(pool, at),
                store.insert_batch(batch),
                store.batch_event(batch.batch_id, None, batch.status, why, CLOCK, at),
            )
        except PoolMoved:  # somebody has joined or left, or another round was first: next time
            return False
        self._start(batch.batch_id)
        return True

    # What the machine asks. All of it may be asked at any time, and again.

    def read(self, batch_id: str) -> Step:
        """Where the batch stands: the first task of every execution. Raises BatchNotFound."""
        batch = store.batch(self.table, batch_id)
        match batch.status:
            case BatchStatus.CLOSED:
                return Step(Stage.PLACE)
            case BatchStatus.PLACED:
                return Step(Stage.RESOLVE)
            case BatchStatus.WORKING:
                return Step(Stage.POLL)
            case BatchStatus.DECIDED:
                return Step(Stage.ALLOCATE)
            case BatchStatus.ALLOCATED if batch.turned_up:
                return Step(Stage.STOPPED)
            case BatchStatus.ALLOCATED if batch.look_at is not None:
                return Step(Stage.LOOK_AGAIN, max(1, int((batch.look_at - self.now()).total_seconds()) + 1))
            case _:
                return Step(Stage.DONE)

    def place(self, batch_id: str) -> Step:
        """Ask the exchange for what the members want, once: what is asked, and under which id, is written before.

        A batch that is too small for the exchange is refunded; so is one for which there is no price, or no exchange,
        an hour after it was closed.
        Raises BatchNotFound; PriceUnavailable, ExchangeUnavailable, Busy: nothing was asked of the exchange.
        """
        batch = store.batch(self.table, batch_id)
        if batch.status is not BatchStatus.CLOSED:
            return self.read(batch_id)
        plan = self._plan(batch)
        if isinstance(plan, Bought):
            self._decide(batch, plan)
            return self.read(batch_id)
        at = self.now()
        placement = Placement(
            order_id=batch_id,
            number=store.PLACEMENT,
            client_order_id=client_order_id(batch_id, str(store.PLACEMENT)),
            exchange=self.venue.exchange().name,
            sent_at=at,
        )
        why = f"{plan.quantity} at ${plan.limit_price} or less, price ${plan.quote.price} of {plan.quote.source}"
        try:
            self._commit(
                store.place(batch, plan, at, at + PLACE_DUE),
                placements.place(placement),
                store.batch_event(batch_id, batch.status, BatchStatus.PLACED, why, MACHINE, at),
            )
        except BatchMoved:
            return self.read(batch_id)
        return self._send(replace(batch, status=BatchStatus.PLACED, plan=plan), plan, placement)

    def _plan(self, batch: Batch) -> Plan | Bought:
        """Raises PriceUnavailable, ExchangeUnavailable, unless it is too late for them."""
        members = store.members(self.table, batch.batch_id)
        try:
            listing, now = self.market.listing(batch.asset_id), self.now()
            listing.must_be_active()
            quote = self._told(batch, listing.asset, now) or listing.tradable_quote(now)
            return model.plan(batch, members, listing.asset, quote, self.venue.lot(batch.asset_id))
        except (AssetInactive, MarketUnknown) as no:
            return model.nothing(batch.asset_id, f"not bought: {no.detail}")
        except (PriceUnavailable, ExchangeUnavailable) as silent:
            if self.now() < batch.created_at + PLACE_LIMIT:
                raise
            return model.nothing(batch.asset_id, f"not bought: {silent.detail}")

    @staticmethod
    def _told(batch: Batch, asset: Asset, now: datetime) -> Quote | None:
        """The price that the customer of a direct purchase was told, while it may be traded on."""
        quote = batch.quote
        return quote if quote is not None and quote.age_seconds(now) <= asset.price_age_max_seconds else None

    def _send(self, batch: Batch, plan: Plan, placement: Placement) -> Step:
        """Only the task that wrote the placement comes here, and only once."""
        ticket = Ticket(Side.BUY, plan.quantity, plan.limit_price, placement.client_order_id)
        try:
            exchange_order_id = self.venue.exchange().place(ticket)
        except (ExchangeRefused, MarketUnknown) as no:
            self._never(batch, placement, f"the exchange refused: {no.detail}")
        except ExchangeUnavailable as silent:
            log.warning("purchase not answered", extra={"batch_id": batch.batch_id, "why": silent.detail})
        else:
            self._accepted(batch, placement, exchange_order_id)
        return self.read(batch.batch_id)

    def _accepted(self, batch: Batch, placement: Placement, exchange_order_id: str) -> None:
        at = self.now()
        why = f"{placement.exchange} has it as {exchange_order_id}, client order id {placement.client_order_id}"
        due_at = placement.overdue_at + PLACE_DUE
        try:
            self._commit(
                store.accept(batch, at, due_at),
                placements.accept(placement, exchange_order_id, at),
                store.batch_event(batch.batch_id, batch.status, BatchStatus.WORKING, why, EXCHANGE, at),
            )
        except BatchMoved:
            now = store.batch(self.table, batch.batch_id)
            if self._placement(now).order_state == placements.NONE:  # its members are being refunded
                self._turned_up(now, placement, f"order {exchange_order_id}")

    def resolve(self, batch_id: str) -> Step:
        """Find out whether the exchange has an order that it has not answered for. It has not, when it is asked late
        enough, twice, and does not know it: then everybody is refunded.

        Raises BatchNotFound; PurchaseUnresolved: too early to tell; ExchangeUnavailable, Busy.
        """
        batch = store.batch(self.table, batch_id)
        if batch.status is not BatchStatus.PLACED:
            return self.read(batch_id)
        placement, asked_at = self._placement(batch), self.now()
        try:
            seen = self.venue.find(placement, batch.asset_id)
        except ExchangeOrderUnknown:
            self._missed(batch, placement, asked_at)
        else:
            self._accepted(batch, placement, seen.exchange_order_id)
        return self.read(batch_id)

    def _missed(self, batch: Batch, placement: Placement, asked_at: datetime) -> None:
        early = PurchaseUnresolved("the exchange may still come to know the order", id=batch.batch_id)
        match missing(placement, asked_at):
            case Missing.TOO_EARLY:
                raise early
            case Missing.ONCE:
                try:
                    self._commit(placements.miss(placement, asked_at))
                except PlacementMoved:
                    log.info("looked meanwhile", extra={"batch_id": batch.batch_id})
                raise early
            case Missing.FOR_EVER:
                self._never(batch, placement, "the exchange never had the order", look_again=True)

    def _never(self, batch: Batch, placement: Placement, why: str, *, look_again: bool = False) -> None:
        """The exchange does not have the order: everybody is to be refunded."""
        look_at = self.now() + timedelta(seconds=LATE_LOOK_SECONDS) if look_again else None
        found = model.nothing(batch.asset_id, f"not bought: {why}")
        self._decide(batch, found, lambda at: placements.never(placement, at), look_at)

    def poll(self, batch_id: str) -> Step:
        """Ask the exchange for the fill, and write it down when it is final.

        Raises BatchNotFound; PurchaseNotFilled; PurchaseOverdue: not filled in time; ExchangeUnavailable, Busy.
        """
        batch = store.batch(self.table, batch_id)
        if batch.status is not BatchStatus.WORKING:
            return self.read(batch_id)
        placement, seen = self._seen(batch)
        if seen.final:
            return self._settle(batch, placement, seen)
        if self.now() >= placement.overdue_at:
            raise PurchaseOverdue(f"not filled within {POLL_LIMIT}", id=batch_id)
        raise PurchaseNotFilled(f"{seen.executed} of {seen.quantity} executed", id=batch_id)

    def cancel_order(self, batch_id: str) -> Step:
        """Cancel what the exchange has not filled in time, and write down what it had.

        Raises BatchNotFound; PurchaseNotFilled: the exchange has not ended it yet; ExchangeUnavailable, Busy.
        """
        batch = store.batch(self.table, batch_id)
        if batch.status is not BatchStatus.WORKING:
            return self.read(batch_id)
        placement, seen = self._seen(batch)
        if not seen.final:
            self.venue.cancel(placement, seen)
            placement, seen = self._seen(batch)
        if seen.final:
            return self._settle(batch, placement, seen)
        raise PurchaseNotFilled("the exchange has not ended the order yet", id=batch_id)

    def _seen(self, batch: Batch) -> tuple[Placement, ExchangeOrder]:
        assert batch.plan is not None
        placement = self._placement(batch)
        return placement, self.venue.seen(placement, Side.BUY, batch.plan.quantity, batch.plan.limit_price)

    def _settle(self, batch: Batch, placement: Placement, seen: ExchangeOrder) -> Step:
        assert batch.plan is not None
        fill = Fill(seen.state, seen.executed, seen.gross, seen.fee, seen.fees_elsewhere)
        self._decide(batch, model.bought(fill, batch.plan.quantity), lambda at: placements.settle(placement, fill, at))
        return self.read(batch.batch_id)

    def _decide(
        self,
        batch: Batch,
        found: Bought,
        placed: Callable[[datetime], Write] | None = None,
        look_at: datetime | None = None,
    ) -> None:
        at = self.now()
        told = found.reason or f"{found.executed} for ${found.gross}, fee ${found.fee}"
        try:
            self._commit(
                store.decide(batch, found, at, look_at),
                *([] if placed is None else [placed(at)]),
                store.batch_event(batch.batch_id, batch.status, BatchStatus.DECIDED, told, EXCHANGE, at),
            )
        except BatchMoved:
            log.info("decided meanwhile", extra={"batch_id": batch.batch_id})

    def _placement(self, batch: Batch) -> Placement:
        placement = placements.find(self.table, batch.batch_id, store.PLACEMENT)
        if placement is None:
            raise BatchNotFound("its exchange order is missing", id=batch.batch_id)
        return placement

    # Allocation

    def allocate(self, batch_id: str, more_time: Callable[[], bool]) -> Step:
        """Give every member its share, each in a transaction of its own, as long as there is time; then write down
        what is the desk's. May die anywhere and be begun again: no share is given twice.

        Raises BatchNotFound, Busy.
        """
        batch = store.batch(self.table, batch_id)
        if batch.status is not BatchStatus.DECIDED:
            return self.read(batch_id)
        members = store.members(self.table, batch_id)
        shares = {share.order_id: share for share in model.shares(batch, members)}
        refused = []
        for member in members:
            if member.done:
                continue
            if not more_time():
                return Step(Stage.ALLOCATE)
            try:
                self._give(batch, member, shares[member.order_id])
            except AlreadyAllocated:
                log.info("given meanwhile", extra={"order_id": member.order_id})
            except Unavailable:
                raise
            except Refusal as refusal:  # his account is not as it was: the others do not wait for him
                log.error("share not given", extra={"order_id": member.order_id, "why": refusal.detail})
                refused.append(f"{member.order_id}: {refusal.detail}")
        try:
            return self._stopped(batch, refused) if refused else self._finished(batch, list(shares.values()))
        except BatchMoved:
            return self.read(batch_id)

    def _give(self, batch: Batch, member: Member, share: Share) -> None:
        at, owner, reason = self.now(), member.owner, model.why_not_all(member, share, batch)
        told = f"{share.allocated} for ${share.charged}" if share.allocated.amount else "nothing"
        writes = [
            *store.give(batch, member, share, reason, at),
            ledger.settle(owner, member.held, share.charged, at),
            store.event(member.order_id, Status.PENDING, share.status, f"{told}: {reason}" if reason else told, at),
        ]
        if share.allocated.amount:
            writes += [
                ledger.credit_asset(owner, share.allocated, share.charged, at),
                ledger.journal(_line(member, share, at)),
            ]
        self._commit(*writes)

    def _finished(self, batch: Batch, shares: list[Share]) -> Step:
        at = self.now()
        lines = [
            ledger.desk_line(amount, "its part of a batch", batch.batch_id, at)
            for amount in model.left_to_the_desk(batch, shares)
        ]
        after = BatchStatus.ALLOCATED
        why = f"{sum(bool(s.allocated.amount) for s in shares)} of {len(shares)} members have got coins"
        self._commit(
            store.finish(batch, at), *lines, store.batch_event(batch.batch_id, batch.status, after, why, MACHINE, at)
        )
        return self.read(batch.batch_id)

    def _stopped(self, batch: Batch, refused: list[str]) -> Step:
        self._commit(store.stop(batch, f"{len(refused)} members can not get their shares: {refused[0]}", self.now()))
        return Step(Stage.STOPPED)

    def look_again(self, batch_id: str) -> Step:
        """The last look for an order that the exchange did not have. What turns up now is the desk's: its members have
        their dollars back.

        Raises BatchNotFound, ExchangeUnavailable, Busy.
        """
        batch = store.batch(self.table, batch_id)
        if batch.status is not BatchStatus.ALLOCATED or batch.look_at is None or batch.turned_up:
            return self.read(batch_id)
        placement = self._placement(batch)
        try:
            seen = self.venue.find(placement, batch.asset_id)
        except ExchangeOrderUnknown:
            try:
                self._commit(store.looked(batch, self.now()))
            except BatchMoved:
                log.info("looked meanwhile", extra={"batch_id": batch_id})
            return self.read(batch_id)
        if not seen.final:
            self.venue.cancel(placement, seen)
        self._turned_up(batch, placement, f"order {seen.exchange_order_id}")
        return self.read(batch_id)

    def _turned_up(self, batch: Batch, placement: Placement, told: str) -> None:
        count("LateFills")
        log.error("an order turned up", extra={"batch_id": batch.batch_id, "told": told})
        at = self.now()
        try:
            self._commit(store.turned_up(batch, told, at), placements.turned_up(placement, at))
        except BatchMoved:
            log.info("moved meanwhile", extra={"batch_id": batch.batch_id})

    # What operators ask

    def void(self, batch_id: str, reason: str, operator: str, *, dry_run: bool) -> Moved:
        """Refund a batch that was not sent, or whose order the exchange has lost; or be done with an order that turned
        up after all, once a person has dealt with it at the exchange.

        Raises BatchNotFound; BatchNotStuck: the exchange has the order, or may have, or the batch is decided, be
        it by a void before; ExchangeUnavailable, Busy.
        """
        batch = store.batch(self.table, batch_id)
        at = self.now()
        entry = audit.entry(AuditEntry(at, operator, "void batch", batch_id, reason))
        if batch.turned_up:
            says = "nothing of it is looked for any more"
            told = store.batch_event(batch_id, batch.status, batch.status, reason, operator, at)
            writes = [store.looked(batch, at), told]
        elif batch.status is BatchStatus.CLOSED or self._forgotten(batch):
            says = "its members are refunded"
            if batch.status is BatchStatus.WORKING:
                says += ", and were anything bought, it is the desk's"
            found = model.nothing(batch.asset_id, f"not bought: {reason}")
            look_at = at + timedelta(seconds=LATE_LOOK_SECONDS) if batch.status is BatchStatus.WORKING else None
            writes = [
                store.decide(batch, found, at, look_at),
                store.batch_event(batch_id, batch.status, BatchStatus.DECIDED, f"void: {reason}", operator, at),
            ]
        else:
            raise BatchNotStuck(f"the batch is {batch.status}: there is nothing to give up", id=batch_id)
        if not dry_run:
            try:
                self._commit(*writes, entry)
            except BatchMoved:
                raise BatchNotStuck("the batch has moved meanwhile; look at it again", id=batch_id) from None
            self._start_next(batch_id)
        after = batch if dry_run else store.batch(self.table, batch_id)
        return Moved(after, batch.status, done=not dry_run, says=says)

    def _forgotten(self, batch: Batch) -> bool:
        """Has the exchange lost an order that it had accepted? Only when it is asked late, and by both ids."""
        if batch.status is not BatchStatus.WORKING:
            return False
        placement = self._placement(batch)
        return self.now() >= placement.overdue_at and self.venue.forgotten(placement, batch.asset_id)

    def _start_next(self, batch_id: str) -> None:
        item = work.find(self.table, store.batch_key(batch_id))
        if item is not None:
            try:
                work.drive(self.table, self.machines, item, self.now())
            except Unavailable as unavailable:  # the sweeper will
                log.warning("machine not started", extra={"batch_id": batch_id, "why": unavailable.detail})

    def _commit(self, *writes: Write) -> None:
        with self.table.transaction() as tx:
            tx.add(*writes)


def _not_pending(purchase: Purchase, why: str) -> PurchaseNotPending:
    return PurchaseNotPending(f"{why}: it can not be cancelled", id=purchase.order_id, order_status=purchase.status)


def _line(member: Member, share: Share, at: datetime) -> AssetTransaction:
    """The journal's line of a purchase. Its price is what was paid for a unit, fees included, to 18 decimals."""
    step = Decimal(1).scaleb(-FRACTION_DIGITS_MAX)
    each = ROUNDING.divide(share.charged.usd, share.allocated.amount).quantize(step, ROUND_HALF_EVEN, ROUNDING)
    return AssetTransaction(
        username=member.owner.username,
        sub=member.owner.sub,
        quantity=share.allocated,
        transaction_type=TransactionType.BUY,
        price_per_unit=Price(each),
        total_amount=share.charged,
        order_id=member.order_id,
        created_at=at,
    )
