"""What stories are told of, in whichever context; where rounds go on, the accounts there are, and what was found of
them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from pynamodb.attributes import BooleanAttribute, JSONAttribute, UnicodeAttribute

from common import keys
from common.clock import instant, text
from common.domain import acts, pools, work
from common.domain.acts import Leg
from common.domain.comparisons import LINES_MAX, Line, line_of, told_of
from common.domain.custody import store as custody
from common.domain.custody.model import Incoming, Kind, Outgoing, incoming_id, outgoing_id, summary
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders.model import ExchangeOrder
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.ledger.model import AccountMoved, Books
from common.domain.own_accounts import Namesake
from common.domain.payouts.model import AttemptStatus
from common.domain.payouts.store import BankEventItem
from common.domain.timeline import BILLING_SYSTEM, CUSTODY, EXCHANGE
from common.domain.work import Unfinished
from common.errors import Refusal
from common.keys import Key, PrimaryKey
from common.money import Money, Quantity, plain
from common.owner import Ownership
from common.roubles import roubles
from common.table.items import AnyItem, DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.operations.model import AddedUp, OutsideCall

RECONCILE, SWEEP, CHECK, COMPARE = "reconcile", "sweep", "check", "compare"
CHECK_ASKED = f"{CHECK}-asked"
CAUSED_BY_ORDERS = (Kind.SURPLUS, Kind.REFUND, Kind.HOME)  # besides their funding
RULES = {row.pk: row for row in (keys.ASSET, keys.PAIR, keys.SEGMENT)}  # by which is traded
UNANSWERED = "begun; it has not answered yet"


class CursorItem(Item, discriminator=keys.CURSOR.entity):
    position = JSONAttribute(null=True)  # where a round goes on; none: at the beginning


class ReconciliationItem(work.OpenWork, discriminator=keys.RECONCILIATION.entity):
    """How far an account's journal is added up, and what was found of it, or of something else that an id names. Most
    have none: they are added up at once, and balance."""

    sub = UnicodeAttribute(null=True)  # one of those that had the account when this was added up
    added_up = JSONAttribute(null=True)
    looked_at = JSONAttribute(null=True)  # the keys of the items beside which something was found wrong


class AccountItem(AnyItem):
    """That there is a balance, or a user, whatever is wrong with it."""

    listed = UnicodeAttribute(null=True)

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        return super().from_raw_data({name: data[name] for name in ("PK", "SK", "listed") if name in data})

    @property
    def is_unlisted(self) -> bool:
        """Is it a user from before there was a list of them?"""
        return self.SK == keys.USER.sk and self.listed is None


class UserFromBefore(AnyItem):
    """A user who came before there was a list of them."""

    listed = UnicodeAttribute(null=True)
    listed_at = InstantAttribute(null=True)


class KnownItem(Unfinished):
    """Any item that an id names."""

    sub = UnicodeAttribute(null=True)  # of a user
    username = UnicodeAttribute(null=True)  # of the customer whose it is
    batch_id = UnicodeAttribute(null=True)  # of a purchase or a sale
    asset_id = UnicodeAttribute(null=True)
    shard = DecimalAttribute(null=True)  # of the asset's pool: a pool's own, or where it waits or has waited
    opponent_id = UnicodeAttribute(null=True)  # who pays for a market-making order
    base_asset_id = UnicodeAttribute(null=True)
    quote_asset_id = UnicodeAttribute(null=True)
    base_fee_asset_id = UnicodeAttribute(null=True)
    quote_fee_asset_id = UnicodeAttribute(null=True)
    kopecks = DecimalAttribute(null=True)  # of a payment of a dealer
    payment_id = UnicodeAttribute(null=True)
    contract_id = UnicodeAttribute(null=True)
    invoice_id = UnicodeAttribute(null=True)
    releases = DecimalAttribute(null=True)  # of a dealer, of his deposit
    leaves_with_kopecks = DecimalAttribute(null=True)
    leaves_to_version = DecimalAttribute(null=True)
    told_kopecks = DecimalAttribute(null=True)  # of a dealer's account
    received_kopecks = DecimalAttribute(null=True)
    aside_kopecks = DecimalAttribute(null=True)
    balance_kopecks = DecimalAttribute(null=True)
    requisites_version = DecimalAttribute(null=True)
    refunds = DecimalAttribute(null=True)
    refund_id = UnicodeAttribute(null=True)  # of one that is on its way
    recalls = DecimalAttribute(null=True)
    takes_back = UnicodeAttribute(null=True)  # of a message: the payment that the bank has taken back
    takes_back_kopecks = DecimalAttribute(null=True)
    body = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    goes_home = BooleanAttribute(null=True)
    account_id = UnicodeAttribute(null=True)  # of a market-making order, at which exchange's account it quotes
    symbol = UnicodeAttribute(null=True)
    pool_generation = DecimalAttribute(null=True)
    side = UnicodeAttribute(null=True)  # of a batch that sells

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        item = super().from_raw_data(data)
        if item.SK == keys.USER.sk:
            item.status = acts.ACCOUNT_OPEN
        return item

    @property
    def row(self) -> Key:
        named = next((row for row in keys.SCHEMA if row.sk == self.SK), None)
        return named or keys.row_of(PrimaryKey(self.PK, self.SK))

    @property
    def is_rule(self) -> bool:
        """Is it an asset of the catalogue, a pair, or a segment?"""
        return self.PK in RULES

    @property
    def rule_id(self) -> str:
        """Under which operators know such a rule."""
        return self.SK.removeprefix(RULES[self.PK].prefix)

    @property
    def whose(self) -> str | None:
        """The username of whose it is, where it is a customer's."""
        return self.PK if self.SK == keys.USER.sk else self.username

    @property
    def assets(self) -> set[str | None]:
        """Of a market-making order, those that pay for it."""
        return {self.base_asset_id, self.quote_asset_id, self.base_fee_asset_id, self.quote_fee_asset_id}

    @property
    def pool(self) -> str | None:
        """The id of the pool that it is, or that it waits or has waited in."""
        if self.shard is None or self.asset_id is None:
            return None
        return pools.pool_id(self.asset_id, int(self.shard), sells=self.sells)

    @property
    def sells(self) -> bool:
        """Is it a sale at the exchange, or a pool or batch of such?"""
        return self.row in (keys.SALE, keys.SALE_POOL) or self.side is not None

    @property
    def batch(self) -> str | None:
        """The id of the batch that it is, that it is bought with, or that a pool's open generation will be."""
        if self.row is keys.BATCH:
            return self.PK
        if self.row not in (keys.POOL, keys.SALE_POOL):
            return self.batch_id
        assert self.asset_id is not None
        assert self.shard is not None
        assert self.pool_generation is not None
        return pools.batch_id(self.asset_id, int(self.shard), int(self.pool_generation), sells=self.sells)


class PoolHeadItem(KnownItem):
    """A pool, with what is in it: dollars of purchases, or coins of sales."""

    total = DecimalAttribute()


class NamedOutsideItem(AnyItem):
    """What the billing system's contract or invoice is of."""

    dealer_id = UnicodeAttribute(null=True)
    type = UnicodeAttribute(null=True)
    bill_id = UnicodeAttribute(null=True)


class OutsideCallItem(AnyItem):
    """An order at the exchange, or a payout attempt, as the story of an order tells it."""

    exchange = UnicodeAttribute(null=True)
    client_order_id = UnicodeAttribute(null=True)
    exchange_order_id = UnicodeAttribute(null=True)
    order_state = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    adjustment_id = UnicodeAttribute(null=True)
    status = UnicodeAttribute()
    failure_code = UnicodeAttribute(null=True)


class LegItem(AnyItem):
    """A leg of a market-making order."""

    amount = DecimalAttribute()
    symbol = UnicodeAttribute()
    network = UnicodeAttribute()
    sent_by = UnicodeAttribute()
    status = UnicodeAttribute()
    transaction_hash = UnicodeAttribute(null=True)
    arrived_amount = DecimalAttribute(null=True)


class LedgerItem(AnyItem):
    """What a market-making order has at the exchange."""

    base_amount = DecimalAttribute()
    quote_amount = DecimalAttribute()


def of_rule(key: PrimaryKey) -> KnownItem:
    """What a proposal about an asset, a pair or a segment is about, which may be new."""
    return KnownItem(*key)


def of_event(event: BankEventItem) -> KnownItem:
    """What a proposal about an event of the bank is about."""
    return KnownItem(event.PK, event.SK)


class PairSymbolItem(AnyItem):
    """A pair of market making."""

    symbol = UnicodeAttribute()


def coins(table: Table) -> frozenset[str]:
    """Those of all pairs of market making, by their markets' names, as in BTC-USDT."""
    pairs = Query(partition(keys.PAIR.partition()) & Item.SK.startswith(keys.PAIR.prefix), consistent=True)
    return frozenset(coin for pair in table.all(PairSymbolItem, pairs) for coin in pair.symbol.split("-"))


def known(table: Table, key: PrimaryKey) -> KnownItem | None:
    """The item here; of a batch that is not closed yet, the pool whose open generation it is."""
    item = table.get(KnownItem, key, consistent=True)
    if item is not None or key.sk != keys.BATCH.sk:
        return item
    pool = _open_pool(table, key.pk)
    return pool if pool is not None and pool.batch == key.pk else table.get(KnownItem, key, consistent=True)


def pool_head(table: Table, key: PrimaryKey) -> PoolHeadItem | None:
    return table.get(PoolHeadItem, key, consistent=True)


def named_outside(table: Table, key: PrimaryKey) -> NamedOutsideItem | None:
    return table.get(NamedOutsideItem, key, consistent=True)


def _open_pool(table: Table, batch_id: str) -> KnownItem | None:
    """The pool of its first member; nobody else knows which pool an open generation is of."""
    order_id = next(members(table, batch_id), None)
    named = None if order_id is None else keys.item_named(order_id)
    member = None if named is None else table.get(KnownItem, named, consistent=True)
    if member is None or member.pool is None:
        return None
    key = keys.item_named(member.pool)
    return None if key is None else table.get(KnownItem, key, consistent=True)


def members(table: Table, batch_id: str) -> Iterator[str]:
    """The ids of the purchases, or sales, in a batch, or in the open generation that will be one."""
    for row in (keys.MEMBER, keys.SELLER):
        where = partition(batch_id) & Item.SK.startswith(row.prefix)
        for item in table.all(AnyItem, Query(where, consistent=True)):
            yield row.read(PrimaryKey(item.PK, item.SK))["order_id"]


def exchange_order(table: Table, thing_id: str) -> ExchangeOrder | None:
    """The one that it placed last."""
    where = partition(thing_id) & Item.SK.startswith(keys.EXCHANGE_ORDER.prefix)
    number = sum(1 for _ in table.all(AnyItem, Query(where, consistent=True)))  # they are numbered from 1
    return None if number == 0 else exchange_orders.find(table, thing_id, number)


def legs(table: Table, order_id: str) -> list[Leg]:
    """Of a market-making order, those home first."""
    where = partition(order_id) & Item.SK.startswith(keys.MARKET_MAKING_LEG.prefix)
    return [_leg_of(item) for item in table.all(LegItem, Query(where, consistent=True))]


def _leg_of(item: LegItem) -> Leg:
    key = keys.MARKET_MAKING_LEG.read(PrimaryKey(item.PK, item.SK))
    arrived = item.arrived_amount
    return Leg(
        way=key["way"],
        symbol=item.symbol,
        quantity=Quantity(item.amount, key["asset_id"]),
        status=item.status,
        sent_by=item.sent_by,
        created_at=item.created_at,
        transaction_hash=item.transaction_hash,
        arrived=None if arrived is None else Quantity(arrived, key["asset_id"]),
    )


def ledger(table: Table, order_id: str) -> tuple[Decimal, Decimal] | None:
    """Base and quote that a market-making order has by its own; None before that is open."""
    item = table.get(LedgerItem, keys.MARKET_MAKING_QUOTES(order_id=order_id), consistent=True)
    return None if item is None else (item.base_amount, item.quote_amount)


def snapshots(table: Table, order_id: str) -> Iterator[Incoming]:
    """Those that pay for a market-making order."""
    where = partition(order_id) & Item.SK.startswith(keys.MARKET_MAKING_TRANSFER.prefix)
    for item in table.all(AnyItem, Query(where, consistent=True)):
        key = keys.MARKET_MAKING_TRANSFER.read(PrimaryKey(item.PK, item.SK))
        found = custody.find_incoming(table, incoming_id(key["snapshot_id"]))
        if found is not None:
            yield found


def at_custody(incoming: Incoming) -> OutsideCall:
    """A snapshot, as the story of an order or its own tells it."""
    snapshot = incoming.snapshot
    who = "nobody" if snapshot.opponent_id is None else snapshot.opponent_id
    says = f"{snapshot.quantity} of {who}: {incoming.reason}"
    at, theirs = incoming.created_at, snapshot.snapshot_id
    return OutsideCall(at, CUSTODY, incoming.incoming_id, theirs, incoming.disposition, says)


class OpenBillItem(AnyItem):
    bill_id = UnicodeAttribute()


def open_bill(table: Table, dealer_id: str, type_: str) -> str | None:
    """The oldest bill of a dealer's account that can still be paid; None where all are."""
    named = Query(partition(dealer_id) & Item.SK.startswith(f"{keys.OPEN_BILL.prefix}{type_}#"), consistent=True)
    return next((item.bill_id for item in table.all(OpenBillItem, named, at_once=1)), None)


def of_payment(item: KnownItem) -> OutsideCall:
    """What the billing system has told of a payment, as its story tells it."""
    if item.kopecks is None:
        says = f"{item.reason}: {item.body}"
    else:
        named = "" if item.invoice_id is None else f", invoice {item.invoice_id}"
        says = f"{roubles(int(item.kopecks))} roubles for contract {item.contract_id}{named}"
    return OutsideCall(item.created_at, BILLING_SYSTEM, item.PK, item.payment_id, item.status, says)


def by_custody(outgoing: Outgoing) -> OutsideCall:
    """An outgoing transfer."""
    their_id = outgoing.withdrawal_hash or outgoing.transaction_hash
    return OutsideCall(outgoing.created_at, CUSTODY, outgoing.outgoing_id, their_id, outgoing.status, summary(outgoing))


def of_market_making(table: Table, order_id: str) -> Iterator[OutsideCall]:
    """What came in for an order, each of its legs, and every outgoing transfer that it has asked for."""
    there = list(snapshots(table, order_id))
    yield from map(at_custody, there)
    moved = legs(table, order_id)
    for leg in moved:
        if leg.way == "HOME":
            arrived = "" if leg.arrived is None else f", {plain(leg.arrived.amount)} have come"
            says = f"{plain(leg.quantity.amount)} {leg.symbol} home{arrived}"
            yield OutsideCall(leg.created_at, EXCHANGE, leg.sent_by, leg.transaction_hash, leg.status, says)
        elif leg.way == "REST":
            says = f"{plain(leg.quantity.amount)} {leg.symbol} stay there"
            yield OutsideCall(leg.created_at, EXCHANGE, leg.sent_by, None, leg.status, says)
    assets = {each.snapshot.quantity.asset_id for each in there} | {leg.quantity.asset_id for leg in moved}
    sent = {leg.sent_by for leg in moved if leg.way == "OUT"}
    sent |= {each.outgoing_id for each in there if each.outgoing_id is not None}
    sent |= {outgoing_id(kind, order_id, asset_id) for asset_id in assets for kind in CAUSED_BY_ORDERS}
    for each_id in sorted(sent):
        found = custody.find_outgoing(table, each_id)
        if found is not None:
            yield by_custody(found)


def calls(table: Table, thing_id: str) -> Iterator[OutsideCall]:
    """Orders at the exchange, then payout attempts, each in order."""
    for row in (keys.EXCHANGE_ORDER, keys.PAYOUT_ATTEMPT):
        where = partition(thing_id) & Item.SK.startswith(row.prefix)
        for item in table.all(OutsideCallItem, Query(where, consistent=True)):
            yield _at_exchange(item) if row is keys.EXCHANGE_ORDER else _at_bank(item)


def _at_exchange(item: OutsideCallItem) -> OutsideCall:
    assert item.exchange is not None
    assert item.client_order_id is not None
    says = UNANSWERED if item.status == AtExchange.SENT else item.reason
    state = item.order_state or item.status
    return OutsideCall(item.created_at, item.exchange, item.client_order_id, item.exchange_order_id, state, says)


def _at_bank(item: OutsideCallItem) -> OutsideCall:
    reference_id = f"{item.PK}-{item.SK.rpartition('#')[2]}"
    says = UNANSWERED if item.status == AttemptStatus.PENDING else item.failure_code
    return OutsideCall(item.created_at, "bank", reference_id, item.adjustment_id, item.status, says)


def open_of(table: Table, username: str) -> Iterator[KnownItem]:
    """What of a customer's waits for something."""
    for item in table.all(KnownItem, Query(KnownItem.username == username, index=keys.USER_OPEN)):
        if item.open_work is not None:
            yield item


def move_user(username: str, before: str, sub: str, at: datetime, written_at: datetime) -> Write:
    """The user is another login's. Refused with AccountMoved, also if it was written since."""
    return Write.update(
        KnownItem(*keys.USER(username=username)),
        KnownItem.sub.set(sub),
        KnownItem.updated_at.set(at),
        when=(KnownItem.sub == before) & (KnownItem.updated_at == written_at),
        otherwise=AccountMoved("others have moved the account; look at it again", id=username),
    )


def login(table: Table, username: str) -> Namesake | None:
    """Who has the account of this name, and since when."""
    item = table.get(KnownItem, keys.USER(username=username), consistent=True)
    return None if item is None or item.sub is None else Namesake(item.sub, item.updated_at)


def same_login(username: str, login: Namesake) -> Write:
    """The account is this login's, and was nobody else's since. Refused with AccountMoved."""
    return Write.check(
        KnownItem(*keys.USER(username=username)),
        when=(KnownItem.sub == login.sub) & (KnownItem.updated_at == login.since),
        otherwise=AccountMoved("others have moved the account; look at it again", id=username),
    )


def accounts(table: Table, after: Position | None) -> Page[AccountItem]:
    """A page of a scan: balances and users."""
    return table.scan(AccountItem, keys.BALANCE, keys.USER, after=after)


class Listed(Refusal):
    """The user is in the list already."""


def list_user(username: str) -> Write:
    """A user comes into the list of all, at the time when he came. Refused with Listed."""
    item = UserFromBefore
    return Write.update(
        item(*keys.USER(username=username)),
        item.listed.set(keys.LISTED_USERS),
        item.listed_at.set(item.created_at),
        when=item.PK.exists() & item.listed.does_not_exist(),
        otherwise=Listed(f"{username} is listed"),
    )


def behind(username: str) -> Position:
    """Where a scan goes on that has come to this account."""
    key = keys.BALANCE(username=username)
    return {"PK": {"S": key.pk}, "SK": {"S": key.sk}}


def reconciled_so_far(table: Table) -> tuple[Position | None, list[str]]:
    """Behind which account the scan goes on, and which are put aside."""
    item = table.get(CursorItem, keys.CURSOR(name=RECONCILE), consistent=True)
    position = {} if item is None else item.position or {}
    # A username stood with its sub until accounts could be moved.
    aside = [told if isinstance(told, str) else told[0] for told in position.get("aside", [])]
    return position.get("behind"), aside


def move_on(behind: Position | None, aside: list[str], at: datetime) -> Write:
    position = {"behind": behind, "aside": aside}
    return Write.put(CursorItem(*keys.CURSOR(name=RECONCILE), position=position, created_at=at, updated_at=at))


def reconciliation(table: Table, thing_id: str) -> ReconciliationItem | None:
    return table.get(ReconciliationItem, keys.RECONCILIATION(thing_id=thing_id), consistent=True)


def added_up(item: ReconciliationItem, whose: Ownership) -> AddedUp | None:
    """What is kept of a journal; None also if that is somebody else's, who had the username before."""
    if item.added_up is None or item.sub not in whose.subs:
        return None
    told = item.added_up
    return AddedUp(
        books=Books(Money(told["usd"]), {asset: _five(sums) for asset, sums in told["sums"].items()}),
        lines=told["lines"],
        since=None if told["since"] is None else instant(told["since"]),
        until=instant(told["until"]),
        assets=told["assets"],
        position=told["position"],
    )


def _five(sums: list[str]) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    a, b, c, d, e = map(Decimal, sums)
    return a, b, c, d, e


def keep(whose: Ownership, before: ReconciliationItem | None, added: AddedUp, at: datetime) -> Write:
    """Keep what is added up of an account until its turn comes again. What was found of it before stays until then."""
    told = {
        "usd": str(added.books.usd.usd),
        "sums": {asset_id: list(map(str, sums)) for asset_id, sums in added.books.assets.items()},
        "lines": added.lines,
        "since": None if added.since is None else text(added.since),
        "until": text(added.until),
        "assets": list(added.assets),
        "position": added.position,
    }
    item = _reconciliation(whose.username, before, at)
    item.sub, item.added_up = whose.owner.sub, told
    return Write.put(item)


def found(username: str, before: ReconciliationItem | None, why: str, at: datetime) -> Write:
    """Something is wrong with an account: it waits for a person, and has since that was first found. Nothing that is
    added up is kept."""
    return _found(username, before, why, None, at)


def found_beside(
    thing_id: str, before: ReconciliationItem | None, why: str, looked_at: Sequence[PrimaryKey], at: datetime
) -> Write:
    """Something is wrong beside these items of a thing, which waits for a person, and has since that was first
    found."""
    return _found(thing_id, before, why, [list(key) for key in looked_at], at)


def _found(
    thing_id: str, before: ReconciliationItem | None, why: str, looked_at: list[list[str]] | None, at: datetime
) -> Write:
    item = _reconciliation(thing_id, before, at)
    if item.open_work is None:
        work.wait_for_person(item, keys.RECONCILIATION, waits_for=why)
        item.due_at = item.waits_since = at
    item.waits_for, item.sub, item.added_up, item.looked_at = why, None, None, looked_at
    return Write.put(item)


def balanced(thing_id: str, before: ReconciliationItem, at: datetime) -> Write:
    """Nothing is wrong with the account or thing, and nothing of it is added up any more."""
    key = keys.RECONCILIATION(thing_id=thing_id)
    return Write.put(ReconciliationItem(*key, created_at=before.created_at, updated_at=at))


def _reconciliation(thing_id: str, before: ReconciliationItem | None, at: datetime) -> ReconciliationItem:
    values = {} if before is None else {**before.attribute_values}
    values |= {"updated_at": at, "created_at": values.get("created_at", at)}
    known = {"PK", "SK", "entity_type"}
    key = keys.RECONCILIATION(thing_id=thing_id)
    return ReconciliationItem(*key, **{name: value for name, value in values.items() if name not in known})


@dataclass
class Checked:
    """How far a pass over the books is: when the present one or the last `began`, `behind` which item it goes on (None:
    it is over), the `trial` balance up to there, and that of the pass before, `last`, which began at `last_began`."""

    began: datetime | None = None
    behind: Position | None = None
    trial: dict[str, Any] | None = None
    last: dict[str, Any] | None = None
    last_began: datetime | None = None


def checked_so_far(table: Table) -> Checked:
    item = table.get(CursorItem, keys.CURSOR(name=CHECK), consistent=True)
    told = {} if item is None else item.position or {}
    began, last_began = told.get("began"), told.get("last_began")
    return Checked(
        began=None if began is None else instant(began),
        behind=told.get("behind"),
        trial=told.get("trial"),
        last=told.get("last"),
        last_began=None if last_began is None else instant(last_began),
    )


def check_on(checked: Checked, at: datetime) -> Write:
    position = {
        "began": None if checked.began is None else text(checked.began),
        "behind": checked.behind,
        "trial": checked.trial,
        "last": checked.last,
        "last_began": None if checked.last_began is None else text(checked.last_began),
    }
    return Write.put(CursorItem(*keys.CURSOR(name=CHECK), position=position, created_at=at, updated_at=at))


def check_asked_for_at(table: Table) -> datetime | None:
    """When an operator last wanted a pass over the books."""
    item = table.get(CursorItem, keys.CURSOR(name=CHECK_ASKED), consistent=True)
    return None if item is None else item.updated_at


def ask_for_check(at: datetime) -> Write:
    return Write.put(CursorItem(*keys.CURSOR(name=CHECK_ASKED), created_at=at, updated_at=at))


@dataclass
class DaysCompared:
    """The days that are compared with what is outside, `since` and `until`, both included; those that operators have
    `asked` for; and how far the one is that is being compared: `after` is where its list goes on."""

    since: date | None = None
    until: date | None = None
    asked: list[date] = field(default_factory=list)
    day: date | None = None
    after: str | None = None
    things: int = 0
    there: Decimal = Decimal(0)
    booked: Decimal = Decimal(0)
    lines: list[Line] = field(default_factory=list)  # that do not agree


def days_compared(table: Table, of: str) -> DaysCompared:
    item = table.get(CursorItem, keys.CURSOR(name=f"{COMPARE}-{of}"), consistent=True)
    told = {} if item is None else item.position or {}
    days = {name: _day(told.get(name)) for name in ("since", "until", "day")}
    return DaysCompared(
        **days,
        asked=[date.fromisoformat(day) for day in told.get("asked", [])],
        after=told.get("after"),
        things=told.get("things", 0),
        there=Decimal(told.get("there", 0)),
        booked=Decimal(told.get("booked", 0)),
        lines=[line_of(line) for line in told.get("lines", [])],
    )


def compare_on(of: str, days: DaysCompared, at: datetime) -> Write:
    position = {
        "since": None if days.since is None else days.since.isoformat(),
        "until": None if days.until is None else days.until.isoformat(),
        "day": None if days.day is None else days.day.isoformat(),
        "asked": [day.isoformat() for day in days.asked],
        "after": days.after,
        "things": days.things,
        "there": plain(days.there),
        "booked": plain(days.booked),
        "lines": [told_of(line) for line in days.lines[:LINES_MAX]],
    }
    key = keys.CURSOR(name=f"{COMPARE}-{of}")
    return Write.put(CursorItem(*key, position=position, created_at=at, updated_at=at))


def _day(told: str | None) -> date | None:
    return None if told is None else date.fromisoformat(told)


def trading_accounts(table: Table) -> list[str]:
    """The ids of all, in order."""
    where = partition(keys.TRADING_ACCOUNT.pk) & Item.SK.startswith(keys.TRADING_ACCOUNT.prefix)
    accounts = table.all(AnyItem, Query(where, consistent=True))
    return [keys.TRADING_ACCOUNT.read(PrimaryKey(item.PK, item.SK))["account_id"] for item in accounts]


def is_a_legs(table: Table, account_id: str, deposit_id: str) -> bool:
    """Is a deposit at a trading account that of a leg of an order?"""
    key = keys.EXCHANGE_DEPOSIT(account_id=account_id, deposit_id=deposit_id)
    return table.get(AnyItem, key, consistent=True) is not None


def places(table: Table) -> dict[str, Position]:
    """By partition of the index, behind which item the sweeper goes on there; in one that is missing, it begins
    anew."""
    item = table.get(CursorItem, keys.CURSOR(name=SWEEP), consistent=True)
    return {} if item is None else item.position


def move_places(places: dict[str, Position], at: datetime) -> Write:
    return Write.put(CursorItem(*keys.CURSOR(name=SWEEP), position=places, created_at=at, updated_at=at))
