"""Opening an account, dollars in and out by the payout machine or by hand, and the daily limits."""

from datetime import timedelta

import pytest

from common.domain.clients import ClientBlocked, ClientNotFound, ClientStatus
from common.domain.ledger.model import AccountExists, AccountNotFound, InsufficientFunds
from common.domain.limits import DailyLimitExceeded
from common.domain.payouts.evidence import PAID_OTHERWISE
from common.domain.payouts.model import ATTEMPTS_MAX, PayoutNotFound, PayoutUnsettled
from common.idempotency import IdempotencyKeyReused
from common.money import Money
from common.owner import Owner
from functions.accounts import model
from functions.accounts.model import (
    OPERATORS_ONLY,
    TRANSITIONS,
    DepositsByBankOnly,
    Status,
    Transfer,
    WithdrawalNotFound,
)
from functions.accounts.service import Rules
from functions.operations.model import NothingKnown, NotProposable
from functions.payouts.service import GIVEN_BACK
from tests.desk import NOON, Desk
from tests.seen import executions, moves, paid


def client(desk: Desk, username: str = "ann", usd: str | None = "100.00") -> Owner:
    """A customer who may be paid."""
    owner = desk.customer(username, usd)
    desk.clients(owner)
    return owner


def withdraw(desk: Desk, owner: Owner, usd: str, key: str = "k") -> Transfer:
    return desk.accounts.withdraw(owner, key, Money(usd), f"{owner.username}-bank").made


def status(desk: Desk, transfer: Transfer) -> Status:
    return desk.accounts.withdrawal(transfer.owner, transfer.transfer_id).status


def limited(deposit: str = "100", withdrawal: str = "100", *, customer_deposits: bool = True) -> Desk:
    return Desk(rules=Rules(customer_deposits, Money(deposit), Money(withdrawal)))


def test_an_account_is_opened_once_and_begins_at_zero(desk: Desk) -> None:
    ann = Owner("ann", "sub-ann")
    first, known = desk.accounts.open(ann)
    again, known_again = desk.accounts.open(ann)
    assert (known, known_again, again) == (False, True, first)
    assert desk.accounts.balance(ann).total == Money(0)
    assert desk.accounts.me(ann) == first


def test_a_username_belongs_to_whoever_opened_its_account(desk: Desk) -> None:
    desk.customer("ann")
    other = Owner("ann", "another-sub")
    with pytest.raises(AccountExists):
        desk.accounts.open(other)
    with pytest.raises(AccountNotFound):
        desk.accounts.me(other)


def test_what_is_left_of_a_days_limits_is_told() -> None:
    desk = limited(deposit="100", withdrawal="30")
    ann = desk.customer("ann", usd="80")
    desk.clients(ann)
    desk.accounts.withdraw(ann, "w", Money(20), "ann-bank")
    left = {one.kind.value: (str(one.used), str(one.left)) for one in desk.accounts.limits(ann)}
    assert left == {"DEPOSIT": ("80.00", "20.00"), "PAYOUT": ("20.00", "10.00")}
    desk.clock.forward(days=1)
    assert [str(one.left) for one in desk.accounts.limits(ann)] == ["100.00", "30.00"]
    by_bank = limited(customer_deposits=False)
    assert [one.kind.value for one in by_bank.accounts.limits(ann)] == ["PAYOUT"]


def test_a_deposit_is_credited_once_for_its_key(desk: Desk) -> None:
    ann = desk.customer(usd=None)
    first = desk.accounts.deposit(ann, "k", Money("12.34"))
    again = desk.accounts.deposit(ann, "k", Money("12.340"))
    assert (first.replayed, again.replayed, again.made) == (False, True, first.made)
    assert desk.accounts.balance(ann).current == Money("12.34")
    with pytest.raises(IdempotencyKeyReused):
        desk.accounts.deposit(ann, "k", Money("12.35"))


def test_the_daily_limit_counts_what_the_day_has_and_no_more() -> None:
    desk = limited(deposit="100")
    ann = desk.customer(usd=None)
    desk.accounts.deposit(ann, "a", Money("60"))
    with pytest.raises(DailyLimitExceeded) as refused:
        desk.accounts.deposit(ann, "b", Money("40.01"))
    assert refused.value.facts == {"limit_usd": "100.00", "used_usd": "60.00", "asked_usd": "40.01"}
    desk.accounts.deposit(ann, "c", Money("40"))
    desk.clock.forward(days=1)
    desk.accounts.deposit(ann, "d", Money("100"))
    with pytest.raises(DailyLimitExceeded):
        desk.accounts.deposit(ann, "e", Money("100.01"))
    desk.check()


def test_an_accepted_deposit_is_answered_also_when_the_limit_is_lower_now() -> None:
    desk = limited(deposit="100")
    ann = desk.customer(usd=None)
    first = desk.accounts.deposit(ann, "k", Money("100")).made
    lower = limited(deposit="50")
    lower.dynamo = desk.dynamo
    assert lower.accounts.deposit(ann, "k", Money("100")).made == first


def test_where_the_bank_brings_the_dollars_customers_do_not_credit_themselves() -> None:
    desk = limited(customer_deposits=False)
    ann = desk.customer(usd=None)
    with pytest.raises(DepositsByBankOnly):
        desk.accounts.deposit(ann, "k", Money(1))
    assert desk.credit("ann", "wire-1", "5000").done
    assert not desk.credit("ann", "wire-1", "5000").done
    assert desk.accounts.balance(ann).current == Money(5000)
    desk.check()


def test_operators_credit_only_those_who_exist(desk: Desk) -> None:
    with pytest.raises(NothingKnown):
        desk.credit("nobody", "k", "1.00")


def test_one_booking_of_the_bank_is_one_credit_of_one_user(desk: Desk) -> None:
    """Nor is it what has paid an attempt of somebody's payout; nor another sum of the same customer's."""
    ann, bob = desk.customer("ann"), desk.customer("bob", usd="1.00")
    desk.clients(ann)
    desk.credit("ann", "wire-1", "50.00")
    with pytest.raises(NotProposable, match="wire-1 was credited to ann already"):
        desk.credit("ann", "wire-1", "60.00")
    paid = desk.accounts.withdraw(ann, "w", Money(40), "ann-bank").made
    desk.run()
    for theirs in ("wire-1", desk.world.simulated.record(f"{paid.transfer_id}-01").adjustment_id):
        with pytest.raises(NotProposable, match="and it is that of"):
            desk.credit("bob", theirs, "50.00")
    assert desk.accounts.balance(ann).current == Money(1010)
    assert desk.accounts.balance(bob).current == Money(1)


def test_a_withdrawal_holds_its_dollars_until_the_bank_has_paid_it(desk: Desk) -> None:
    ann = client(desk)
    asked = withdraw(desk, ann, "30")
    balance = desk.accounts.balance(ann)
    assert (asked.status, balance.current, balance.held) == (Status.PENDING, Money(70), Money(30))
    assert [w.id for w in desk.operations.work(("accounts",), overdue_only=False, limit=10)] == [asked.transfer_id]
    desk.run()
    balance = desk.accounts.balance(ann)
    assert (status(desk, asked), balance.current, balance.held) == (Status.COMPLETED, Money(70), Money(0))
    (credit,) = desk.world.simulated.credits()
    assert (credit.account_id, credit.amount, credit.reference_id) == ("acc-ann", Money(30), f"{asked.transfer_id}-01")
    line = desk.accounts.transactions(ann, since=None, until=None, limit=10, after=None).items[0].line
    assert (line.transaction_type, line.total_amount, line.order_id) == ("WITHDRAW", Money(30), asked.transfer_id)
    assert desk.operations.work(("accounts",), overdue_only=False, limit=10) == []
    assert moves(desk, asked.transfer_id) == [(None, "PENDING"), ("PENDING", "COMPLETED")]
    (execution,) = executions(desk, asked.transfer_id, "payout")
    assert (execution.name, execution.status, execution.transitions) == (asked.transfer_id, "SUCCEEDED", 3)


def test_a_cash_out_and_a_withdrawal_to_one_account_are_each_paid_once(desk: Desk) -> None:
    ann = client(desk, usd="300.00")
    desk.buy(ann, "1")
    sale, asked = desk.cash_out(ann, "1"), withdraw(desk, ann, "50")
    desk.run()
    assert desk.world.simulated.credited("acc-ann") == Money("149.90")
    assert (len(paid(desk, sale.order_id)), len(paid(desk, asked.transfer_id))) == (1, 1)


def test_a_withdrawal_is_made_once_for_its_key(desk: Desk) -> None:
    ann = client(desk)
    first = desk.accounts.withdraw(ann, "k", Money("12.34"), "ann-bank")
    again = desk.accounts.withdraw(ann, "k", Money("12.340"), "ann-bank")
    assert (first.replayed, again.replayed, again.made) == (False, True, first.made)
    desk.run()
    assert desk.accounts.withdraw(ann, "k", Money("12.34"), "ann-bank").made.status is Status.COMPLETED
    assert desk.accounts.balance(ann).total == Money("87.66")
    desk.clients(desk.customer("bob"))
    for amount, to in (("12.35", "ann-bank"), ("12.34", "bob-bank")):
        with pytest.raises(IdempotencyKeyReused):
            desk.accounts.withdraw(ann, "k", Money(amount), to)
    assert (len(desk.world.machines.executions), len(desk.world.simulated.records())) == (1, 1)


def test_dollars_are_paid_to_a_client_of_ones_own_that_is_not_blocked(desk: Desk) -> None:
    ann, bob = client(desk), client(desk, "bob")
    for other in ("bob-bank", "ann-crypto", "nobody"):
        with pytest.raises(ClientNotFound):
            desk.accounts.withdraw(ann, "k", Money(1), other)
    desk.clients(bob, ClientStatus.BLOCKED)
    with pytest.raises(ClientBlocked):
        desk.accounts.withdraw(bob, "k", Money(1), "bob-bank")
    assert desk.accounts.balance(ann).held == desk.accounts.balance(bob).held == Money(0)


def test_an_accepted_withdrawal_is_answered_also_when_its_client_is_blocked(desk: Desk) -> None:
    ann = client(desk)
    asked = withdraw(desk, ann, "30")
    desk.clients(ann, ClientStatus.BLOCKED)
    again = desk.accounts.withdraw(ann, "k", Money(30), "ann-bank")
    assert (again.replayed, again.made) == (True, asked)
    with pytest.raises(IdempotencyKeyReused):
        desk.accounts.withdraw(ann, "k", Money(31), "ann-bank")


def test_nothing_is_paid_to_a_client_that_was_blocked_meanwhile(desk: Desk) -> None:
    ann = client(desk)
    asked = withdraw(desk, ann, "30")
    desk.clients(ann, ClientStatus.BLOCKED)
    desk.run()
    story = desk.operations.story(asked.transfer_id)
    assert (story.status, story.needs_person, story.calls) == (Status.PENDING, True, [])
    assert story.waits_for == "an operator: the banking client ann-bank is BLOCKED; ask an operator"
    desk.clients(ann)
    desk.by_hand("retry", asked.transfer_id, "unblocked", "olga")
    desk.run()
    assert status(desk, asked) is Status.COMPLETED


def test_after_the_last_rejected_attempt_an_operator_decides(desk: Desk) -> None:
    ann = client(desk)
    desk.world.simulated.set_outcome("fail")
    asked = withdraw(desk, ann, "30")
    desk.run()
    story = desk.operations.story(asked.transfer_id)
    assert (story.status, story.needs_person, len(story.calls)) == (Status.PAYOUT_FAILED, True, ATTEMPTS_MAX)
    assert desk.accounts.balance(ann).held == Money(30)
    desk.world.simulated.set_outcome("complete")
    assert desk.by_hand("retry", asked.transfer_id, "the account is open again", "olga").after == Status.PENDING
    desk.run()
    assert (status(desk, asked), desk.accounts.balance(ann).held) == (Status.COMPLETED, Money(0))
    assert len(desk.operations.story(asked.transfer_id).calls) == ATTEMPTS_MAX + 1


@pytest.mark.parametrize("rejected", [0, 1, ATTEMPTS_MAX])
def test_an_operator_completes_a_withdrawal_that_was_paid_by_another_way(desk: Desk, rejected: int) -> None:
    ann, asked = rejecting(desk, rejected)
    paid = desk.by_hand("mark_paid", asked.transfer_id, "wire 42", "olga")
    told = desk.accounts.withdrawal(ann, asked.transfer_id)
    assert (paid.after, paid.done, told.status, told.reason) == ("CONFIRMED", True, Status.COMPLETED, PAID_OTHERWISE)
    assert desk.accounts.balance(ann).total == Money(70)
    with pytest.raises(NotProposable, match="it is COMPLETED"):
        desk.by_hand("mark_paid", asked.transfer_id, "wire 42", "olga")
    assert desk.accounts.withdrawal(ann, asked.transfer_id) == told
    _, entry = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert (entry.operator, entry.action, entry.subject) == ("olga", "withdrawals complete", asked.transfer_id)
    desk.world.simulated.set_outcome("complete")
    desk.run()
    assert desk.accounts.balance(ann).total == Money(70)
    assert desk.world.simulated.credits() == []
    for act in ("give_back", "retry"):
        with pytest.raises(PayoutUnsettled) as refused:
            desk.by_hand(act, asked.transfer_id, "too late", "olga")
        assert refused.value.facts["order_status"] == "COMPLETED"


@pytest.mark.parametrize("rejected", [0, 1, ATTEMPTS_MAX])
def test_a_rejected_withdrawal_gives_the_hold_and_the_days_limit_back(rejected: int) -> None:
    desk = limited(withdrawal="30")
    ann, asked = rejecting(desk, rejected)
    with pytest.raises(DailyLimitExceeded):
        withdraw(desk, ann, "0.01", "a")
    refused = desk.by_hand("give_back", asked.transfer_id, "unknown bank", "olga")
    told = desk.accounts.withdrawal(ann, asked.transfer_id)
    assert (refused.after, refused.done, told.status, told.reason) == (
        "REJECTED",
        True,
        Status.REJECTED,
        GIVEN_BACK,
    )
    assert desk.accounts.balance(ann).current == Money(100)
    repeated = desk.by_hand("give_back", asked.transfer_id, "unknown bank", "olga")
    assert (repeated.before, repeated.after, repeated.done) == ("REJECTED", "REJECTED", False)
    assert desk.accounts.withdrawal(ann, asked.transfer_id) == told
    desk.world.simulated.set_outcome("complete")
    again = withdraw(desk, ann, "30", "b")
    desk.run()
    assert (status(desk, asked), status(desk, again)) == (Status.REJECTED, Status.COMPLETED)
    assert desk.accounts.balance(ann).total == Money(70)
    for act, kind in (("mark_paid", NotProposable), ("retry", PayoutUnsettled)):
        with pytest.raises(kind):
            desk.by_hand(act, asked.transfer_id, "too late", "olga")
    desk.check()


def test_a_rejection_gives_the_limit_of_the_withdrawals_own_day_back() -> None:
    """And not of the day it failed on."""
    desk = limited(withdrawal="30")
    desk.clock.at = NOON.replace(hour=23, minute=58)
    ann, asked = rejecting(desk, ATTEMPTS_MAX)
    assert desk.clock.at.date() > NOON.date()
    desk.by_hand("give_back", asked.transfer_id, "the account is closed", "olga")
    withdraw(desk, ann, "30", "b")
    with pytest.raises(DailyLimitExceeded):
        withdraw(desk, ann, "0.01", "c")
    desk.check()


def rejecting(desk: Desk, times: int) -> tuple[Owner, Transfer]:
    """A withdrawal of $30 of $100 of which the bank has rejected so many attempts and knows nothing else."""
    ann = client(desk)
    desk.world.simulated.set_outcome("refuse")
    asked = withdraw(desk, ann, "30")
    if times:
        desk.run(until=lambda: len(desk.operations.story(asked.transfer_id).calls) == times)
        desk.run(until=lambda: (times < ATTEMPTS_MAX) or status(desk, asked) is Status.PAYOUT_FAILED)
    return ann, asked


def test_while_the_bank_may_still_pay_nobody_decides_by_hand(desk: Desk) -> None:
    ann = client(desk)
    desk.world.simulated.set_outcome("pending")
    asked = withdraw(desk, ann, "30")
    desk.world.machines.run()
    before = desk.dynamo.items()
    for act, kind in (("mark_paid", NotProposable), ("give_back", PayoutUnsettled), ("retry", PayoutUnsettled)):
        with pytest.raises(kind):
            desk.by_hand(act, asked.transfer_id, "too early", "olga")
    assert desk.dynamo.items() == before


def test_nobody_withdraws_what_is_not_free(desk: Desk) -> None:
    ann = client(desk)
    desk.buy(ann, "0.5", order_price="90")
    with pytest.raises(InsufficientFunds):
        withdraw(desk, ann, "55.01")
    withdraw(desk, ann, "55")
    with pytest.raises(InsufficientFunds):
        desk.buy(ann, "0.01", order_price="100")


def test_nobody_withdraws_more_than_the_days_limit() -> None:
    desk = limited(withdrawal="50")
    ann = client(desk)
    withdraw(desk, ann, "30", "a")
    with pytest.raises(DailyLimitExceeded) as refused:
        withdraw(desk, ann, "20.01", "b")
    assert refused.value.facts == {"limit_usd": "50.00", "used_usd": "30.00", "asked_usd": "20.01"}
    withdraw(desk, ann, "20", "c")
    desk.check()


def test_what_is_alone_beyond_the_days_limit_is_refused_as_the_first() -> None:
    """There is no counter of the day that its write could be held against."""
    desk = limited("120", withdrawal="50")
    ann = client(desk)
    with pytest.raises(DailyLimitExceeded) as refused:
        withdraw(desk, ann, "50.01")
    assert refused.value.facts == {"limit_usd": "50.00", "used_usd": "0.00", "asked_usd": "50.01"}
    desk.clock.forward(days=1)
    with pytest.raises(DailyLimitExceeded):
        desk.accounts.deposit(ann, "d", Money("120.01"))
    withdraw(desk, ann, "50")
    desk.accounts.deposit(ann, "d", Money(120))
    desk.check()


def test_the_key_of_a_namesake_stands_for_nothing_of_his() -> None:
    """Who has the name now is answered with nothing of who had it before."""
    at, ann, other = NOON, Owner("ann", "sub-ann"), Owner("ann", "another-sub")
    ids = [model.withdrawal(owner, "k", Money(1), "ann-bank", at).transfer_id for owner in (ann, other)]
    ids += [model.deposit(owner, "k", Money(1), at).transfer_id for owner in (ann, other)]
    assert len({*ids}) == 4


def test_a_foreign_withdrawal_is_not_found(desk: Desk) -> None:
    ann, eve = client(desk), client(desk, "eve")
    asked = withdraw(desk, ann, "1")
    with pytest.raises(WithdrawalNotFound):
        desk.accounts.withdrawal(eve, asked.transfer_id)
    assert desk.accounts.withdrawal(ann, asked.transfer_id) == asked
    for act in ("give_back", "retry", "abandon"):
        with pytest.raises(PayoutNotFound):
            desk.by_hand(act, f"W{'A' * 25}", "by mistake", "olga")
    with pytest.raises(NothingKnown):
        desk.by_hand("mark_paid", f"W{'A' * 25}", "by mistake", "olga")


def test_deposits_and_withdrawals_are_listed_newest_first_and_between_dates(desk: Desk) -> None:
    ann = desk.customer(usd=None)
    for day in range(5):
        desk.accounts.deposit(ann, f"d{day}", Money(day + 1))
        desk.clock.forward(days=1)
    listed = desk.accounts.transactions(ann, since=None, until=None, limit=10, after=None)
    assert [str(move.line.total_amount) for move in listed.items] == ["5.00", "4.00", "3.00", "2.00", "1.00"]
    start = listed.items[-1].line.created_at
    middle = desk.accounts.transactions(
        ann, since=start + timedelta(hours=1), until=start + timedelta(days=3, hours=1), limit=10, after=None
    )
    assert [str(move.line.total_amount) for move in middle.items] == ["4.00", "3.00", "2.00"]


def test_machines_pay_a_withdrawal_or_fail_it_and_only_operators_do_more() -> None:
    moves = {(a, b) for a, after in TRANSITIONS.items() for b in after}
    assert moves - OPERATORS_ONLY == {(Status.PENDING, Status.COMPLETED), (Status.PENDING, Status.PAYOUT_FAILED)}
    assert moves > OPERATORS_ONLY
