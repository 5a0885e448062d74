"""Market making with campaigns: a HuFi that reads the trades of the simulated exchange, and orders that seek."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from common.gateways.campaigns import Campaigns, NoParticipant, Participant, ReadingKey
from common.owner import Owner
from functions.market_making import campaign_store, day_store, model
from functions.market_making.campaigns import NOTHING, Choice, Seeker, Taking
from functions.market_making.days import Day
from functions.market_making.model import Order, Terms
from functions.market_making.service.campaigning import Campaigning
from sandbox.hufi import records
from sandbox.hufi.fake import FakeCampaigns, FakeParticipant, Trouble
from tests.market_making.market import ACCOUNT, PAIR, Market
from tests.sandbox.hufi import US, HufiWorld, address

OWNER = Owner("ann", "sub-of-ann")
NAMED = f"137-{address(1)}"
ANY = Choice(kind=None, token="HMT")


@dataclass
class CampaignMarket:
    market: Market = field(default_factory=Market)
    login_keys: dict[str, str] = field(default_factory=lambda: {ACCOUNT: US})
    reading_keys: dict[str, ReadingKey] = field(default_factory=dict)
    logs_in: Callable[[str], Participant] = field(init=False)
    reads: Callable[[str], ReadingKey] = field(init=False)
    campaigns: Callable[[], Campaigns] = field(init=False)
    orders: int = 0

    def __post_init__(self) -> None:
        self.market.list_pair(capacity=100)
        self.world = HufiWorld(clock=self.market.clock, exchange=self.market.exchange)
        self.hufi = self.world.hufi
        self.trouble = Trouble()
        self.campaigns = lambda: FakeCampaigns(self.hufi, self.trouble)
        self.logs_in, self.reads = self.participant, self.reading_key
        self.key(ACCOUNT)

    def key(self, account_id: str, *rights: str) -> ReadingKey:
        """That the account is read with from now on."""
        self.reading_keys[account_id] = self.world.account(account_id, *rights)
        return self.reading_keys[account_id]

    def participant(self, account_id: str) -> Participant:
        if account_id not in self.login_keys:
            raise NoParticipant(f"there is no login key of {account_id}")
        return FakeParticipant(self.hufi, self.trouble, self.login_keys[account_id])

    def reading_key(self, account_id: str) -> ReadingKey:
        if account_id not in self.reading_keys:
            raise NoParticipant(f"there is no reading key of {account_id}")
        return self.reading_keys[account_id]

    @property
    def campaigning(self) -> Campaigning:
        return Campaigning(
            self.market.table,
            lambda: self.campaigns(),
            lambda account_id: self.logs_in(account_id),
            lambda account_id: self.reads(account_id),
            lambda order_id: day_store.days(self.market.table, order_id),
            self.market.clock,
        )

    def round(self) -> int:
        return self.campaigning.round(lambda: True)

    # Orders

    def order(self, choice: Choice = NOTHING) -> Order:
        """Opened by its owner; not paid."""
        self.orders += 1
        asked = Terms(PAIR, Decimal("0.1"), Decimal(5_000), choice=choice)
        return self.market.opening.open(OWNER, f"key-{self.orders}", asked).made

    def seek(self, choice: Choice = NOTHING, account_id: str = ACCOUNT, symbol: str = "BTC-USDT") -> Seeker:
        """An order that has come as far as to seek."""
        seeker = replace(model.seeker(self.order(choice)), account_id=account_id, symbol=symbol)
        self.market.table.write(campaign_store.seek(seeker, self.market.clock()))
        return seeker

    def day(self, order_id: str, day: date, volume: str) -> None:
        """What an order has made on a day, as its cycles write it."""
        self.market.table.write(day_store.add(order_id, Day(day, Decimal(volume)), self.market.clock()))

    # What came of it

    def takings(self) -> dict[str, Taking]:
        return {taking.account_id: taking for taking in campaign_store.joined(self.market.table)}

    def members(self, taking: Taking) -> list[str]:
        return [member.order_id for member in campaign_store.members(self.market.table, taking)]

    def participants(self, number: int = 1) -> list[str]:
        """Whom HuFi knows to be in a campaign."""
        return list(self.hufi.campaign(137, address(number)).participants)

    def launch(self, number: int = 1, **told: object) -> records.Campaign:
        return self.world.launch(number, **told)  # type: ignore[arg-type]

    def pass_time(self, **time: float) -> datetime:
        self.market.clock.forward(**time)
        return self.market.clock()


def volume(day: date, amount: str) -> Day:
    return Day(day, Decimal(amount))


HOUR = timedelta(hours=1)
