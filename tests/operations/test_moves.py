"""The account of a login that was made anew: two operators move it, whole, and to nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.domain.clients import ClientBlocked, ClientKind, ClientNotFound, ClientStatus, ClientTaken
from common.domain.ledger.model import ASSETS_MOVED_MAX, SUBS_MAX, AccountExists, AccountNotFound, InsufficientAsset
from common.domain.ledger.store import account_of
from common.domain.limits import DailyLimitExceeded
from common.domain.proposals.model import OwnProposal, ProposalDecided
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.owner import Owner, Ownership
from common.table.transaction import WRITES_MAX
from functions.offramp.model import SellOrderNotFound
from functions.operations.model import NothingKnown, NotProposable, RoundReconciled
from functions.orders.model import OrderNotFound
from tests.desk import Desk
from tests.operations.test_reconciliation import PAGE, listed, parts, trader
from tests.seen import audited, awaiting, before_next_write, block, dollars, raw

ANEW = Owner("ann", "sub-anew")
TICKET = "ticket 4719"


def propose(
    desk: Desk, sub: str = ANEW.sub, by: str = "otto", *, username: str = "ann", dry_run: bool = False
) -> OperatorOutcome:
    told = {"sub": sub}
    return desk.proposals.propose("users move", username, told, TICKET, "passport seen", by, dry_run=dry_run)


def confirm(desk: Desk, proposal_id: str, by: str = "olga", *, dry_run: bool = False) -> OperatorOutcome:
    return desk.proposals.confirm(proposal_id, "seen it, too", by, dry_run=dry_run)


def moved(desk: Desk, sub: str = ANEW.sub) -> OperatorOutcome:
    return confirm(desk, propose(desk, sub).id)


def saved(desk: Desk, owner: Owner, status: ClientStatus | None = None) -> OperatorOutcome:
    """Operators write the owner's client at the bank, with a status or without."""
    act = desk.interventions.save_client
    return desk.confirmed(
        act(ClientKind.BANKING, "ann-bank", owner, "his papers", "olga", dry_run=False, status=status)
    )


class TestMoving:
    def test_the_new_login_has_everything_and_the_old_one_nothing(self, desk: Desk, ann: Owner) -> None:
        desk.list_asset("ETH", "10")
        desk.buy(ann, "3", "ETH")
        with pytest.raises(AccountExists):
            desk.accounts.open(ANEW)
        before = desk.orders.holdings(ann)
        moved(desk)
        balance, holdings = desk.orders.holdings(ANEW)
        at = balance.updated_at
        assert (balance, holdings) == (
            replace(before[0], updated_at=at),
            [replace(holding, updated_at=at) for holding in before[1]],
        )
        assert desk.accounts.open(ANEW)[1]
        assert desk.accounts.me(ANEW).owner == ANEW
        desk.buy(ANEW, "1")
        desk.sell(ANEW, "2", "ETH")
        for refused in (
            lambda: desk.accounts.me(ann),
            lambda: desk.accounts.balance(ann),
            lambda: desk.orders.portfolio(ann),
            lambda: desk.accounts.deposit(ann, "k", Money(1)),
            lambda: desk.buy(ann, "1"),
        ):
            with pytest.raises(AccountNotFound):
                refused()
        with pytest.raises(AccountExists):
            desk.accounts.open(ann)

    def test_one_proposes_and_another_one_confirms(self, desk: Desk, ann: Owner) -> None:
        proposed = propose(desk)
        assert (proposed.before, proposed.after, proposed.done) == (None, "PROPOSED", True)
        assert proposed.says == (
            "another operator than otto confirms it; then it is the account of the login sub-anew, with $1000.00 and 1 "
            "assets; the login sub-ann has it no more, and its clients are to be saved again"
        )
        assert desk.accounts.balance(ann).current == Money(1000)
        with pytest.raises(OwnProposal):
            confirm(desk, proposed.id, "otto")
        assert desk.accounts.balance(ann).current == Money(1000)
        done = confirm(desk, proposed.id)
        assert (done.id, done.before, done.after, done.done) == (proposed.id, "PROPOSED", "CONFIRMED", True)
        assert [(entry.operator, entry.action, entry.subject) for entry in audited(desk)] == [
            ("olga", "proposals confirm", proposed.id),
            ("otto", "users move", "ann"),
        ]
        first, _, then = audited(desk)[0].detail.partition(f", since {desk.clock.at:%Y-%m-%d}T")
        assert first == "users move ann: former_sub sub-ann"
        assert then.endswith(f", sub sub-anew, reference {TICKET}: seen it, too")

    @pytest.mark.usefixtures("ann")
    def test_is_told_in_the_life_of_the_account(self, desk: Desk) -> None:
        before = desk.operations.story("ann")
        assert (before.kind, before.status, before.waits_for, before.events) == ("user", "OPEN", None, [])
        (act,) = [each for each in before.acts if each.command == "users move"]
        assert (act.command, act.route, act.asks) == (
            "users move",
            "POST /operations/users/ann/move",
            ("sub", "reference"),
        )
        moved(desk)
        proposed, done = desk.operations.story("ann").events
        assert (proposed.actor, done.actor) == ("otto", "otto and olga")
        assert done.reason == f"moved from the login sub-ann to sub-anew, reference {TICKET}"
        assert {(event.before, event.after) for event in (proposed, done)} == {("OPEN", "OPEN")}

    @pytest.mark.usefixtures("ann")
    def test_a_dry_run_says_the_same_and_writes_nothing(self, desk: Desk) -> None:
        before = desk.dynamo.items()
        dry = propose(desk, dry_run=True)
        assert desk.dynamo.items() == before
        proposed = propose(desk)
        assert proposed == replace(dry, done=True)
        before = desk.dynamo.items()
        dry = confirm(desk, proposed.id, dry_run=True)
        assert desk.dynamo.items() == before
        assert confirm(desk, proposed.id) == replace(dry, done=True)
        before = desk.dynamo.items()
        assert confirm(desk, proposed.id).says == "was confirmed by olga already; nothing to do"
        assert desk.dynamo.items() == before

    def test_what_was_done_before_is_not_shown_to_the_new_login(self, desk: Desk, ann: Owner) -> None:
        bought, sold = desk.buy(ann, "1"), desk.cash_out(ann)
        desk.run()
        moved(desk)
        own = desk.buy(ANEW, "0.5")
        assert [o.order_id for o in desk.orders.orders(ANEW, limit=9, after=None).items] == [own.order_id]
        assert desk.orders.history(ANEW, "BTC", limit=9, after=None).items[0].line.order_id == own.order_id
        since, until = desk.clock.at - timedelta(days=1), desk.clock.at + timedelta(days=1)
        assert [move.line.order_id for move in desk.orders.statement(ANEW, since, until).moves] == [own.order_id]
        with pytest.raises(OrderNotFound):
            desk.orders.order(ANEW, bought.order_id)
        with pytest.raises(SellOrderNotFound):
            desk.offramp.order(ANEW, sold.order_id)

    def test_the_days_limit_stays_used_up(self, desk: Desk, ann: Owner) -> None:
        desk.rules = replace(desk.rules, withdrawal_limit=Money(100))
        desk.accounts.withdraw(ann, "w", Money(60), "ann-bank")
        desk.run()
        moved(desk)
        saved(desk, ANEW)
        with pytest.raises(DailyLimitExceeded):
            desk.accounts.withdraw(ANEW, "w", Money(60), "ann-bank")

    def test_and_back_again(self, desk: Desk, ann: Owner) -> None:
        first = propose(desk)
        confirm(desk, first.id)
        moved(desk, ann.sub)
        assert desk.accounts.balance(ann).current == Money(1000)
        with pytest.raises(AccountNotFound):
            desk.accounts.balance(ANEW)
        again = propose(desk)
        assert (again.id == first.id, again.before, again.done) == (False, None, True)
        confirm(desk, again.id)
        assert account_of(desk.table, "ann").ownership == Ownership(ANEW, (ann.sub, ANEW.sub))
        assert desk.reconciliation.reconcile("ann").differences == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("begin", "held"),
        [
            (lambda desk, ann: desk.buy(ann, "1", order_price="90"), "$90.00"),
            (lambda desk, ann: desk.sell(ann, "2", order_price="200"), "2 BTC"),
            (lambda desk, ann: desk.accounts.withdraw(ann, "w", Money(40), "ann-bank"), "$40.00"),
            (lambda desk, ann: desk.purchase(ann, "4"), "$4.00"),
            (lambda desk, ann: desk.cash_out(ann, "1.5"), "1.5 BTC"),
            (awaiting, "$99.90"),
        ],
        ids=["a buy", "a sale", "a withdrawal", "a purchase", "a cash-out", "its payout"],
    )
    def test_while_anything_is_held_nothing_moves(
        self, desk: Desk, ann: Owner, begin: Callable[[Desk, Owner], Any], held: str
    ) -> None:
        desk.list_exchange_asset()
        proposed = propose(desk)
        begin(desk, ann)
        assert "users move" not in [act.command for act in desk.operations.story("ann").acts]
        why = f"^{held.replace('$', '[$]')} of it are held: its open orders, purchases and payouts have to end first$"
        before = desk.dynamo.items()
        for dry_run in (True, False):
            with pytest.raises(NotProposable, match=why):
                propose(desk, "sub-other", dry_run=dry_run)
            with pytest.raises(NotProposable, match=why):
                confirm(desk, proposed.id, dry_run=dry_run)
        assert desk.dynamo.items() == before

    @pytest.mark.parametrize(
        "meanwhile",
        [
            lambda desk, ann: desk.accounts.deposit(ann, "k", Money(5)),
            lambda desk, ann: desk.buy(ann, "1"),
            lambda desk, ann: desk.buy(ann, "1", "ETH"),
            lambda desk, ann: desk.sell(ann, "1"),
            lambda desk, ann: desk.buy(ann, "1", order_price="90"),
            lambda desk, ann: desk.sell(ann, "1", order_price="200"),
            lambda desk, ann: desk.cash_out(ann),
        ],
        ids=["a deposit", "a buy", "a buy, first of its asset", "a sale", "a hold", "a hold of coins", "a cash-out"],
    )
    def test_what_the_old_login_does_at_that_moment_is_not_lost(
        self, desk: Desk, ann: Owner, meanwhile: Callable[[Desk, Owner], Any]
    ) -> None:
        desk.list_asset("ETH", "10")
        proposed = propose(desk).id
        before_next_write(desk, lambda: meanwhile(desk, ann))
        with pytest.raises(NotProposable, match="it has moved meanwhile; look at it again"):
            confirm(desk, proposed)
        desk.accounts.balance(ann)
        assert desk.operations.story(proposed).status == "PROPOSED"
        assert len(audited(desk)) == 1

    @pytest.mark.parametrize(
        ("row", "attribute", "becomes"),
        [
            ("USER", "sub", {"S": "sub-other"}),
            ("BALANCE", "sub", {"S": "sub-other"}),
            ("BALANCE", "updated_at", {"S": "2026-11-21T12:00:00.000000Z"}),
            ("BALANCE", "current_balance", {"N": "1000.01"}),
            ("BALANCE", "held_balance", {"N": "0.01"}),
            ("ASSET#BTC", "sub", {"S": "sub-other"}),
            ("ASSET#BTC", "updated_at", {"S": "2026-11-21T12:00:00.000000Z"}),
            ("ASSET#BTC", "held_quantity", {"N": "0.00000001"}),
        ],
    )
    def test_whatever_is_not_as_it_was_read_nothing_moves(self, row: str, attribute: str, becomes: Any) -> None:
        """Each by itself: none is left to the others."""
        desk = Desk()
        desk.list_asset("BTC", "100")
        desk.buy(desk.customer(usd="1100.00"), "1")
        proposed = propose(desk).id
        (was,) = [i for i in desk.dynamo.items() if (i["PK"]["S"], i["SK"]["S"]) == ("ann", row)]
        before_next_write(desk, lambda: desk.dynamo.put_item(TableName="desk", Item=was | {attribute: becomes}))
        with pytest.raises(NotProposable, match="it has moved meanwhile; look at it again"):
            confirm(desk, proposed)
        assert "sub-anew" not in repr(
            [i for i in desk.dynamo.items() if i["SK"]["S"] in ("USER", "BALANCE", "ASSET#BTC")]
        )

    def test_what_the_old_login_does_after_it_is_refused(self, desk: Desk, ann: Owner) -> None:
        """Its token is good for an hour still. It opens no holding either, for which no balance would speak."""
        desk.list_asset("ETH", "10")
        before_next_write(desk, lambda: moved(desk))
        with pytest.raises(AccountNotFound):
            desk.buy(ann, "1", "ETH")
        moved(desk, ann.sub)
        before_next_write(desk, lambda: moved(desk))
        with pytest.raises(InsufficientAsset):
            desk.cash_out(ann)

    @pytest.mark.usefixtures("ann")
    def test_of_two_moves_at_once_one_is_done(self, desk: Desk) -> None:
        one, other, late = propose(desk, "sub-1").id, propose(desk, "sub-2").id, propose(desk, "sub-3").id
        before_next_write(desk, lambda: confirm(desk, one))
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            confirm(desk, other)
        for dry_run in (True, False):
            with pytest.raises(NotProposable, match="it was about the login sub-ann, and now sub-1 has the account"):
                confirm(desk, late, dry_run=dry_run)
        assert account_of(desk.table, "ann").ownership == Ownership(Owner("ann", "sub-1"), ("sub-ann",))

    @pytest.mark.usefixtures("ann")
    def test_of_one_move_confirmed_twice_at_once_one_is_done(self, desk: Desk) -> None:
        proposed = propose(desk).id
        before_next_write(desk, lambda: confirm(desk, proposed, "oleg"))
        assert confirm(desk, proposed).says == "was confirmed by oleg already; nothing to do"

    def test_a_move_that_was_dismissed_is_not_done(self, desk: Desk, ann: Owner) -> None:
        proposed = propose(desk).id
        desk.proposals.dismiss(proposed, "it is somebody else", "olga", dry_run=False)
        *_, event = desk.operations.story("ann").events
        assert event.reason == f"dismissed, what was proposed as {proposed}: it is somebody else"
        with pytest.raises(ProposalDecided):
            confirm(desk, proposed)
        assert desk.accounts.balance(ann).current == Money(1000)

    def test_the_login_that_has_it_gets_it_not_again(self, desk: Desk, ann: Owner) -> None:
        with pytest.raises(NotProposable, match="that login has the account already"):
            propose(desk, ann.sub)

    def test_where_there_is_no_account_nothing_moves(self, desk: Desk) -> None:
        for username in ("nobody", "Ann", "evt_1"):
            with pytest.raises(NothingKnown):
                propose(desk, username=username)

    def test_the_sub_of_another_user_gives_him_nothing(self, desk: Desk, ann: Owner) -> None:
        """A mistake of two operators. An account is of a username and a sub together: no token has these two, and the
        account goes where it belongs with a further move."""
        bob = desk.customer("bob", usd="7.00")
        moved(desk, bob.sub)
        assert dollars(desk, bob) == (Money(7), Money(0))
        assert desk.orders.holdings(bob)[1] == []
        with pytest.raises(AccountNotFound):
            desk.accounts.balance(ann)
        moved(desk)
        assert desk.accounts.balance(ANEW).current == Money(1000)
        assert dollars(desk, bob) == (Money(7), Money(0))

    @pytest.mark.parametrize(("assets", "fits"), [(ASSETS_MOVED_MAX, True), (ASSETS_MOVED_MAX + 1, False)])
    def test_what_is_too_much_for_one_transaction_is_not_begun(self, desk: Desk, assets: int, fits: bool) -> None:
        collector = desk.customer(usd="10000.00")
        for n in range(assets):
            desk.list_asset(f"A{n:02d}", "1")
            desk.orders.catalogue.fresh()
            desk.buy(collector, "1", f"A{n:02d}")
        if fits:
            writes: list[int] = []
            transact = desk.dynamo.transact_write_items

            def count(**request: Any) -> Any:
                writes.append(len(request["TransactItems"]))
                return transact(**request)

            proposed = propose(desk).id
            desk.dynamo.transact_write_items = count  # type: ignore[method-assign]
            confirm(desk, proposed)
            assert writes == [assets + 10]
            assert max(writes) <= WRITES_MAX
            assert len(desk.orders.holdings(ANEW)[1]) == assets
        else:
            too_many = f"it has {assets} assets, and {ASSETS_MOVED_MAX} can be moved at once: those who maintain"
            with pytest.raises(NotProposable, match=too_many):
                propose(desk)
            assert "users move" not in [act.command for act in desk.operations.story("ann").acts]

    @pytest.mark.usefixtures("ann")
    def test_what_more_logins_had_than_a_filter_compares_with_stays(self, desk: Desk) -> None:
        account = account_of(desk.table, "ann")
        for n in range(SUBS_MAX):
            assert account.why_it_stays() is None
            account = replace(account, ownership=account.ownership.moved_to(f"sub-{n}"))
        assert (
            account.why_it_stays()
            == f"{SUBS_MAX + 1} logins have had it: those who maintain the desk have to look at it"
        )
        assert len(account.ownership.subs) == SUBS_MAX + 1


class TestWires:
    def test_a_wire_that_was_credited_before_a_move_is_not_credited_after_it(self, desk: Desk, ann: Owner) -> None:
        """However often the account moves, and back."""
        credited = desk.credit("ann", "wire-4711", "70.00")
        for sub in (ANEW.sub, "sub-other", ann.sub):
            moved(desk, sub)
            again = desk.credit("ann", "wire-4711", "70.00")
            assert (again.id, again.done) == (credited.id, False)
            with pytest.raises(NotProposable, match="was credited to ann already"):
                desk.credit("ann", "wire-4711", "71.00")
            assert desk.accounts.balance(Owner("ann", sub)).current == Money(1070)

    @pytest.mark.usefixtures("ann")
    def test_a_wire_that_was_credited_between_two_moves_is_not_credited_again(self, desk: Desk) -> None:
        moved(desk)
        assert desk.credit("ann", "wire-4711", "70.00").done
        moved(desk, "sub-other")
        assert not desk.credit("ann", "wire-4711", "70.00").done
        assert desk.credit("ann", "wire-4712", "70.00").done

    @pytest.mark.usefixtures("ann")
    def test_a_wire_that_is_confirmed_during_a_move_is_the_new_logins_later(self, desk: Desk) -> None:
        told = {"amount": "70.00"}
        credit = desk.proposals.propose("deposit credit", "ann", told, "wire-4711", "came", "olga", dry_run=False)
        before_next_write(desk, lambda: moved(desk))
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            desk.proposals.confirm(credit.id, "seen it", "otto", dry_run=False)
        assert desk.proposals.confirm(credit.id, "seen it", "otto", dry_run=False).done
        assert desk.accounts.balance(ANEW).current == Money(1070)

    @pytest.mark.usefixtures("ann")
    def test_a_wire_of_one_account_is_not_credited_to_another(self, desk: Desk) -> None:
        """Nor taken for a repeat there."""
        desk.customer("bob", usd=None)
        assert desk.credit("ann", "wire-4711", "70.00").done
        with pytest.raises(NotProposable, match="and it is that of"):
            desk.credit("bob", "wire-4711", "70.00")


class TestClients:
    @pytest.mark.usefixtures("ann")
    def test_of_the_old_login_are_not_the_new_ones_until_an_operator_says_so(self, desk: Desk) -> None:
        moved(desk)
        with pytest.raises(ClientNotFound):
            desk.accounts.withdraw(ANEW, "w", Money(5), "ann-bank")
        with pytest.raises(ClientNotFound):
            desk.cash_out(ANEW)
        said = saved(desk, ANEW)
        change = "sub from sub-ann to sub-anew; it is paid at acc-ann"
        assert (said.says, said.done) == (f"has the banking client ann-bank: {change}", True)
        paid = desk.accounts.withdraw(ANEW, "w", Money(5), "ann-bank").made
        desk.run()
        assert desk.accounts.withdrawal(ANEW, paid.transfer_id).status == "COMPLETED"

    def test_that_were_blocked_stay_blocked(self, desk: Desk, ann: Owner) -> None:
        block(desk, ann, ClientKind.BANKING)
        moved(desk)
        assert desk.operations.client(ClientKind.BANKING, "ann-bank").status is ClientStatus.BLOCKED
        assert saved(desk, ANEW).after == "BLOCKED"
        with pytest.raises(ClientBlocked):
            desk.accounts.withdraw(ANEW, "w", Money(5), "ann-bank")

    def test_of_who_never_had_the_account_are_nobodys(self, desk: Desk, ann: Owner) -> None:
        """Neither is a client moved by who saves it, nor taken by a login that does not have the account."""
        for stranger in (ANEW, desk.customer("bob")):
            with pytest.raises(ClientTaken):
                saved(desk, stranger)
        moved(desk)
        for without in (ann, Owner("ann", "sub-other")):
            with pytest.raises(ClientTaken):
                saved(desk, replace(without, sub="sub-other"))
            saved(desk, ANEW)
            with pytest.raises(ClientTaken):
                saved(desk, without)

    def test_of_somebody_who_never_had_the_account_are_not_its_present_logins(self, desk: Desk, ann: Owner) -> None:
        desk.clients(Owner("ann", "sub-stranger"))
        moved(desk)
        for owner in (ann, ANEW):
            with pytest.raises(ClientTaken):
                saved(desk, owner)

    @pytest.mark.usefixtures("ann")
    def test_are_not_taken_by_an_account_that_was_moved_to_their_owner_by_mistake(self, desk: Desk) -> None:
        bob = desk.customer("bob")
        for sub in ("sub-ann", bob.sub):
            confirm(desk, propose(desk, sub, username="bob").id)
        with pytest.raises(ClientTaken):
            saved(desk, bob)


class TestBooks:
    def test_add_up_over_all_logins(self, desk: Desk, ann: Owner) -> None:
        lines = desk.reconciliation.reconcile("ann").lines
        for sub in (ANEW.sub, "sub-other", ann.sub):
            moved(desk, sub)
            desk.buy(Owner("ann", sub), "0.5")
            lines += 1
            found = desk.reconciliation.reconcile("ann")
            assert (found.lines, found.differences) == (lines, [])
        assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=1, drift=0, unreadable=0)

    @pytest.mark.usefixtures("ann")
    def test_leave_out_lines_of_who_never_had_the_account(self, desk: Desk) -> None:
        moved(desk)
        (line,) = [item for item in desk.dynamo.items() if item["PK"]["S"] == "TRANS#ann#BTC"]
        desk.dynamo.put_item(TableName="desk", Item=line | {"sub": {"S": "sub-stranger"}})
        assert len(desk.reconciliation.reconcile("ann").differences) == 4
        desk.dynamo.put_item(TableName="desk", Item=line)

    def test_that_are_put_aside_are_gone_on_with_after_a_move(self) -> None:
        desk = Desk()
        desk.list_asset("BTC", "100")
        trader(desk, "ann", 2 * PAGE)
        assert desk.reconciliation.round(parts(3)) == RoundReconciled(0, 0, 0)
        assert '"aside": ["ann"]' in raw(desk, "CURSOR#reconcile", "CURSOR")["position"]
        before = json.loads(raw(desk, "ann", "RECONCILIATION")["added_up"])
        moved(desk)
        desk.buy(ANEW, "0.01")
        desk.clock.forward(minutes=15)
        assert desk.reconciliation.round(parts(2)) == RoundReconciled(0, 0, 0)
        after = json.loads(raw(desk, "ann", "RECONCILIATION")["added_up"])
        assert (after["lines"] > before["lines"] > 0, after["until"]) == (True, before["until"])
        assert desk.reconciliation.round(parts(9)) == RoundReconciled(accounts=1, drift=0, unreadable=0)
        assert listed(desk) == {}

    @pytest.mark.usefixtures("ann")
    def test_that_were_put_aside_with_a_sub_are_gone_on_with(self, desk: Desk) -> None:
        """As rounds wrote it before accounts could be moved."""
        item = {"PK": {"S": "CURSOR#reconcile"}, "SK": {"S": "CURSOR"}, "entity_type": {"S": "cursor"}}
        desk.dynamo.put_item(TableName="desk", Item=item | {"position": {"S": '{"aside": [["ann", "sub-ann"]]}'}})
        moved(desk)
        assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=1, drift=0, unreadable=0)
        assert json.loads(raw(desk, "CURSOR#reconcile", "CURSOR")["position"])["aside"] == []

    @pytest.mark.usefixtures("ann")
    def test_of_an_account_that_moves_meanwhile_are_no_finding(self, desk: Desk) -> None:
        query, waiting = desk.dynamo.query, [lambda: moved(desk)]

        def and_then(**asked: Any) -> Any:
            answer = query(**asked)
            if "TRANS#ann" in str(asked) and waiting:
                waiting.pop()()
            return answer

        desk.dynamo.query = and_then  # type: ignore[method-assign]
        assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=1, drift=0, unreadable=0)

    @pytest.mark.usefixtures("ann")
    def test_a_finding_is_told_in_the_life_of_the_account(self, desk: Desk) -> None:
        (line,) = [item for item in desk.dynamo.items() if item["PK"]["S"] == "TRANS#ann#BTC"]
        desk.dynamo.put_item(TableName="desk", Item=line | {"transaction_type": {"S": "GIFT"}})
        desk.reconciliation.round(lambda: True)
        story = desk.operations.story("ann")
        assert (story.status, story.needs_person) == ("OPEN", True)
        assert story.waits_for == listed(desk)["ann"]
        desk.dynamo.put_item(TableName="desk", Item=line)


def test_an_ownership_remembers_the_first_sub_whoever_has_it() -> None:
    first = Ownership(Owner("ann", "a"))
    assert (first.first_sub, first.subs, first.former_subs) == ("a", ("a",), ())
    back = first.moved_to("b").moved_to("a")
    assert (back.first_sub, back.subs, back.owner.sub) == ("a", ("a", "b"), "a")
    third = back.moved_to("c")
    assert (third.first_sub, third.subs, third.owner.sub) == ("a", ("a", "b", "c"), "c")
