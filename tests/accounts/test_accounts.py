"""Opening an account, dollars in and out, and the daily limits."""

from datetime import timedelta

import pytest

from common.idempotency import IdempotencyKeyReused
from common.ledger.model import AccountExists, AccountNotFound, InsufficientFunds
from common.money import Money
from common.owner import Owner
from functions.accounts.model import (
    OPERATORS_ONLY,
    TRANSITIONS,
    DailyLimitExceeded,
    DepositsByBankOnly,
    Status,
    UserNotFound,
    WithdrawalNotFound,
    WithdrawalNotPending,
)
from functions.accounts.service import Rules
from tests.desk import Desk


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


def test_a_deposit_is_credited_once_for_its_key(desk: Desk) -> None:
    ann = desk.customer(usd=None)
    first = desk.accounts.deposit(ann, "k", Money("12.34"))
    again = desk.accounts.deposit(ann, "k", Money("12.340"))
    assert (first.replayed, again.replayed, again.transfer) == (False, True, first.transfer)
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


def test_a_deposit_that_was_accepted_is_answered_also_when_the_limit_is_lower_now() -> None:
    desk = limited(deposit="100")
    ann = desk.customer(usd=None)
    first = desk.accounts.deposit(ann, "k", Money("100")).transfer
    lower = limited(deposit="50")
    lower.dynamo = desk.dynamo
    assert lower.accounts.deposit(ann, "k", Money("100")).transfer == first


def test_where_the_bank_brings_the_dollars_customers_do_not_credit_themselves() -> None:
    desk = limited(customer_deposits=False)
    ann = desk.customer(usd=None)
    with pytest.raises(DepositsByBankOnly):
        desk.accounts.deposit(ann, "k", Money(1))
    desk.accounts.credit("ann", "wire-1", Money("5000"), "wire received", "olga")
    assert desk.accounts.credit("ann", "wire-1", Money("5000"), "wire received", "olga").replayed
    assert desk.accounts.balance(ann).current == Money(5000)
    (entry,) = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert (entry.operator, entry.action, entry.detail) == ("olga", "credit", "$5000.00 to ann: wire received")
    desk.check()


def test_an_operator_credits_only_those_who_exist(desk: Desk) -> None:
    with pytest.raises(UserNotFound):
        desk.accounts.credit("nobody", "k", Money(1), "wire", "olga")


def test_a_withdrawal_holds_its_dollars_until_an_operator_has_paid_it(desk: Desk) -> None:
    ann = desk.customer(usd="100.00")
    asked = desk.accounts.withdraw(ann, "k", Money("30")).transfer
    balance = desk.accounts.balance(ann)
    assert (asked.status, balance.current, balance.held) == (Status.PENDING, Money(70), Money(30))
    assert [w.id for w in desk.operations.work(("accounts",), overdue_only=False, limit=10)] == [asked.transfer_id]
    paid = desk.accounts.complete(asked.transfer_id, "wire 42", "olga")
    assert (paid.status, desk.accounts.balance(ann).total) == (Status.COMPLETED, Money(70))
    assert desk.accounts.complete(asked.transfer_id, "wire 42", "olga").status is Status.COMPLETED
    assert desk.accounts.balance(ann).total == Money(70)
    with pytest.raises(WithdrawalNotPending):
        desk.accounts.reject(asked.transfer_id, "too late", "olga")


def test_a_rejected_withdrawal_gives_the_hold_and_the_days_limit_back() -> None:
    desk = limited(withdrawal="100")
    ann = desk.customer(usd="100.00")
    asked = desk.accounts.withdraw(ann, "a", Money("100")).transfer
    rejected = desk.accounts.reject(asked.transfer_id, "unknown bank", "olga")
    assert (rejected.status, rejected.reason) == (Status.REJECTED, "unknown bank")
    assert desk.accounts.balance(ann).current == Money(100)
    desk.accounts.withdraw(ann, "b", Money("100"))
    with pytest.raises(WithdrawalNotPending):
        desk.accounts.complete(asked.transfer_id, "too late", "olga")
    desk.check()


def test_nobody_withdraws_what_is_not_free(desk: Desk) -> None:
    ann = desk.customer(usd="100.00")
    desk.buy(ann, "0.5", order_price="90")
    with pytest.raises(InsufficientFunds):
        desk.accounts.withdraw(ann, "k", Money("55.01"))
    desk.accounts.withdraw(ann, "k", Money("55"))


def test_a_foreign_withdrawal_is_not_found(desk: Desk) -> None:
    ann, eve = desk.customer("ann"), desk.customer("eve")
    asked = desk.accounts.withdraw(ann, "k", Money(1)).transfer
    with pytest.raises(WithdrawalNotFound):
        desk.accounts.withdrawal(eve, asked.transfer_id)
    assert desk.accounts.withdrawal(ann, asked.transfer_id) == asked


def test_deposits_and_withdrawals_are_listed_newest_first_and_between_dates(desk: Desk) -> None:
    ann = desk.customer(usd=None)
    for day in range(5):
        desk.accounts.deposit(ann, f"d{day}", Money(day + 1))
        desk.clock.forward(days=1)
    listed = desk.accounts.transactions(ann, since=None, until=None, limit=10, after=None)
    assert [str(line.total_amount) for line in listed.items] == ["5.00", "4.00", "3.00", "2.00", "1.00"]
    start = listed.items[-1].created_at
    middle = desk.accounts.transactions(
        ann, since=start + timedelta(hours=1), until=start + timedelta(days=3, hours=1), limit=10, after=None
    )
    assert [str(line.total_amount) for line in middle.items] == ["4.00", "3.00", "2.00"]


def test_only_operators_decide_a_withdrawal() -> None:
    assert {(a, b) for a, after in TRANSITIONS.items() for b in after} == OPERATORS_ONLY
