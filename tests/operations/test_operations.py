"""The catalogue, clients, unfinished work and what drives it on, parked events, the audit and the books."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common import keys
from common.domain.catalogue.model import (
    Asset,
    AssetExists,
    AssetMoved,
    AssetNotFound,
    Execution,
    PrecisionLowered,
)
from common.domain.clients import (
    AccountNeeded,
    Client,
    ClientKind,
    ClientMoved,
    ClientNotFound,
    ClientStatus,
    ClientTaken,
)
from common.domain.fees import Fees, Tier
from common.domain.ledger.model import AccountNotFound
from common.domain.payouts.events import EventNotFound
from common.domain.payouts.model import ATTEMPTS_MAX, EventOutcome
from common.domain.proposals.model import OwnProposal
from common.gateways.bank import Adjustment, BankEvent, State
from common.machines import MachinesUnavailable
from common.money import Money, Price
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from functions.notifications.model import Change
from functions.operations import schedule
from functions.operations.model import (
    ImpossibleAsset,
    NotDriven,
    NothingKnown,
    NothingWaits,
    NotProposable,
    StillRunning,
    Swept,
)
from functions.operations.service.catalogue_kinds import NEEDED
from functions.orders.model import ENDED_BY_THE_DESK, Status
from sandbox.bank.bank import Operation
from tests.desk import NOON, STUCK_AFTER, Desk
from tests.harness.invocation import Invocation
from tests.market_making.written import Written
from tests.seen import a_stray, around, before_next_write, block, save_asset, save_client


def asset(asset_id: str = "OP", low: str = "1", high: str = "1000") -> Asset:
    return Asset(asset_id, "Optimism", 8, Money(low), Money(high), Execution.INSTANT, True, "optimism", asset_id, 120)


def trader(desk: Desk, username: str = "ann") -> Owner:
    """A customer who may cash out and be paid."""
    owner = desk.customer(username)
    desk.clients(owner)
    return owner


class Unreachable:
    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://states.test")

        return call


def test_a_saved_asset_is_traded_within_five_seconds_and_audited(desk: Desk) -> None:
    catalogue = desk.orders.catalogue
    assert "OP" not in catalogue.listings()
    done = save_asset(desk, asset(), "a new coin", "olga")
    assert (done.after, done.done) == ("CONFIRMED", True)
    desk.clock.forward(seconds=5)
    assert catalogue.listings()["OP"].asset == asset()
    confirmed, entry = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert (entry.operator, entry.action, entry.subject) == ("olga", "catalogue set", "OP")
    assert (confirmed.operator, confirmed.subject) == ("otto", done.id)
    assert "estimate_band_bps 200" in entry.detail
    assert entry.detail.endswith(": a new coin")


def change(desk: Desk, asset_id: str = "OP", operator: str = "olga", **given: Any) -> OperatorOutcome:
    return desk.interventions.change_asset(asset_id, given, "4716", operator, dry_run=False)


def test_one_operator_alone_changes_no_rule_and_switches_off(desk: Desk) -> None:
    """Whoever confirms is told what changes; and what is off is not on again by the word of one."""
    save_asset(desk, asset())
    assert not save_asset(desk, asset()).done  # it is so
    proposed = change(desk, min_notional=Money(5), active=False)
    assert (proposed.after, desk.orders.catalogue.listing("OP").asset) == ("PROPOSED", asset())
    with pytest.raises(OwnProposal):
        desk.confirmed(proposed, "olga")
    off = change(desk, active=False)
    assert (off.before, off.after, off.done) == ("ACTIVE", "INACTIVE", True)
    entry, *_ = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert (entry.operator, entry.action, entry.detail) == ("olga", "catalogue set", "active from True to False: 4716")
    on = change(desk, active=True, min_notional=Money(5))
    assert on.after == "PROPOSED"
    with pytest.raises(NotProposable, match="OP was changed since"):  # the first, which has not seen it off
        desk.confirmed(proposed)
    told = "is traded by other rules: min_notional from 1.00 to 5.00, active from False to True"
    assert desk.confirmed(on).says == told
    desk.clock.forward(seconds=5)
    assert desk.orders.catalogue.listing("OP").asset == replace(asset(), min_notional=Money(5))


def test_rules_that_were_changed_to_and_fro_since_are_looked_at_again(desk: Desk) -> None:
    save_asset(desk, asset())
    proposed = change(desk, spread_bps=500)
    for spread_bps in (20, 0):
        desk.confirmed(change(desk, spread_bps=spread_bps))
    with pytest.raises(NotProposable, match="OP was changed since"):
        desk.confirmed(proposed)


def test_every_rule_is_confirmed_as_it_was_proposed(desk: Desk) -> None:
    """A proposal has them as texts."""
    save_asset(desk, asset())
    other = replace(
        asset(),
        name="Optimism 2, of old",
        precision=18,
        min_notional=Money("2.50"),
        execution=Execution.EXCHANGE,
        exchange_symbol="OP2",
        pool_top_up=True,
        desk_buys_max=Money(0),
        fees_bps=Fees({Tier.STANDARD: 30, Tier.GOLD: 0}),
        price_step=Price("0.25"),
    )
    assert save_asset(desk, other).done
    desk.clock.forward(seconds=5)
    assert desk.orders.catalogue.listing("OP").asset == other


def test_two_assets_are_not_called_the_same_at_the_exchange_by_four(desk: Desk) -> None:
    save_asset(desk, asset())
    save_asset(desk, asset("DOGE"))
    both = [change(desk, asset_id, exchange_symbol="SAME") for asset_id in ("OP", "DOGE")]
    assert desk.confirmed(both[0]).done
    with pytest.raises(NotProposable, match="SAME is what the exchange calls OP"):
        desk.confirmed(both[1])


def test_an_impossible_asset_is_refused(desk: Desk) -> None:
    with pytest.raises(ImpossibleAsset):
        save_asset(desk, asset(low="10", high="9.99"), "by mistake", "olga")
    with pytest.raises(ImpossibleAsset):
        save_asset(desk, asset("USD"), "by mistake", "olga")


def test_an_asset_bought_at_the_exchange_has_the_decimals_of_its_fees(desk: Desk) -> None:
    """One that has fewer, of old, may be switched off; one of the desk's own book needs none."""
    bought = replace(asset(), execution=Execution.EXCHANGE)
    for coarse in (replace(bought, precision=7), replace(bought, precision=0)):
        with pytest.raises(ImpossibleAsset, match="its precision is to be 8 or more"):
            save_asset(desk, coarse, "by mistake", "olga")
    for fine in (
        replace(bought, precision=0, active=False),
        bought,
        replace(asset("COIN"), precision=0),
    ):
        assert save_asset(desk, fine, "ticket 4716", "olga").done


def test_unfinished_work_is_listed_longest_overdue_first(desk: Desk) -> None:
    ann = trader(desk)
    order = desk.buy(ann, "1", order_price="90")
    withdrawal = desk.accounts.withdraw(ann, "w", Money(1), "ann-bank").made
    both = ("accounts", "orders")
    assert [w.id for w in desk.operations.work(both, overdue_only=False, limit=10)] == [
        withdrawal.transfer_id,
        order.order_id,
    ]
    assert desk.operations.work(both, overdue_only=True, limit=10) == []
    desk.clock.forward(days=2)
    (late,) = desk.operations.work(both, overdue_only=True, limit=10)
    assert (late.id, late.overdue, late.backlog) == (withdrawal.transfer_id, True, "accounts")
    desk.by_hand("give_back", withdrawal.transfer_id, "unknown bank", "olga")
    assert [w.id for w in desk.operations.work(both, overdue_only=False, limit=10)] == [order.order_id]


def test_an_operator_ends_an_order_that_can_not_be_carried_out(desk: Desk) -> None:
    ann = desk.customer(usd="100.00")
    order = desk.buy(ann, "1", order_price="90")
    done = desk.orders.fail(order.order_id, "asset delisted", "olga", dry_run=False)
    assert (done.before, done.after, done.done) == ("PENDING", "FAILED", True)
    failed = desk.orders.order(ann, order.order_id)
    assert (failed.status, failed.reason) == (Status.FAILED, ENDED_BY_THE_DESK)
    (entry,) = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert (entry.operator, entry.action, entry.subject) == ("olga", "orders fail", order.order_id)
    assert desk.accounts.balance(ann).current == Money(100)
    *_, last = desk.operations.story(order.order_id).events
    assert (last.after, last.actor) == ("FAILED", "olga")


def test_who_has_no_account_has_no_books(desk: Desk) -> None:
    with pytest.raises(AccountNotFound):
        desk.operations.owner("nobody")


def test_an_asset_keeps_its_decimals(desk: Desk) -> None:
    save_asset(desk, asset(), "a new coin", "olga")
    with pytest.raises(PrecisionLowered):
        save_asset(desk, replace(asset(), precision=2), "by mistake", "olga")
    save_asset(desk, replace(asset(), precision=18), "finer", "olga")


@pytest.mark.parametrize("said", [{}, {"active": True}], ids=["nothing said", "active said"])
def test_an_asset_that_was_switched_off_meanwhile_stays_so(desk: Desk, said: dict[str, Any]) -> None:
    """Neither by who has not seen it, nor by who says nothing of it."""
    save_asset(desk, asset())
    proposed = change(desk, name="Optimism 2", **said)
    before_next_write(desk, lambda: change(desk, active=False, operator="oleg"))
    with pytest.raises(NotProposable, match="it has moved meanwhile"):
        desk.confirmed(proposed)
    off = replace(asset(), active=False)
    assert desk.operations.listing("OP").asset == off
    desk.confirmed(change(desk, name="Optimism 2"))
    assert desk.operations.listing("OP").asset == replace(off, name="Optimism 2")


def test_who_switches_off_does_not_write_back_the_rules_that_he_has_read(desk: Desk) -> None:
    save_asset(desk, asset())
    before_next_write(desk, lambda: desk.confirmed(change(desk, spread_bps=20)))
    with pytest.raises(AssetMoved):
        change(desk, active=False)


def test_of_two_limits_that_are_saved_one_by_one_the_pair_is_possible(desk: Desk) -> None:
    save_asset(desk, asset(low="1", high="1000"))
    with pytest.raises(ImpossibleAsset, match="min_notional is above max_notional"):
        desk.interventions.change_asset("OP", {"min_notional": Money(1001)}, "4716", "olga", dry_run=False)


def test_a_new_asset_never_changes_one_that_is_there(desk: Desk) -> None:
    """With nothing but what a new one needs it would turn one of the exchange into one of the desk's own book. What is
    so already is a repeat."""
    there = desk.list_exchange_asset("SOL")
    rules = {name: getattr(there, name) for name in NEEDED}
    assert not desk.interventions.list_asset("SOL", rules, "4716", "olga", dry_run=False).done
    for other in ({"active": False}, {"precision": there.precision - 1}):
        with pytest.raises(AssetExists):
            desk.interventions.list_asset("SOL", rules | other, "4716", "olga", dry_run=False)
    assert desk.orders.catalogue.listing("SOL").asset == there


def test_what_is_not_there_is_not_changed(desk: Desk) -> None:
    with pytest.raises(AssetNotFound):
        desk.interventions.change_asset("OP", {"active": False}, "4716", "olga", dry_run=False)


def test_an_asset_is_new_once(desk: Desk) -> None:
    proposed = desk.interventions.list_asset(
        "OP", {name: getattr(asset(high="9"), name) for name in NEEDED}, "a coin", "olga", dry_run=False
    )
    before_next_write(desk, lambda: save_asset(desk, asset(), "a new coin", "oleg"))
    with pytest.raises(NotProposable, match="it has moved meanwhile"):
        desk.confirmed(proposed)
    assert desk.operations.listing("OP").asset == asset()


class TestClients:
    CRYPTO, BANKING = ClientKind.CRYPTO, ClientKind.BANKING

    def account_id(self, desk: Desk, client_id: str) -> str | None:
        """Where ann is paid."""
        return desk.account_id("ann", desk.operations.client(self.BANKING, client_id).account)

    def saved(self, desk: Desk, owner: Owner, kind: ClientKind, **more: Any) -> Client:
        account = desk.account(owner.username, "acc-1") if kind is ClientKind.BANKING else None
        client = Client("main", kind, owner, ClientStatus.ACTIVE, desk.clock(), account)
        client = replace(client, **more)
        assert save_client(desk, client).done
        return replace(client, updated_at=desk.operations.client(kind, "main").updated_at)

    @pytest.mark.parametrize("kind", ClientKind)
    def test_are_written_changed_and_audited(self, desk: Desk, kind: ClientKind) -> None:
        ann = desk.customer()
        with pytest.raises(ClientNotFound):
            desk.operations.client(kind, "main")
        first = self.saved(desk, ann, kind)
        assert desk.operations.client(kind, "main") == first
        blocked = self.saved(desk, ann, kind, status=ClientStatus.BLOCKED)
        assert desk.operations.client(kind, "main") == blocked
        entry, *_ = desk.operations.audit("2026-11-21", limit=10, after=None).items
        assert (entry.operator, entry.action, entry.subject) == ("olga", "clients save", "main")
        assert entry.detail == f"{kind}, status from ACTIVE to BLOCKED: ticket 4716"
        again = save_client(desk, blocked, "ticket 4716", "olga")
        assert (again.before, again.after, again.done) == ("BLOCKED", "BLOCKED", False)

    @pytest.mark.parametrize("kind", ClientKind)
    def test_keep_what_is_not_said(self, desk: Desk, kind: ClientKind) -> None:
        first = self.saved(desk, desk.customer(), kind, status=ClientStatus.BLOCKED)
        if kind is self.BANKING:
            moved = desk.interventions.save_client(
                kind, "main", first.owner, "he has moved", "olga", dry_run=False, account_id="acc-2"
            )
            assert moved.after == "PROPOSED"
            assert self.account_id(desk, "main") == "acc-1"
            assert desk.confirmed(moved).says == "has the banking client main: account_id from acc-1 to acc-2"
            first = replace(first, account=desk.account("ann", "acc-2"))
        proposed = desk.interventions.save_client(
            kind, "main", first.owner, "looked into", "olga", dry_run=False, status=ClientStatus.ACTIVE
        )
        assert desk.operations.client(kind, "main").status is ClientStatus.BLOCKED
        unblocked = desk.confirmed(proposed)
        paid_at = "; it is paid at acc-2" if kind is self.BANKING else ""
        assert unblocked.says == f"has the {kind.lower()} client main: status from BLOCKED to ACTIVE{paid_at}"
        now = desk.operations.client(kind, "main")
        assert now == replace(first, status=ClientStatus.ACTIVE, updated_at=now.updated_at)

    def test_need_an_account_where_they_are_paid(self, desk: Desk) -> None:
        with pytest.raises(AccountNeeded):
            self.saved(desk, desk.customer(), self.BANKING, account=None)

    @pytest.mark.parametrize("given", [None, ClientStatus.ACTIVE], ids=["none given", "ACTIVE given"])
    def test_are_not_unblocked_by_who_has_not_seen_them_blocked(self, desk: Desk, given: ClientStatus | None) -> None:
        ann = trader(desk)
        proposed = desk.interventions.save_client(
            self.BANKING, "ann-bank", ann, "moved", "oleg", dry_run=False, status=given, account_id="acc-2"
        )
        before_next_write(desk, lambda: block(desk, ann, self.BANKING))
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            desk.confirmed(proposed)
        with pytest.raises(NotProposable, match="ann-bank is not what it was any more"):
            desk.confirmed(proposed)
        assert desk.operations.client(self.BANKING, "ann-bank").status is ClientStatus.BLOCKED
        assert self.account_id(desk, "ann-bank") == "acc-ann"

    def test_that_were_blocked_for_a_while_since_are_looked_at_again(self, desk: Desk) -> None:
        """Somebody had a reason to: what was proposed before that does not come after it."""
        ann = trader(desk)
        proposed = desk.interventions.save_client(
            self.BANKING, "ann-bank", ann, "moved", "oleg", dry_run=False, account_id="acc-2"
        )
        block(desk, ann, self.BANKING)
        block(desk, ann, self.BANKING, ClientStatus.ACTIVE)
        with pytest.raises(NotProposable, match="ann-bank is not what it was any more"):
            desk.confirmed(proposed)
        assert self.account_id(desk, "ann-bank") == "acc-ann"

    def test_that_were_blocked_for_a_moment_as_two_confirm_are_left(self, desk: Desk) -> None:
        ann = trader(desk)
        proposed = desk.interventions.save_client(
            self.BANKING, "ann-bank", ann, "moved", "oleg", dry_run=False, account_id="acc-2"
        )

        def to_and_fro() -> None:
            block(desk, ann, self.BANKING)
            block(desk, ann, self.BANKING, ClientStatus.ACTIVE)

        before_next_write(desk, to_and_fro)
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            desk.confirmed(proposed)

    def test_are_not_paid_to_an_account_of_before(self, desk: Desk) -> None:
        """Who blocks a client does not write back the account that he has read."""
        ann = trader(desk)
        moved = Client("ann-bank", self.BANKING, ann, ClientStatus.ACTIVE, desk.clock(), desk.account("ann", "acc-2"))
        before_next_write(desk, lambda: save_client(desk, moved, "a new account", "oleg"))
        with pytest.raises(ClientMoved):
            block(desk, ann, self.BANKING)
        assert self.account_id(desk, "ann-bank") == "acc-2"

    @pytest.mark.parametrize("kind", ClientKind)
    def test_are_new_once(self, desk: Desk, kind: ClientKind) -> None:
        ann, bob = desk.customer("ann"), desk.customer("bob")
        account_id = "acc-1" if kind is self.BANKING else None
        save = desk.interventions.save_client
        proposed = save(kind, "main", ann, "his papers", "olga", dry_run=False, account_id=account_id)
        before_next_write(desk, lambda: self.saved(desk, bob, kind))
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            desk.confirmed(proposed)
        with pytest.raises(ClientTaken):
            desk.confirmed(proposed)
        assert desk.operations.client(kind, "main").owner == bob

    def test_of_two_kinds_may_have_one_id_and_are_two(self, desk: Desk) -> None:
        ann, bob = desk.customer("ann"), desk.customer("bob")
        sells, paid = self.saved(desk, ann, self.CRYPTO), self.saved(desk, bob, self.BANKING)
        assert desk.operations.client(self.CRYPTO, "main") == sells
        assert desk.operations.client(self.BANKING, "main") == paid

    @pytest.mark.parametrize("kind", ClientKind)
    def test_stay_their_owners_also_against_a_new_owner_of_the_name(self, desk: Desk, kind: ClientKind) -> None:
        ann, bob = desk.customer("ann"), desk.customer("bob")
        desk.account("bob", "acc-1")  # he has a key
        client, before = self.saved(desk, ann, kind), len(desk.dynamo.items())
        for other in (bob, Owner("ann", "another-sub")):
            with pytest.raises(ClientTaken):
                self.saved(desk, other, kind)
        assert desk.operations.client(kind, "main") == client
        assert len(desk.dynamo.items()) == before


class TestStories:
    @pytest.mark.parametrize("letter", "BDOPSWX")
    def test_of_what_never_was_are_not_told(self, desk: Desk, letter: str) -> None:
        for thing_id in (letter + "A" * 25, "SOL:0"):
            with pytest.raises(NothingKnown):
                desk.operations.story(thing_id)
            with pytest.raises(NothingKnown):
                desk.interventions.redrive(thing_id, "by mistake", "olga", dry_run=True)

    def test_of_a_pool_tell_what_waits_in_it_and_since_when(self, desk: Desk) -> None:
        """Its open generation has a batch id already, which its purchases name and which tells the same."""
        ann = trader(desk)
        desk.list_exchange_asset()
        first, since = desk.purchase(ann, "4"), desk.clock.at
        second = desk.purchase(ann, "3")
        pool, of_batch = (desk.operations.story(name) for name in ("SOL:0", first.batch_id))
        assert (pool.id, pool.kind, pool.batch, pool.status) == ("SOL:0", "pool", first.batch_id, None)
        assert pool.waits_for == "purchases for $10.00 together, or its deadline"
        assert pool.waits_since is not None
        assert abs(pool.waits_since - since) < timedelta(seconds=1)
        assert (pool.due_at, pool.members) == (first.expires_at, sorted([first.order_id, second.order_id]))
        assert replace(of_batch, id="SOL:0") == pool
        assert (of_batch.pool, pool.acts) == ("SOL:0", [])
        (listed,) = [w for w in desk.operations.work(("purchases",), overdue_only=False, limit=9) if "SOL" in w.id]
        assert listed.id == "SOL:0"
        bought = desk.operations.story(first.order_id)
        assert (bought.kind, bought.pool, bought.batch, bought.members) == ("purchase", "SOL:0", first.batch_id, [])
        whose = [each.username for each in (bought, of_batch, desk.operations.story("ann"))]
        assert whose == ["ann", None, "ann"]
        with pytest.raises(NotDriven):
            desk.interventions.redrive(first.batch_id, "by mistake", "olga", dry_run=False)

    def test_of_a_closed_batch_tell_its_pool_and_members_and_the_pool_is_empty(self, desk: Desk) -> None:
        ann = trader(desk)
        desk.list_exchange_asset()
        both = [desk.purchase(ann, "4"), desk.purchase(ann, "6")]
        batch, pool = desk.operations.story(both[0].batch_id), desk.operations.story("SOL:0")
        assert (batch.kind, batch.status, batch.pool) == ("batch", "CLOSED", "SOL:0")
        assert batch.members == sorted(purchase.order_id for purchase in both)
        assert (pool.waits_for, pool.members) == (None, [])
        assert pool.batch not in (None, batch.id)
        desk.run()
        assert desk.operations.story(batch.id).members == batch.members

    def test_of_a_batch_that_is_closed_meanwhile_are_told_as_of_the_batch(self, desk: Desk) -> None:
        ann = trader(desk)
        desk.list_exchange_asset()
        first = desk.purchase(ann, "4")

        def read(real: Callable[..., Any], **asked: Any) -> Any:
            if "POOL#" in str(asked):
                desk.client = None
                desk.purchase(ann, "6")
            return real(**asked)

        desk.client = around(desk.dynamo, get_item=read)
        story = desk.operations.story(first.batch_id)
        assert (story.kind, story.status, len(story.members)) == ("batch", "CLOSED", 2)

    def test_of_an_attempt_without_an_answer_say_that_it_was_begun(self, desk: Desk) -> None:
        desk.world.simulated.fail_before_next(Operation.CREDIT)
        asked = desk.accounts.withdraw(trader(desk), "w", Money(1), "ann-bank").made.transfer_id
        desk.world.machines.run()
        (call,) = desk.operations.story(asked).calls
        assert (call.of, call.our_id, call.their_id) == ("bank", f"{asked}-01", None)
        assert (call.state, call.says) == ("PENDING", "begun; it has not answered yet")

    def test_of_a_resting_order_know_no_machine(self, desk: Desk) -> None:
        order = desk.buy(desk.customer(), "1", order_price="90")
        story = desk.operations.story(order.order_id)
        assert (story.status, story.execution, story.needs_person) == ("PENDING", None, False)
        assert story.waits_for

    def test_of_a_cash_out_tell_moves_calls_and_what_its_latest_execution_did(self, desk: Desk) -> None:
        ann = trader(desk)
        desk.buy(ann, "2")
        desk.world.simulated.set_outcome("refuse", times=1)
        order = desk.cash_out(ann, "1")
        before = desk.operations.story(order.order_id)
        assert (before.waits_for, before.execution and before.execution.status) == (
            "the exchange to execute the sale",
            "RUNNING",
        )
        desk.run()
        story = desk.operations.story(order.order_id)
        assert (story.status, story.waits_for, story.due_at) == ("FILLED", None, None)
        assert [(e.after, e.actor) for e in story.events] == [
            ("NEW", "customer"),
            ("BASE_TXN_PENDING", "the exchange"),
            ("BASE_TXN_COMPLETED", "the exchange"),
            ("TARGET_TXN_PENDING", "the machine"),
            ("TARGET_TXN_PENDING", "the bank"),
            ("TARGET_TXN_PENDING", "the machine"),
            ("FILLED", "the bank"),
        ]
        assert [e.before for e in story.events[1:]] == [e.after for e in story.events[:-1]]
        assert [(c.of, c.state) for c in story.calls] == [
            ("fake", "FULLY_EXECUTED"),
            ("bank", "REJECTED"),
            ("bank", "COMPLETED"),
        ]
        sale, refused, paid = story.calls
        assert sale.their_id
        assert (refused.our_id, refused.their_id) == (f"{order.order_id}-01", None)
        assert "refuses" in (refused.says or "")
        assert (paid.our_id, paid.says) == (f"{order.order_id}-02", None)
        assert paid.their_id
        assert story.execution is not None
        assert (story.execution.status, story.execution.steps[-1].what) == ("SUCCEEDED", "Paid")
        assert before.execution_before is None
        assert story.execution_before is not None
        assert [step.what for step in story.execution_before.steps] == ["PollSellOrder", "Sold"]

    def test_need_step_functions_where_there_was_an_execution(self, desk: Desk) -> None:
        withdrawal = desk.accounts.withdraw(trader(desk), "w", Money(1), "ann-bank").made
        desk.world.client = Unreachable()
        with pytest.raises(MachinesUnavailable):
            desk.operations.story(withdrawal.transfer_id)
        desk.world.client = desk.world.machines


class TestRedriving:
    """More of it, by what became of the order, is in tests/payouts."""

    def dead(self, desk: Desk) -> str:
        """A withdrawal that is with the bank, and whose machine has died."""
        desk.world.simulated.set_outcome("pending")
        asked = desk.accounts.withdraw(trader(desk), "w", Money(1), "ann-bank").made.transfer_id
        desk.world.machines.run()
        desk.world.machines.restart()
        return asked

    def test_goes_on_from_the_table_under_the_next_name(self, desk: Desk) -> None:
        asked = self.dead(desk)
        done = desk.interventions.redrive(asked, "the host was restarted", "olga", dry_run=False)
        assert (done.before, done.after, done.done) == ("PENDING", "PENDING", True)
        story = desk.operations.story(asked)
        assert story.execution is not None
        assert (story.execution.name, story.execution.status) == (f"{asked}-2", "RUNNING")
        (entry,) = desk.operations.audit("2026-11-21", limit=10, after=None).items
        assert (entry.action, entry.subject, entry.detail) == ("work redrive", asked, "the host was restarted")
        desk.world.simulated.decide(f"{asked}-01", "complete")
        desk.run()
        assert (desk.operations.story(asked).status, len(desk.operations.story(asked).calls)) == ("COMPLETED", 1)

    def test_of_what_does_not_wait_or_runs_or_has_no_machine_is_refused(self, desk: Desk) -> None:
        ann = trader(desk)
        bought, resting = desk.buy(ann, "1"), desk.buy(ann, "1", order_price="90")
        running = desk.accounts.withdraw(ann, "w", Money(1), "ann-bank").made
        for thing_id, refusal in (
            (bought.order_id, NothingWaits),
            (f"W{'A' * 25}", NothingKnown),
            (resting.order_id, NotDriven),
            (running.transfer_id, StillRunning),
        ):
            with pytest.raises(refusal):
                desk.interventions.redrive(thing_id, "by mistake", "olga", dry_run=False)
        assert desk.operations.audit("2026-11-21", limit=10, after=None).items == []

    def test_writes_nothing_where_step_functions_can_not_say_whether_it_runs(self, desk: Desk) -> None:
        asked = self.dead(desk)
        before, desk.world.client = desk.dynamo.items(), Unreachable()
        with pytest.raises(MachinesUnavailable):
            desk.interventions.redrive(asked, "the host was restarted", "olga", dry_run=False)
        assert desk.dynamo.items() == before
        desk.world.client = desk.world.machines


class TestTheSweeper:
    """More of it, by what it finds, is in tests/offramp."""

    def test_finds_nothing_where_all_is_well(self, desk: Desk) -> None:
        ann = trader(desk)
        desk.buy(ann, "2")
        desk.cash_out(ann, "1")
        desk.accounts.withdraw(ann, "w", Money(1), "ann-bank")
        assert desk.sweeper.sweep(lambda: True) == Swept(overdue=0, started=0, parked=0, replayed=0)
        assert len(desk.world.machines.executions) == 2

    def test_counts_resting_orders_that_should_have_expired(self, desk: Desk) -> None:
        desk.buy(desk.customer(), "1", order_price="90")
        desk.clock.forward(days=31)
        assert desk.sweeper.sweep(lambda: True) == Swept(overdue=1, started=0, parked=0, replayed=0, needs_person=1)
        desk.expire()

    def test_is_not_kept_by_what_waits_for_a_person_from_what_it_could_start(self, desk: Desk) -> None:
        """What waits for a person stays overdue, and the oldest. With time for as many as there are of those, a round
        never comes to the rest."""
        ann = trader(desk)
        desk.world.simulated.set_outcome("refuse")
        desk.accounts.withdraw(ann, "rejected", Money(1), "ann-bank")
        desk.run()
        desk.world.client = Unreachable()
        unstarted = desk.accounts.withdraw(ann, "unstarted", Money(1), "ann-bank").made.transfer_id
        desk.world.client = desk.world.machines
        desk.clock.forward(minutes=2)
        for _ in range(3):
            desk.sweeper.sweep(partial(next, iter([True]), False))  # time for one
        assert unstarted in {execution.name for execution in desk.world.machines.executions}

    def test_is_a_function_of_the_clock_that_stops_in_time(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        ann = trader(desk)
        desk.world.client = Unreachable()
        desk.accounts.withdraw(ann, "w", Money(1), "ann-bank")
        desk.world.client = desk.world.machines
        desk.clock.forward(hours=1)
        monkeypatch.setattr(schedule, "sweeper", lambda: desk.sweeper)
        nothing = asdict(Swept(overdue=0, started=0, parked=0, replayed=0))
        assert schedule.sweep({}, Invocation(8)) == nothing
        assert schedule.sweep({}, Invocation(55)) == {**nothing, "overdue": 1, "started": 1}


EARLY = BankEvent("evt_early", Adjustment("adj_1", f"W{'A' * 25}-01", "acc-ann", Money(1), State.COMPLETED), NOON)


class TestParkedEvents:
    def test_are_listed_oldest_first_until_they_are_dismissed(self, desk: Desk) -> None:
        for n in range(3):
            assert desk.events.receive(replace(EARLY, event_id=f"evt_{n}")) is EventOutcome.PARKED
        assert [item.PK for item in desk.operations.parked(10)] == [f"HOOK#evt_{n}" for n in range(3)]
        assert [item.PK for item in desk.operations.parked(2)] == ["HOOK#evt_0", "HOOK#evt_1"]
        done = desk.interventions.dismiss("evt_1", "a test of theirs", "olga", dry_run=False)
        assert (done.before, done.after, done.done) == ("PARKED", "DISMISSED", True)
        assert [item.PK for item in desk.operations.parked(10)] == ["HOOK#evt_0", "HOOK#evt_2"]
        for act in (desk.interventions.dismiss, desk.interventions.replay):
            again = act("evt_1", "again", "otto", dry_run=False)
            assert (again.before, again.after, again.done) == ("DISMISSED", "DISMISSED", False)
        (entry,) = desk.operations.audit("2026-11-21", limit=10, after=None).items
        assert (entry.operator, entry.action, entry.subject) == ("olga", "parked dismiss", "evt_1")

    def test_that_still_can_not_be_placed_stay_and_leave_no_entry(self, desk: Desk) -> None:
        desk.events.receive(EARLY)
        replayed = desk.interventions.replay("evt_early", "let us see", "olga", dry_run=False)
        assert (replayed.after, replayed.done, replayed.says) == ("PARKED", False, "no attempt has this reference")
        assert len(desk.operations.parked(10)) == 1
        assert desk.operations.audit("2026-11-21", limit=10, after=None).items == []

    @pytest.mark.parametrize("act", ["replay", "dismiss"])
    def test_are_decided_by_one_of_two_operators_at_once(self, desk: Desk, act: str) -> None:
        desk.events.receive(EARLY)
        before_next_write(
            desk, lambda: desk.interventions.dismiss("evt_early", "a test of theirs", "oleg", dry_run=False)
        )
        told = getattr(desk.interventions, act)("evt_early", "let us see", "olga", dry_run=False)
        assert (told.before, told.after, told.done) == ("DISMISSED", "DISMISSED", False)
        (entry,) = desk.operations.audit("2026-11-21", limit=10, after=None).items
        assert entry.operator == "oleg"

    def test_that_were_never_sent_are_not_found(self, desk: Desk) -> None:
        for act in (desk.interventions.replay, desk.interventions.dismiss):
            with pytest.raises(EventNotFound):
                act("evt_unheard_of", "by mistake", "olga", dry_run=False)

    def test_wait_in_the_list_of_work(self, desk: Desk) -> None:
        desk.events.receive(EARLY)
        (waiting,) = desk.operations.work(("parked",), overdue_only=True, limit=10)
        assert (waiting.id, waiting.overdue) == ("evt_early", True)


def test_every_context_that_has_unfinished_work_is_looked_at(desk: Desk) -> None:
    """What waits anywhere is found by an operator who asks for everything, and so is every machine's dead."""
    ann = trader(desk)
    desk.world.simulated.set_outcome("pending", times=1)
    asked = desk.accounts.withdraw(ann, "p", Money(1), "ann-bank").made.transfer_id
    desk.world.machines.run()
    desk.proposals.propose("work decide-payout", asked, {"paid": "1.00"}, "line 11", "late", "otto", dry_run=False)
    desk.buy(ann, "2")
    desk.buy(ann, "1", order_price="90")
    a_stray(desk, desk.cash_out(ann, "1").order_id)
    desk.accounts.withdraw(ann, "w", Money(1), "ann-bank")
    desk.events.receive(EARLY)
    desk.list_exchange_asset()
    desk.purchase(ann, "4")
    desk.purchase(ann, "10")
    desk.recurring_buy(ann, "4")
    desk.accounts.ask_for_client(ann, "c", ClientKind.CRYPTO, None)
    desk.endpoints.register(ann, "e", "https://hooks.example.com", [])
    desk.deliveries.take(Change(ann, keys.ORDER.entity, "O1", "COMPLETED", desk.clock()))
    Written(desk.market, ann)
    desk.dealership.waits_everywhere()
    (line,) = [item for item in desk.dynamo.items() if item["PK"]["S"] == "TRANS#ann#USD"]
    desk.dynamo.put_item(TableName="desk", Item=line | {"transaction_type": {"S": "GIFT"}})
    desk.reconciliation.round(lambda: True)
    desk.dynamo.put_item(TableName="desk", Item=line)
    waiting = {item["open_work"]["S"].partition("#")[0] for item in desk.dynamo.items() if "open_work" in item}
    assert waiting == set(keys.BACKLOGS)
    assert {item["machine"]["S"] for item in desk.dynamo.items() if "machine" in item} == set(keys.MACHINES)
    listed = desk.operations.work(keys.BACKLOGS, overdue_only=False, limit=100)
    assert len(listed) == len([item for item in desk.dynamo.items() if "open_work" in item])


def test_of_two_who_close_a_stray_at_once_one_has_done_it(desk: Desk) -> None:
    ann = trader(desk)
    desk.buy(ann, "1")
    stray_id = a_stray(desk, desk.cash_out(ann, "1").order_id)

    def close(operator: str) -> bool:
        return desk.interventions.close_stray(stray_id, "bought back", operator, dry_run=False).done

    before_next_write(desk, lambda: close("oleg"))
    assert not close("olga")
    assert [entry.operator for entry in desk.operations.audit("2026-11-21", limit=9, after=None).items] == ["oleg"]
    desk.run()


@pytest.mark.parametrize("begin", ["a withdrawal", "an order in the book"])
def test_what_nothing_has_moved_for_hours_needs_a_person(desk: Desk, begin: str) -> None:
    """Whoever should move it, and whatever it says itself; nothing is written for it."""
    ann = trader(desk)
    if begin == "a withdrawal":
        thing_id = desk.accounts.withdraw(ann, "w", Money(1), "ann-bank").made.transfer_id
    else:
        thing_id = desk.buy(ann, "1", order_price="90").order_id
    due_at = desk.operations.story(thing_id).due_at
    assert due_at is not None
    before = desk.dynamo.items()
    for late, needs_person in ((STUCK_AFTER - timedelta(seconds=1), False), (STUCK_AFTER, True)):
        desk.clock.at = due_at + late
        (listed,) = desk.operations.work(keys.BACKLOGS, overdue_only=True, limit=9)
        assert (listed.id, listed.needs_person) == (thing_id, needs_person)
        assert desk.operations.story(thing_id).needs_person is needs_person
        swept = desk.sweeper.sweep(lambda: True)
        assert (swept.overdue, swept.needs_person) == (1, int(needs_person))
    assert desk.dynamo.items() == before


def test_every_attempt_beyond_the_usual_ones_is_an_operators(desk: Desk) -> None:
    ann = trader(desk)
    desk.world.simulated.set_outcome("refuse")
    asked = desk.accounts.withdraw(ann, "w", Money(1), "ann-bank").made.transfer_id
    desk.run()
    for more in (1, 2):
        desk.by_hand("retry", asked, "once more", "olga")
        desk.run()
        assert len(desk.operations.story(asked).calls) == ATTEMPTS_MAX + more
