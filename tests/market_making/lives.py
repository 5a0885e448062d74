"""Random lives of market making, with faults: payers pay too little, too late, twice or for nothing, fees rise, the
custody, chains and the exchange do as they please, processes and machines die. Orders quote and are traded with; the
exchange may tell that as it can not be, until two operators have found what is so.

    python -m tests.market_making.lives 4711            replays one seed and tells what happened
    python -m tests.market_making.lives --from 0 --lives 20000

Time is virtual, the code is the product's own, and a seed gives the same life every time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common import keys
from common.domain import trade_cursors, work
from common.errors import Refusal, Unavailable
from common.idempotency import uuid_of
from common.money import plain
from common.owner import Owner
from functions.market_making import store
from functions.market_making.model import Order, Status, Terms, order_id
from functions.market_making.service.opening import to_pay
from sandbox.exchange.wallet.deposits import DepositMishap
from sandbox.exchange.wallet.withdrawals import WithdrawalMishap
from sandbox.mixin.assets import DOGE, amount_of
from tests.desk import Desk
from tests.harness.faults import Crash, Faults, by_chance, never
from tests.lives import RATES, Forgetful, lived, main
from tests.market_making.faulty import FaultyMarket
from tests.market_making.market import ACCOUNT, ANN, BOB, BTC, ETH, PAIR, US, USDT
from tests.market_making.traded import Traded

COMMAND = "python -m tests.market_making.lives"
OWNERS = {ANN: Owner("ann", "sub-ann"), BOB: Owner("bob", "sub-bob")}
BASES = ("0.01", "0.1", "0.1", "0.1", "0.12345678", "0.12345678", "0.5", "0.009")
QUOTES = ("100", "5000", "5000", "5000", "123.456789", "123.456789", "4999.99999999", "99.99")
GAPS = (0, 0, 0, 1, 7, 40)  # seconds between the transfers of an order
MEMOS = (b"", b"hello", b"\xff\xfe", b"Refund:5259cd21-7be9-409d-8e76-8ac419f7319c", b"0" * 60)
ASKED: dict[str, dict[str, tuple[str, ...]]] = {  # what operators may decide, and what they tell
    "mm decide-fills": {},  # by the exchange's own statement
    "mm decide-deposit": {"asset": ("BTC", "USDT"), "credited": ("0",)},
    "mm home": {},
    "mm withdraw-again": {"asset": ("BTC", "USDT")},
    "mm keep-rest": {"asset": ("BTC", "USDT"), "payer": ("paid",)},
}
BY_CHOICE = (Status.CREATED, Status.RUNNING, Status.PAUSED, Status.STOPPED)  # its money stays at the exchange


class Life:
    """One seed: a market, and what its payers, its custody, its exchange and its hosts do."""

    def __init__(self, seed: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        chance = self.chance
        self.faults = Faults(never, calls=Forgetful())
        self.market = FaultyMarket(self.faults)
        self.told: list[str] = []
        self.orders: list[tuple[UUID, str]] = []  # and who pays for each
        self.ended: list[str] = []
        self.seen = -1
        rules = {"capacity": chance.choice([1, 2, 3, 3]), "fee_bps": Decimal(chance.choice([0, 10, 10, 33]))}
        self.market.list_pair(**rules)  # type: ignore[arg-type]
        seconds = {
            "kernel_seconds": chance.choice([0, 0, 5, 90]),
            "chain_seconds": chance.choice([0, 20, 20, 300, 1500]),
        }
        self.market.safe.set_delays(**seconds)
        self.market.exchange.wallet.withdrawals.refuses_repeats = bool(seed % 2)
        self.market.fake_funds.listed_after = timedelta(seconds=(0, 0, 1, 60)[seed // 2 % 4])
        self._tell(f"rules: {rules}, {seconds}")
        self.market.poll()
        self.market.watch = self._watch
        self.traded = Traded(self.market, chance)
        self.faults.choose = by_chance(seed, RATES)

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        for step in range(self.chance.randint(1, 3)):
            self._order(f"{self.seed}-{step}")
            for _ in range(self.chance.randint(0, 3)):
                self._something()
            self._pass(minutes=self.chance.choice([0, 0.3, 2, 2, 12, 40]))
            self._quote()
        self._heal()
        self._pass(hours=1.5)
        self._quote()
        if self.traded.is_open and self.chance.random() < 0.7:
            self._tell("the exchange tells trades as they can not be")
            self.traded.lie()
            self.traded.go_on(2)
        for uuid, _ in self.orders:
            self._decide(uuid)
        for _ in range(4):
            self._pass(hours=3)
            self._operators()
        self._pass(hours=3)
        self.market.check()
        self._all_is_over()

    def _quote(self) -> None:
        """The ticker has its times, now and then."""
        if self.traded.has_orders and self.chance.random() < 0.4:
            self.market.process()
            self.traded.go_on(self.chance.randint(2, 6))
            self._tell(f"{len(self.market.exchange.venue.trades(ACCOUNT, 'BTCUSDT'))} trades by now")
            if self.chance.random() < 0.3:
                self._look_back()
                self.traded.go_on(2)

    def _look_back(self) -> None:
        """Two operators have all trades looked at again: none is booked twice."""
        for uuid, _ in self.orders:
            if self.market.status(order_id(uuid)) in (Status.RUNNING, Status.PAUSED):
                first = trade_cursors.find(self.market.quiet, ACCOUNT, "BTC-USDT").first
                self._propose("mm look-back", order_id(uuid), {"after": str(first - 1)}, "ticket 4711")
                return

    def _watch(self) -> None:
        if self.market.dynamo.writes != self.seen:
            self.market.check()
            self.seen = self.market.dynamo.writes

    # What payers do

    def _order(self, key: str) -> None:
        """One is opened, and paid for, more or less."""
        chance, payer = self.chance, self.chance.choice([ANN, BOB])
        base, quote = chance.choice(BASES), chance.choice(QUOTES)
        if chance.random() < 0.4:
            order = self._insist(lambda: self._open(payer, key, base, quote))
            if order is None:
                return
            uuid = uuid_of(order.order_id)
            parts = [(part.quantity.asset_id, plain(part.quantity.amount)) for part in to_pay(order)]
        else:
            uuid = UUID(int=chance.getrandbits(128))
            costs = [(BTC, self._costs(BTC, BTC)), (ETH, self._costs(USDT, ETH))]
            parts = [(BTC, base), (USDT, quote), *costs]
        self.orders.append((uuid, payer))
        self._pay(payer, uuid, parts)

    def _open(self, payer: str, key: str, base: str, quote: str) -> Order:
        terms = Terms(PAIR, Decimal(base), Decimal(quote), self.chance.choice([None, "hufi-1"]))
        self._tell(f"{OWNERS[payer].username} opens an order of {base} and {quote}")
        return self.market.opening.open(OWNERS[payer], key, terms).made

    def _costs(self, asset_id: str, paid_with: str) -> str:
        return plain(amount_of(self.market.safe.costs(asset_id)[paid_with]))

    def _pay(self, payer: str, uuid: UUID, parts: list[tuple[str, str]]) -> None:
        chance = self.chance
        parts = list(parts)
        if chance.random() < 0.12:
            left_out = parts.pop(chance.randrange(len(parts)))
            self._tell(f"he leaves out {left_out}")
        if chance.random() < 0.2:
            parts.append(
                (chance.choice([BTC, USDT, ETH, ETH, DOGE.asset_id]), chance.choice(["0.002", "1", "7.1234567"]))
            )
        chance.shuffle(parts)
        for asset_id, amount in parts:
            sender = payer if chance.random() < 0.95 else chance.choice([ANN, BOB])
            self._disorder()
            self._tell(f"{OWNERS[sender].username} pays {amount} of {asset_id} for {order_id(uuid)}")
            self.market.fund(sender, asset_id, amount, uuid)
            self._pass(seconds=chance.choice(GAPS))

    def _disorder(self) -> None:
        timeline = self.market.safe.timeline
        if self.chance.random() < 0.1:
            timeline.late_next(self.chance.choice([3, 30, 59]), 1)
        if self.chance.random() < 0.1:
            timeline.same_next(1)

    def _decide(self, uuid: UUID) -> None:
        """What an owner does about an order: nothing, stop it, or have it home."""
        act = self.chance.choice(["nothing", "stop", "withdraw", "withdraw", "stop, then withdraw"])
        acts = {"stop": self.market.quoting.stop, "withdraw": self.market.quoting.bring_home}
        self._tell(f"{act} {order_id(uuid)}")
        for word in act.split(", then "):
            if word in acts:
                self._insist(lambda: acts[word](order_id(uuid)))  # noqa: B023

    def _insist(self, ask: Callable[[], Any]) -> Any:
        """Somebody who sends it again when he is told so, or gives up; a process that dies answers nothing."""
        for _ in range(self.chance.randint(1, 4)):
            self.market.process()
            try:
                return ask()
            except (Unavailable, Crash) as unanswered:
                self._tell(f"  not answered: {type(unanswered).__name__}")
                self._pass(seconds=self.chance.choice([1, 30, 90]))
            except Refusal as refusal:
                self._tell(f"  refused: {type(refusal).__name__} {refusal.detail}")
                break
        return None

    # What happens to them

    def _something(self) -> None:
        chance, market = self.chance, self.market
        wallet = market.exchange.wallet
        match chance.randrange(14):
            case 0:
                self._tell("somebody pays for nothing")
                asset_id = chance.choice([BTC, USDT, DOGE.asset_id])
                market.pay(chance.choice([ANN, BOB, US]), asset_id, "3", chance.choice(MEMOS))
            case 1 if self.orders:
                uuid, _ = chance.choice(self.orders)
                sender, asset_id = chance.choice([ANN, BOB]), chance.choice([BTC, USDT, ETH])
                self._tell(f"{OWNERS[sender].username} pays 1 more of {asset_id} for {order_id(uuid)}")
                market.fund(sender, asset_id, "1", uuid)
            case 2 if self.orders:
                self._decide(chance.choice(self.orders)[0])
            case 3:
                entry = market.safe.entry(US, BTC)
                self._tell("a chain brings something")
                market.safe.deposit(BTC, entry.destination, entry.tag, 5000, f"stray-{chance.random()}")
            case 4 | 5:
                units = chance.choice([10_000, 60_000, 100_000, 200_000])
                self._tell(f"a withdrawal of USDT costs {units} units of ETH, one of BTC {units // 25} of BTC")
                market.safe.set_fees(USDT, {ETH: units})
                market.safe.set_fees(BTC, {BTC: units // 25})
            case 6:
                mishap = chance.choice(list(DepositMishap))
                self._tell(f"the exchange's next deposit is {mishap}")
                wallet.deposits.mishaps.order(mishap)
            case 7:
                mishap_out = chance.choice(list(WithdrawalMishap))
                self._tell(f"the exchange's next withdrawal: {mishap_out}")
                wallet.withdrawals.mishaps.order(mishap_out)
            case 8:
                self._tell("the custody's next withdrawal is stuck")
                market.safe.stick_next()
            case 9:
                ours, times = chance.random() < 0.5, chance.choice([1, 1, 2])
                self._tell(f"the custody refuses {times} sendings, {'ours' if ours else 'theirs'}")
                market.fake_custody.refuse_next(times, ours=ours)
            case 10:
                ours = chance.random() < 0.5
                self._tell(f"the exchange refuses a withdrawal, {'ours' if ours else 'theirs'}")
                market.fake_funds.refuse_next(ours=ours)
            case 11:
                seconds = chance.choice([60, 600, 2400])
                self._tell(f"we are banned for {seconds} s")
                chance.choice([market.fake_custody.ban, market.fake_funds.ban])(seconds)
            case 12:
                self._tell("a network is closed")
                wallet.networks.change("USDT", "ETH", **{chance.choice(["deposits", "withdrawals"]): False})
            case _:
                self._tell("custody or exchange is down")
                if chance.random() < 0.5:
                    market.fake_custody.down = True
                else:
                    market.fake_funds.down = True

    def _pass(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        if self.chance.random() < 0.04:
            self.market.machine.restart()
            self._tell("the machines' host starts anew: what ran is dead")
        self.market.process()
        self.market.go_on(seconds=seconds, minutes=minutes, hours=hours)
        if self.chance.random() < 0.5:
            self.market.fake_custody.down = self.market.fake_funds.down = False

    def _heal(self) -> None:
        self._tell("nothing goes wrong any more")
        self.faults.heal()
        market = self.market
        market.fake_custody.down = market.fake_funds.down = False
        market.safe.heal()
        wallet = market.exchange.wallet
        wallet.deposits.mishaps.heal()
        wallet.withdrawals.mishaps.heal()
        wallet.networks.change("USDT", "ETH", deposits=True, withdrawals=True)

    def _operators(self) -> None:
        """What is stuck is released, and an operator says of each order that its machine may go on."""
        for request in self.market.safe.requests():
            if request.stuck:
                self.market.safe.confirm(request.request_id)
        wallet = self.market.exchange.wallet
        for withdrawal in wallet.withdrawals.all():
            if withdrawal.stuck:
                wallet.withdrawals.release(withdrawal.withdrawal_id)
        for uuid, _ in self.orders:
            waited_for = self.market.let_go_on(order_id(uuid)) if self.chance.random() < 0.5 else None
            if waited_for is not None:
                self._tell(f"an operator lets {order_id(uuid)} go on: {waited_for}")
            elif self.market.waits_for_person(order_id(uuid)) or self._has_dust(order_id(uuid)):
                self._rule(order_id(uuid))

    def _has_dust(self, over: str) -> bool:
        order = store.find(self.market.quiet, over)
        return order is not None and bool(order.left_behind) and self.chance.random() < 0.3

    def _rule(self, waiting: str) -> None:
        """Two operators decide what the desk lets them decide."""
        desk = Desk(self.market.dynamo, self.market.clock)
        offered = [act.command for act in desk.operations.story(waiting).acts]
        commands = [command for command in ASKED if command in offered]
        if not commands:
            return
        command = self.chance.choice(commands)
        terms = {name: self.chance.choice(choice) for name, choice in ASKED[command].items()}
        if command == "mm decide-fills":
            base, quote = self.traded.truth(waiting)
            terms = {"base": plain(base), "quote": plain(quote)}
        self._propose(command, waiting, terms, None if command == "mm home" else "ticket 4711")

    def _propose(self, command: str, about: str, terms: dict[str, str], reference: str | None) -> None:
        desk = Desk(self.market.dynamo, self.market.clock)
        self._tell(f"two operators: {command} {about} {terms}")
        with suppress(Refusal):
            proposed = desk.proposals.propose(command, about, terms, reference, "seen", "olga", dry_run=False)
            desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=False)
            self._tell("  done")

    # In the end

    def _all_is_over(self) -> None:
        """Nothing is left that nobody can move."""
        for uuid, _ in self.orders:
            item = work.item(self.market.quiet, keys.MARKET_MAKING_ORDER(order_id=order_id(uuid)))
            if item is None:
                continue  # none of its transfers opened it
            self.ended.append(f"{item.status}{' and waits for a person' if item.needs_person else ''}")
            if item.open_work is not None and not item.needs_person and item.status not in BY_CHOICE:
                raise AssertionError(f"{item.PK} is {item.status}: {item.waits_for}")
        for left in self.market.waiting("outgoing"):
            raise AssertionError(f"{left['PK']['S']} is {left['status']['S']}: {left['waits_for']['S']}")
        assert not self.market.untaken(), "snapshots were not taken"

    def _tell(self, what: str) -> None:
        self.told.append(f"{self.market.clock.at:%d %H:%M:%S} {what}")


live = partial(lived, Life, COMMAND)


if __name__ == "__main__":
    sys.exit(main(Life, COMMAND, __doc__))
