"""Market making's things straight in the table, each where something may be done about it: for tests of doors, which
need many of them, and quickly. Whether they come there is tested elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from common.campaigns import Campaign, Score, campaign_id
from common.campaigns import Kind as CampaignKind
from common.campaigns import Status as CampaignStatus
from common.custody import Output, Snapshot, User
from common.domain import halts, trade_cursors
from common.domain.custody import model as custody_model
from common.domain.custody import shortages, ties
from common.domain.custody import store as custody
from common.domain.custody.model import Disposition, Incoming, Kind, Outgoing
from common.domain.custody.model import Status as Sent
from common.domain.custody.ties import Status as Tie
from common.domain.pairs import store as pair_store
from common.domain.trade_cursors import TradesCursor
from common.gateways.exchange import Side
from common.gateways.exchange.maker import OwnTrade
from common.money import Quantity
from common.owner import Owner
from functions.market_making import campaign_store as campaigns
from functions.market_making import (
    configuration,
    hummingbot,
    leg_store,
    quotes_store,
    risk,
    shard_store,
    store,
)
from functions.market_making.campaigns import NOTHING, Seeker, Taking, Told
from functions.market_making.model import (
    FIRST_SHARD,
    AtExchange,
    Fees,
    Leg,
    LegStatus,
    Order,
    Status,
    Way,
    order_id,
)
from functions.market_making.quotes import Fill
from sandbox.exchange.flow import Flow
from tests.market_making.market import ACCOUNT, ANN, BTC, ETH, PAIR, USDT, Market


def have_traded(market: Market, order_id: str, trades: int) -> None:
    """An order that has traded so many times at the exchange."""
    order, at = store.existing(market.table, order_id), market.clock()
    there = AtExchange(Quantity(1, order.base_asset_id), Quantity(1, order.quote_asset_id))
    market.table.write(quotes_store.open_ledger(order, there, at))
    read = quotes_store.find(market.table, order_id)
    assert read is not None
    fills = [Fill(trade, "b1", completes=False, fee=trade.fee) for trade in map(_trade, range(1, trades + 1))]
    market.table.write(*quotes_store.write(read, replace(read, cycle=1, cursor=trades), fills, at))


def _trade(number: int) -> OwnTrade:
    amount = Decimal(number).scaleb(-5)
    at = datetime(2026, 11, 21, 12, 0, number, tzinfo=UTC)
    worth = amount * 60_000
    return OwnTrade(number, "7", Side.BUY, Decimal(60_000), amount, worth, worth.scaleb(-3), "USDT", True, at)


def _uuid(number: int) -> UUID:
    return UUID(int=(number << 64) + (4 << 76) + (8 << 60))


CAMPAIGN = campaign_id(137, f"0x{1:040x}")
PAYABLE = order_id(_uuid(5))
CAME = custody_model.incoming_id(str(_uuid(7)))


class Written:
    """Two pairs, a trading account, and what is named here. Of the orders `quoting` may quote, `running` does, `paused`
    is; `failed` has a part at the exchange, `crediting`, `returning` and `held_up`, which is stopping, wait for a
    person, and `payable` for its payment; trades of the account are looked at up to 9000. The snapshot `parked` is
    nobody's, `came` may be what comes home. Of the outgoing transfers `refused` was refused, and `doubted` may have
    been sent; `short` is what is missing of BTC at the custody, 0.25. The account has joined the campaign CAMPAIGN, in
    which `quoting` has its part. `halt` is another account's, which carries nothing."""

    def __init__(self, market: Market, owner: Owner) -> None:
        self._market, self._owner, self._next = market, owner, 0
        pair = market.list_pair()
        other = replace(pair, pair_id=_uuid(100), symbol="ETH-USDT", base_asset_id=ETH)
        market.table.write(pair_store.save_pair(other, None, market.clock()))
        self.quoting = self._order(Status.CREATED)
        self.failed = self._order(Status.FAILED, person="a part of it is at the exchange")
        self.crediting = self._order(Status.DEPOSIT_CONFIRMING, person="the exchange has not credited BTC")
        self.returning = self._order(Status.RETURNING, person="BTC not come home")
        self.payable = self._order(Status.PAYMENT_PENDING)
        self.parked = self._snapshot(Disposition.PARKED)
        self.came = self._snapshot(Disposition.EXPECTED)
        assert (self.payable, self.came) == (PAYABLE, CAME)
        self.held_up = self._order(Status.STOPPING, person="trade 3 is told at 1")
        self.refused = self._outgoing(Sent.REFUSED)
        self.doubted = self._outgoing(Sent.SENT)
        self.halt = halts.halt_id_of("mm9")
        for account_id in ("mm8", "mm9"):
            market.table.write(*halts.halt(account_id, "a drill", "otto", market.clock(), None))
        over = halts.of(market.table, "mm8")
        assert over is not None
        market.table.write(*halts.lift(over, "it is over", "oleg", market.clock()))
        self.tie, self.untaken = self._tie(1), self._tie(2)
        since = self._market.clock() - ties.SETTLED_AFTER
        moved = ties.move(self.untaken, Tie.HELD, Tie.UNTAKEN, "looked at", "olga, oleg", since)
        self._market.table.write(*moved)
        missing = Quantity(Decimal("0.25"), BTC)
        self.short = shortages.shortage_id_of(BTC)
        market.table.write(*shortages.found(None, missing, "0.25 of it are missing", market.clock()))
        self.late = self._outgoing(Sent.INTENDED, Kind.FUNDING, self.failed)
        self.running = self._quotes()
        self.paused = self._quotes()
        for thing in (self.running, self.paused):
            self._begun(thing)
        self._market.steering.pause(self.paused)
        looked_at = trade_cursors.move(ACCOUNT, "BTC-USDT", TradesCursor(), 4001, 9000, market.clock())
        market.table.write(looked_at)
        exchange = market.exchange  # whose book has a price
        exchange.profiles.choose("thin", ["BTCUSDT"])
        Flow(exchange.venue, {"BTCUSDT": Decimal(60_000)}.get, profiles=exchange.profiles).step()
        for thing, way in ((self.failed, Way.OUT), (self.crediting, Way.OUT), (self.returning, Way.HOME)):
            self._leg(thing, way)
        self._campaign()

    @property
    def ids(self) -> tuple[str, ...]:
        orders = self.quoting, self.failed, self.crediting, self.returning, self.payable
        return (*orders, self.held_up, self.running, self.paused)

    def _campaign(self) -> None:
        at = self._market.clock()
        campaign = Campaign(
            chain_id=137,
            address=f"0x{1:040x}",
            kind=CampaignKind.THRESHOLD_MARKET_MAKING,
            exchange="binance",
            symbol="BTC-USDT",
            starts_at=at,
            ends_at=at + timedelta(days=30),
            status=CampaignStatus.ACTIVE,
            fund=Quantity(500, "HMT"),
            decimals=18,
            minimum_volume=Decimal(250_000),
        )
        assert campaign.campaign_id == CAMPAIGN
        taking = Taking(ACCOUNT, campaign, f"0x{2:040x}", "0" * 16, at)
        score = Score(Decimal(300_000), Decimal(1_000_000), Decimal(500), at)
        seeker = Seeker(self.quoting, ACCOUNT, "binance", "BTC-USDT", NOTHING)
        told = Told(at.date(), at.date(), score)
        write = self._market.table.write
        write(campaigns.insert(taking))
        write(*campaigns.take_part(taking, seeker, at))
        write(campaigns.asked(taking, CampaignStatus.ACTIVE, score, at), campaigns.count(taking, told, at))

    def _uuid(self) -> UUID:
        self._next += 1
        return _uuid(self._next)

    def _order(self, status: Status, person: str | None = None) -> str:
        at, nothing = self._market.clock(), Decimal(0)
        order = Order(
            order_id=order_id(self._uuid()),
            pair_id=PAIR,
            symbol="BTC-USDT",
            exchange="binance",
            account_id=ACCOUNT,
            base_asset_id=BTC,
            quote_asset_id=USDT,
            base_min=Decimal("0.1"),
            quote_min=Decimal(5000),
            base_asked=Decimal("0.1"),
            quote_asked=Decimal(5000),
            fee_bps=Decimal(10),
            fees=Fees(Quantity(nothing, BTC), Quantity(nothing, USDT)),
            status=status,
            created_at=at,
            updated_at=at,
            owner=self._owner,
        )
        table = self._market.table
        due_at = at + timedelta(days=31) if status is Status.CREATED else at
        table.write(store.insert(order, due_at), store.event(order, status, "written", "a test", at, first=True))
        if status in (Status.CREATED, Status.STOPPING):
            there = AtExchange(Quantity(Decimal("0.1"), BTC), Quantity(Decimal(5000), USDT))
            table.write(quotes_store.open_ledger(order, there, at))
        if person is not None:
            table.write(store.wait_for_person(order, person, at))
        return order.order_id

    def _quotes(self) -> str:
        at, version, table = self._market.clock(), 1, self._market.table
        order = store.existing(table, self._order(Status.CREATED))
        told = {"bid_spread": "0.2", "ask_spread": "0.2", "order_amount": "0.01", "order_refresh_time": 10}
        written = configuration.written(hummingbot.read(told, order.exchange, order.symbol))
        member = shard_store.join_shard(order, FIRST_SHARD, at, config=version)
        began = store.in_shard(FIRST_SHARD)
        due = at + timedelta(days=31)
        table.write(
            store.move(order, Status.RUNNING, at, began, waits_for="its owner", due_at=due),
            store.event(order, Status.RUNNING, "it quotes", "a test", at),
            quotes_store.configure(order.order_id, version, written, at),
            member,
        )
        running = store.existing(table, order.order_id)
        table.write(*shard_store.tell_shard(running, Status.RUNNING, at))
        return order.order_id

    def _begun(self, thing: str) -> None:
        at, table = self._market.clock(), self._market.table
        read = quotes_store.find(table, thing)
        assert read is not None
        tally = read.tally.begun(read.base, Decimal(60_000), at)
        begun = replace(read, cycle=read.cycle + 1, tally=tally)
        begun = risk.marked(begun, risk.result(begun, Decimal(60_000)), at)
        table.write(*quotes_store.write(read, begun, (), at))

    def _leg(self, thing: str, way: Way) -> None:
        at, hash_ = self._market.clock(), "f" * 64
        leg = Leg(
            order_id=thing,
            way=way,
            quantity=Quantity(Decimal("0.1"), BTC),
            symbol="BTC",
            network="BTC",
            sent_by=self.refused if way is Way.OUT else "0" * 32,
            status=LegStatus.INTENDED,
            created_at=at,
            updated_at=at,
        )
        self._market.table.write(leg_store.insert_leg(leg))
        self._market.table.write(leg_store.move_leg(leg, LegStatus.CONFIRMED, at, transaction_hash=hash_))

    def _snapshot(self, disposition: Disposition) -> str:
        at, uuid = self._market.clock(), str(self._uuid())
        said = Snapshot(
            snapshot_id=uuid,
            quantity=Quantity(Decimal("0.1"), BTC),
            created_at="2026-11-21T12:00:00.000000000Z",
            transaction_hash="e" * 64,
            opponent_id=ANN if disposition is Disposition.PARKED else None,
        )
        taken = Incoming(custody_model.incoming_id(uuid), said, disposition, at, at, "written by a test")
        waits_for = None if disposition is Disposition.PARKED else "the order that it comes home to"
        self._market.table.write(custody.take(taken, waits_for=waits_for, due_at=at))
        return taken.incoming_id

    def _tie(self, second: int) -> str:
        told_at = f"2026-11-21T12:00:0{second}.000000000Z"
        self._market.table.write(*ties.hold(told_at, 500, self._market.clock()))
        return ties.tie_id_of(told_at)

    def _outgoing(self, status: Sent, kind: Kind = Kind.REFUND, cause: str = "") -> str:
        at, cause = self._market.clock(), cause or f"written-{status}"
        sent = Outgoing(
            outgoing_id=custody_model.outgoing_id(kind, cause, BTC),
            kind=kind,
            cause=cause,
            quantity=Quantity(Decimal("0.1"), BTC),
            to=User(ANN),
            status=Sent.INTENDED,
            created_at=at,
            updated_at=at,
        )
        table = self._market.table
        table.write(custody.intend(sent))
        if status is Sent.INTENDED:
            table.write(custody.try_again(sent, "it asks too often", at, at))
        elif status is Sent.REFUSED:
            table.write(*custody.refuse(sent, "the custody refuses it", at))
        else:
            long_ago = at - timedelta(seconds=custody_model.SENDING_SECONDS)
            spent = Output(str(self._uuid()), sent.quantity, "d" * 64, 0, 1)
            table.write(*custody.send(sent, (), (spent,), long_ago))
            there = replace(sent, status=Sent.SENT, inputs=(spent.output_id,), sent_at=long_ago)
            table.write(custody.stop(there, "what the custody tells can not be", at))
        return sent.outgoing_id
