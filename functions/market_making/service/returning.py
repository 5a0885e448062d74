"""The way home: from the exchange to the custody, and from there to who paid.

Each asset is a leg. The exchange withdraws it once, under an id of ours; what has come of it (`claiming`) goes on to
the payer as it came. What stays at the exchange (`homecoming`) is settled last; until then the order is not over.

While its trading account is halted nothing is withdrawn: who comes first would be paid with another's money. And
nothing is, before the exchange's own list of open orders has been looked at once more: what of the order is still open
there is cancelled and booked first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.domain import halts, rulings
from common.domain.custody import model as custody_model
from common.domain.custody import store as custody_store
from common.domain.custody.model import Disposition, IncomingMoved, Kind, Outgoing, OutgoingMoved
from common.domain.custody.model import Status as Sent
from common.domain.halts import AccountHalted, HaltMoved
from common.domain.rulings import SaidOtherwise
from common.domain.timeline import MACHINE
from common.gateways.custody import Custody, User
from common.gateways.exchange import ExchangeRefused, MarketUnknown
from common.gateways.exchange.funds import (
    ExchangeFunds,
    ExchangeWithdrawalUnknown,
    NetworkUnknown,
    NoTradingKey,
    WithdrawalState,
)
from common.gateways.exchange.maker import MakerOrder, Market
from common.log import count, log
from common.machines import Standing
from common.money import Quantity
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import account_store, leg_store, store
from functions.market_making.model import (
    ASKED_AGAIN,
    RETURN_LIMIT,
    Leg,
    LegStatus,
    MarketMakingOrderMoved,
    Order,
    ReturnUnderway,
    Stage,
    Status,
    facts,
)
from functions.market_making.quotes import FillNotBelieved
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.quotes_store import OvertakenCycle
from functions.market_making.service.claiming import Claiming
from functions.market_making.service.crediting import Doubted
from functions.market_making.service.homecoming import Homecoming, book_below, keep, settle_dust, told
from functions.market_making.service.reading import standing
from functions.market_making.service.refunding import surplus_of
from functions.market_making.service.routes import CLOCKS_DIFFER
from functions.market_making.service.shard import owns
from functions.market_making.service.turned_up import stopped_once_more


@dataclass(frozen=True)
class Returning:
    """`funds` may read what an account has, `withdrawing` may take it out, and read, too: what withdraws needs no other
    key. With that, `open_orders` tells all that is open of an account in a market."""

    table: Table
    custody: Callable[[], Custody]
    funds: Callable[[str], ExchangeFunds]
    withdrawing: Callable[[str], ExchangeFunds]
    open_orders: Callable[[str, Market], Sequence[MakerOrder]]
    now: Callable[[], datetime]

    def _homecoming(self, funds: Callable[[str], ExchangeFunds]) -> Homecoming:
        return Homecoming(self.table, self.custody, funds, self.now)

    @property
    def claiming(self) -> Claiming:
        return Claiming(self.table, self.custody, self.funds, self.now)

    # What the machine asks. Each raises MarketMakingOrderNotFound, Busy.

    def withdraw(self, order_id: str) -> Standing:
        """Take out of the exchange what is the order's there: the legs are written first, then each is withdrawn, as
        often as it takes, under its own id. Where there is no key that may, the order waits for a person as it is; and
        so it does while its account is halted, until that is lifted. Of one that has a quote open after all, nothing is
        taken out: it stops once more.

        Raises ExchangeUnavailable, CustodyUnavailable, ReturnUnderway.
        """
        order = store.existing(self.table, order_id)
        try:
            if not order.needs_person:
                self._take_out(order)
        except NoTradingKey as no:
            self._wait_for_person(store.existing(self.table, order_id), no.detail)
        except (Doubted, FillNotBelieved) as doubt:
            self._wait_for_person(store.existing(self.table, order_id), str(doubt))
        except AccountHalted as held:
            self._wait_for_lift(store.existing(self.table, order_id), held.detail)
        except (MarketMakingOrderMoved, OvertakenCycle):
            raise ReturnUnderway("the order has just moved") from None
        return self.read(order_id)

    def _take_out(self, order: Order) -> None:
        """Raises Doubted, FillNotBelieved, and what stops it besides."""
        leaves = order.status is Status.RETURNING and any(one.status is LegStatus.INTENDED for one in self._legs(order))
        if not leaves and not (order.goes_home and order.status in (Status.STOPPED, Status.FAILED)):
            return
        seen_at, left_open = to_the_millisecond(self.now()), self._still_open(order)
        if left_open:
            log.error("open though stopped", extra={"order_id": order.order_id})
            count("QuotesOrphaned", len(left_open))
        if left_open and order.status is Status.STOPPED:
            self.table.write(
                *stopped_once_more(self.table, order, left_open, seen_at, self.now(), MACHINE, supersedes=False)
            )
            return
        if left_open:
            names = ", ".join(one.client_order_id for one in left_open)
            raise Doubted(f"the exchange has {names} open of it, and what was to be withdrawn is decided")
        if order.status is not Status.RETURNING:
            order = self._homecoming(self.withdrawing).decide(order)
        legs = self._legs(order)
        book_below(self.table, order, legs, self.now())
        for leg in legs:
            if leg.status is LegStatus.INTENDED:
                self._withdraw(order, leg)

    def _still_open(self, order: Order) -> list[MakerOrder]:
        """What of it the exchange lists as open, if it ever quoted. Raises ExchangeUnavailable, NoTradingKey."""
        if order.shard is None:
            return []
        try:
            there = self.open_orders(order.account_id, Market(*order.coins))
        except MarketUnknown as gone:  # an exchange ends all orders of a market that it closes
            log.warning("no market to look at", extra={"order_id": order.order_id, "why": gone.detail})
            return []
        return [one for one in there if owns(order.order_id, one)]

    def _wait_for_lift(self, order: Order, why: str) -> None:
        """Who lifts the halt lets it go on. Raises ReturnUnderway: that has just been."""
        try:
            self._wait_for_person(order, why, halts.still(order.account_id))
        except (HaltMoved, MarketMakingOrderMoved) as moved:
            raise ReturnUnderway(moved.detail) from moved

    def read(self, order_id: str) -> Standing:
        """Where an order stands, for the hub of its machine. On its way home, what is not withdrawn yet comes first.
        Raises MarketMakingOrderNotFound."""
        return self._read(store.existing(self.table, order_id))

    def _read(self, order: Order) -> Standing:
        if order.status is Status.RETURNING and not order.needs_person:
            legs = self._legs(order)
            if any(leg.status is LegStatus.INTENDED for leg in legs):
                return Standing(Stage.RETURN, facts=facts(order))
        return standing(order)

    def _withdraw(self, order: Order, leg: Leg) -> None:
        """What was asked for before is looked for before operators' word that it stays counts, and before it is asked
        for again. No two ask at once: an exchange is not known to see that both mean the same."""
        if leg.asked_at is not None:
            if self._is_known(order, leg):
                self.table.write(leg_store.move_leg(leg, LegStatus.CONFIRMED, self.now()))
                return
            if self.now() < leg.asked_at + ASKED_AGAIN:
                raise ReturnUnderway(f"the exchange was just asked for {leg.symbol}")
        if keep(self.table, order, leg, rulings.of(self.table, order.order_id), self.now()):
            return
        home = self.custody().deposit_address(self.custody().asset(leg.quantity.asset_id).chain_id)
        funds = self.withdrawing(order.account_id)
        unsaid = rulings.not_said(order.order_id, leg.symbol)
        try:
            self.table.write(leg_store.ask_leg(leg, self.now()), halts.not_halted(order.account_id), unsaid)
        except SaidOtherwise as said:
            raise Doubted(said.detail) from None
        try:
            funds.withdraw(leg.symbol, leg.network, home, Quantity(leg.quantity.amount, leg.symbol), leg.sent_by)
        except (ExchangeRefused, NetworkUnknown) as no:
            what = f"{leg.quantity.amount} {leg.symbol}"
            self._wait_for_person(order, f"the exchange does not withdraw {what}: {no.detail}")
            raise MarketMakingOrderMoved(no.detail, id=order.order_id) from no
        self.table.write(leg_store.move_leg(leg, LegStatus.CONFIRMED, self.now()))

    def _is_known(self, order: Order, leg: Leg) -> bool:
        """Has the exchange been asked for a leg, and has it not refused it?"""
        try:
            since = leg.created_at - CLOCKS_DIFFER
            told = self.withdrawing(order.account_id).withdrawal(leg.symbol, leg.sent_by, since)
        except ExchangeWithdrawalUnknown:
            return False
        return told.state is not WithdrawalState.REFUSED

    def confirm(self, order_id: str) -> Standing:
        """Has the custody got what the exchange has withdrawn? Then it goes to who paid; once that has arrived, the
        order is returned.

        Raises ReturnUnderway: not yet; ExchangeUnavailable, CustodyUnavailable.
        """
        order = store.existing(self.table, order_id)
        try:
            if order.left_behind and order.waits_for is not None:
                settle_dust(self.table, order, rulings.of(self.table, order_id), self.now())
                return standing(store.existing(self.table, order_id))
            if order.status is not Status.RETURNING or order.needs_person:
                return standing(order)
            return self._confirmed(order)
        except NoTradingKey as no:
            return standing(self._wait_for_person(store.existing(self.table, order_id), no.detail))
        except Doubted as doubt:
            return standing(self._wait_for_person(store.existing(self.table, order_id), str(doubt)))
        except (MarketMakingOrderMoved, IncomingMoved, OutgoingMoved):
            raise ReturnUnderway("the order has just moved") from None

    def _confirmed(self, order: Order) -> Standing:
        legs = self._legs(order)
        if any(leg.status is LegStatus.INTENDED for leg in legs):
            return self._read(order)
        underway = [leg for leg in legs if leg.status is LegStatus.CONFIRMED]
        waiting, doubts = self._looked_for(order, underway)
        # What has come home goes on at once, wherever the rest is.
        legs = self._legs(order)
        back = list[Outgoing]()
        for leg in (leg for leg in legs if leg.status is LegStatus.ARRIVED):
            try:
                back.append(self._pay_back(order, leg))
            except SaidOtherwise as said:
                doubts.append(said.detail)
        if doubts:
            return standing(self._wait_for_person(order, "; ".join(doubts)))
        if waiting:
            since = min(leg.updated_at for leg in legs if leg.status is LegStatus.CONFIRMED)
            return self._wait(order, f"{' and '.join(waiting)} not come home", since)
        back += surplus_of(self.table, order)
        if stuck := [o for o in back if o.needs_person]:
            return standing(self._wait_for_person(order, f"its transfer home, {stuck[0].outgoing_id}, waits for one"))
        if any(o.status is not Sent.ARRIVED for o in back):
            since = max(o.created_at for o in back)
            return self._wait(order, "what has come home has not arrived with who paid", since)
        rests = [leg for leg in legs if leg.status is LegStatus.LEFT]
        if rests and self._homecoming(self.funds).settle(order, rests, rulings.of(self.table, order.order_id)):
            return self._read(order)
        return self._over(order, back)

    def _looked_for(self, order: Order, underway: Sequence[Leg]) -> tuple[list[str], list[str]]:
        """Of what has not come home the symbols, and why it is doubted that it will."""
        waiting, doubts = [], []
        for leg in underway:
            try:
                if not self.claiming.has_arrived(order, leg):
                    waiting.append(leg.symbol)
            except Doubted as doubt:
                doubts.append(str(doubt))
        return waiting, doubts

    def _over(self, order: Order, back: Sequence[Outgoing]) -> Standing:
        at, legs = self.now(), self._legs(order)
        kept = [leg for leg in legs if leg.status is LegStatus.KEPT]
        left = [leg for leg in legs if leg.status is LegStatus.LEFT]
        why = "all of it is back with who paid" if back else "nothing of it came home"
        why += f"; operators have let the exchange keep {told(kept)}" if kept else ""
        why += f"; {told(left)} stay at the exchange, too little to be withdrawn, and are the payer's" if left else ""
        after = Status.REFUNDED if order.after_failure else Status.RETURNED
        self.table.write(
            store.move(order, after, at, *([store.leave_behind(left)] if left else []), waits_for=None),
            *(leg_store.move_leg(leg, LegStatus.LEFT, at) for leg in left),
            *(account_store.add_dust(order, leg, at) for leg in left),
            account_store.mark_ledgered(order),
            account_store.give_room(order.account_id, at),
            store.event(order, after, why, MACHINE, at),
        )
        return standing(store.existing(self.table, order.order_id))

    def _legs(self, order: Order) -> list[Leg]:
        return leg_store.homeward(self.table, order.order_id)

    def _pay_back(self, order: Order, leg: Leg) -> Outgoing:
        """The transfer of what has come home to who paid, decided if it is not yet. Raises SaidOtherwise."""
        assert leg.arrived is not None
        assert order.opponent_id is not None
        at, memo = self.now(), f"MM:{order.order_id}"
        back = custody_model.outgoing(Kind.HOME, order.order_id, leg.arrived, User(order.opponent_id), at, memo=memo)
        found = custody_store.find_outgoing(self.table, back.outgoing_id)
        if found is not None:
            return found
        assert leg.incoming_id is not None
        home = custody_store.incoming(self.table, leg.incoming_id)
        self.table.write(
            custody_store.dispose(
                home, Disposition.WITHDRAWN, at, "on its way to who paid", outgoing_id=back.outgoing_id
            ),
            custody_store.intend(back),
            rulings.not_said(order.order_id, leg.symbol),
        )
        return back

    def _wait(self, order: Order, why: str, since: datetime) -> Standing:
        """What operators have said of it last gives it another hour."""
        ruled = [ruling.at for ruling in rulings.of(self.table, order.order_id).values()]
        if self.now() >= max([since, *ruled]) + RETURN_LIMIT:
            return standing(self._wait_for_person(order, f"{why} within an hour"))
        raise ReturnUnderway(why)

    def _wait_for_person(self, order: Order, why: str, *also: Write) -> Order:
        """Leave it to a person; its status stays."""
        count("MarketMakingStopped")
        log.error("order needs a person", extra={"order_id": order.order_id, "why": why})
        self.table.write(store.wait_for_person(order, why, self.now()), *also)
        return store.existing(self.table, order.order_id)
