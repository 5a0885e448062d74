"""Two operators who see to what is stuck, with what they have: the acts that the desk offers them, and what the
exchange and the bank really did, as a statement or a telephone tells them. They are not believed alone."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from common import keys
from common.errors import Refusal
from common.gateways.bank import State
from common.gateways.exchange import client_order_id
from common.money import Money, plain
from functions.operations.service import Story
from sandbox.bank.bank import Outcome
from tests.desk import Desk
from tests.outside import ACCOUNT
from tests.truth import Truth

OLGA, OLEG = "olga", "oleg"
LINE = "statement 47, line 11"
ROUNDS = 12


class Operators:
    """Each takes what he finds possible. `passes` lets some minutes pass."""

    def __init__(
        self, desk: Desk, truth: Truth, chance: Random, tell: Callable[[str], None], passes: Callable[[], None]
    ) -> None:
        self.desk, self.truth, self._chance, self._tell, self._passes = desk, truth, chance, tell, passes
        self._redriven: set[str] = set()

    def see_to_everything(self) -> None:
        """Until nothing is unfinished any more, or nothing of what they do leads on."""
        for _ in range(ROUNDS):
            waiting = [(i["PK"]["S"], i["SK"]["S"]) for i in self.desk.dynamo.items(having="open_work")]
            if not waiting:
                return
            for pk, sk in waiting:
                key = keys.PrimaryKey(pk, sk)
                self._see_to(keys.row_of(key), keys.row_of(key).id_of(key))
            self._passes()

    def _see_to(self, row: keys.Key, thing_id: str) -> None:
        if row is keys.BANK_EVENT:
            self._see_to_event(thing_id)
            return
        if self.truth.bank is not None:  # whoever asks it hears of what is on its way, too
            self.truth.bank.book_all()
        story = self.desk.operations.story(thing_id)
        acts = {act.command for act in story.acts}
        ways = [self._redrive, self._approve, self._decide_order, self._void, self._decide_payout, self._settle]
        ways.append(self._close)
        self._chance.shuffle(ways)
        for way in ways:
            if way(story, acts):
                return

    def _see_to_event(self, webhook_id: str) -> None:
        for act in (self.desk.interventions.replay, self.desk.interventions.dismiss):
            self._do(f"{act.__name__} {webhook_id}", lambda: act(webhook_id, "seen", OLGA, dry_run=False))  # noqa: B023

    def _redrive(self, story: Story, acts: set[str]) -> bool:
        """The first that everybody tries."""
        if "work redrive" not in acts or story.id in self._redriven:
            return False
        self._redriven.add(story.id)
        redrive = self.desk.interventions.redrive
        return self._do(f"redrive {story.id}", lambda: redrive(story.id, "again", OLGA, dry_run=False))

    def _approve(self, story: Story, acts: set[str]) -> bool:
        return "work approve-payout" in acts and self._together(story.id, "work approve-payout", {}, None)

    def _decide_order(self, story: Story, acts: set[str]) -> bool:
        """They end the order at the exchange first."""
        if "work decide-order" not in acts:
            return False
        executed = self.truth.executed(story.id, self._placed(story.id))
        if executed.open:
            self._end_at_exchange(story.id)
            executed = self.truth.executed(story.id, self._placed(story.id))
        told = {
            "executed": plain(executed.quantity),
            "gross": str(Money(executed.gross)),
            "fee": str(Money(executed.fee)),
        }
        if executed.coins:
            asset_id = self.desk.at_exchange.existing(story.id, self._placed(story.id)).quantity.asset_id
            told["fees_in_coins"] = f"{plain(executed.coins)} {asset_id}"
        # What is true and beyond all bounds is not believed of them either: then nothing was executed for the customer,
        # and what was is the desk's.
        nothing = {"executed": "0", "gross": "0.00", "fee": "0.00"}
        return any(self._together(story.id, "work decide-order", said, LINE) for said in (told, nothing))

    def _void(self, story: Story, acts: set[str]) -> bool:
        if "offramp void" in acts:
            self._end_at_exchange(story.id)
            void = self.desk.voiding.void
            return self._do(f"void {story.id}", lambda: void(story.id, "nothing of it", OLGA, dry_run=False))
        if "batches void" in acts:
            self._end_at_exchange(story.id)
            return self._do(
                f"void {story.id}", lambda: self.desk.batches.void(story.id, "nothing of it", OLGA, dry_run=False)
            )
        return False

    def _close(self, story: Story, acts: set[str]) -> bool:
        close = self.desk.interventions.close_stray
        return "strays close" in acts and self._do(
            f"close {story.id}", lambda: close(story.id, "bought back", OLGA, dry_run=False)
        )

    def _decide_payout(self, story: Story, acts: set[str]) -> bool:
        """What the bank has really booked of the pending attempt; it is asked to end what it has not."""
        if "work decide-payout" not in acts:
            return False
        reference = story.calls[-1].our_id
        records = {record.terms.reference_id: record for record in self.desk.world.simulated.records()}
        if reference in records and records[reference].state is State.PENDING:
            self.desk.world.simulated.decide(reference, Outcome.FAIL)
        paid = self.truth.booked(reference)
        abandon = next((act for act in acts if act.endswith("abandon-attempt")), None)
        if not paid and abandon is not None:
            return self._do(f"abandon {story.id}", lambda: self.desk.by_hand("abandon", story.id, operator=OLGA))
        return self._together(story.id, "work decide-payout", {"paid": str(Money(paid))}, f"{LINE} of {reference}")

    def _settle(self, story: Story, acts: set[str]) -> bool:
        """A payout that the bank has rejected, or is said to have."""
        if not any(act.endswith("retry-payout") for act in acts):
            return False
        act = "mark_paid" if self.truth.paid(story.id) else "give_back"
        return self._do(f"{act} {story.id}", lambda: self.desk.by_hand(act, story.id, operator=OLGA))

    def _together(self, thing_id: str, command: str, terms: dict[str, str], reference: str | None) -> bool:
        def do() -> None:
            self.desk.by_two(command, thing_id, terms, reference, operators=(OLGA, OLEG))

        return self._do(f"{command} {thing_id} {terms}", do)

    def _do(self, what: str, act: Callable[[], Any]) -> bool:
        try:
            act()
        except Refusal as refusal:
            self._tell(f"{OLGA}: {what}: {type(refusal).__name__}: {refusal.detail}")
            return False
        self._tell(f"{OLGA}: {what}")
        return True

    def _end_at_exchange(self, thing_id: str) -> None:
        placed = client_order_id(thing_id, str(self._placed(thing_id)))
        for order in self.desk.world.venue.open_orders(ACCOUNT):
            if order.client_order_id == placed:
                self.desk.world.venue.cancel(ACCOUNT, order.symbol, order_id=order.order_id)

    def _placed(self, thing_id: str) -> int:
        return sum(
            1 for i in self.desk.dynamo.items() if i["PK"]["S"] == thing_id and i["SK"]["S"].startswith("VENUE#")
        )
