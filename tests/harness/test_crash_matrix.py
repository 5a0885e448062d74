"""The crash matrix finds the mistakes it is meant to find, and nothing in a use case that has none."""

import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.depth import FULL, deep
from tests.harness.crash_matrix import FAULTS, Report, Scenario, Scene, crash_matrix, replay
from tests.harness.faults import AnswerLost, CrashAfter, FailBefore, Faults
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.schema import TableSpec

TABLE = TableSpec("desk")
ORDER = {"PK": {"S": "O1"}, "SK": {"S": "ORDER"}}
BALANCE = {"PK": {"S": "ann"}, "SK": {"S": "BALANCE"}}


class InsufficientFunds(Exception): ...


class Bank:
    """Pays once for each reference."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, int]] = []

    def pay(self, reference: str, amount: int) -> str:
        if reference not in dict(self.paid):
            self.paid.append((reference, amount))
        return f"receipt of {reference}"


class Payouts:
    """Debit, pay, record: a use case with three ways out."""

    def __init__(self, faults: Faults, *, balance: int = 10, bank: Bank | None = None) -> None:
        self.memory = InMemoryDynamoDB(TABLE)
        self.memory.put_item(TableName="desk", Item={**BALANCE, "current_balance": {"N": str(balance)}})
        self.bank = bank or Bank()
        self.client = faults.client(self.memory)
        self.ask_bank = faults.boundary("bank.pay", self.bank.pay)

    def pay(self) -> str:
        """The right way: the order is the idempotency record, and its id the bank's reference."""
        try:
            self.client.transact_write_items(TransactItems=[self.insert(), self.debit()])
        except ClientError as refused:
            self._judge(refused)
        receipt: str = self.ask_bank("O1", 4)
        self.client.update_item(
            TableName="desk",
            Key=ORDER,
            UpdateExpression="SET receipt = :r",
            ExpressionAttributeValues={":r": {"S": receipt}},
        )
        return receipt

    def pay_before_the_debit(self) -> str:
        receipt: str = self.ask_bank("O1", 4)
        self.client.transact_write_items(TransactItems=[self.insert(), self.debit()])
        return receipt

    def pay_under_a_new_reference(self) -> str:
        try:
            self.client.transact_write_items(TransactItems=[self.insert(), self.debit()])
        except ClientError as refused:
            self._judge(refused)
        receipt: str = self.ask_bank(f"O1-{len(self.bank.paid)}", 4)
        return receipt

    def debit_without_a_record(self) -> str:
        self.client.transact_write_items(TransactItems=[self.debit()])
        return "debited"

    def give_up_never(self) -> str:
        for _ in itertools.count():
            try:
                return self.debit_without_a_record()
            except BotoCoreError:
                continue
        raise AssertionError("counting never ends")

    @staticmethod
    def insert() -> dict[str, Any]:
        return {"Put": {"TableName": "desk", "Item": ORDER, "ConditionExpression": "attribute_not_exists(PK)"}}

    @staticmethod
    def debit() -> dict[str, Any]:
        statement = {
            "TableName": "desk",
            "Key": BALANCE,
            "UpdateExpression": "SET current_balance = current_balance - :a",
            "ConditionExpression": "current_balance >= :a",
            "ExpressionAttributeValues": {":a": {"N": "4"}},
        }
        return {"Update": statement}

    @staticmethod
    def _judge(refused: ClientError) -> None:
        """A repeat goes on; poverty is refused; anything else is for the caller."""
        reasons = [reason["Code"] for reason in refused.response.get("CancellationReasons", [])]
        if reasons[:1] == ["ConditionalCheckFailed"]:
            return
        if reasons == ["None", "ConditionalCheckFailed"]:
            raise InsufficientFunds from refused
        raise refused

    def check(self) -> None:
        """What was paid was debited, once."""
        held = {item["PK"]["S"]: item for item in self.memory.items()}
        debited = 10 - int(held["ann"]["current_balance"]["N"])
        paid = sum(amount for _, amount in self.bank.paid)
        assert debited in (0, 4), f"debited {debited}"
        assert paid <= debited, f"paid {paid}, debited {debited}"


def scenario(act: Callable[[Payouts], Callable[[], str]], **world: Any) -> Scenario:
    def scene(faults: Faults) -> Scene:
        payouts = Payouts(faults, **world)
        return Scene(act(payouts), payouts.check if world.get("balance", 10) == 10 else lambda: None)

    return scene


def problems(report: Report) -> set[str]:
    return {violation.problem.splitlines()[0] for violation in report.violations}


def test_a_use_case_that_is_right_survives_every_fault_at_every_call() -> None:
    report = crash_matrix(scenario(lambda payouts: payouts.pay))
    assert not report.violations, report
    assert report.calls == ["#0 TransactWriteItems: answered", "#1 bank.pay: answered", "#2 UpdateItem: answered"]
    assert report.dealt["Outage"] == 3 + 2 + 3  # of which each is the fault alone: no further call is made
    assert report.dealt["CrashBefore"] == 1  # the other ones are crashes after the call before
    assert report.runs == 2 + 9 + 3 + 8


def test_it_survives_every_pair_of_faults() -> None:
    report = crash_matrix(scenario(lambda payouts: payouts.pay), pairs=True)
    assert not report.violations, report
    assert report.runs > 400


def test_a_payment_before_its_debit_is_found() -> None:
    report = crash_matrix(scenario(lambda payouts: payouts.pay_before_the_debit))
    assert "paid 4, debited 0" in problems(report)


def test_a_new_reference_for_each_try_is_found() -> None:
    report = crash_matrix(scenario(lambda payouts: payouts.pay_under_a_new_reference), same=lambda a, b: a == b)
    assert "paid 8, debited 4" in problems(report)
    assert any(violation.plan == {1: CrashAfter()} for violation in report.violations), report


def test_a_write_without_an_idempotency_record_is_found_by_the_mere_repeat() -> None:
    report = crash_matrix(scenario(lambda payouts: payouts.debit_without_a_record))
    assert report.violations[0].plan == {}
    assert "debited 8" in problems(report)


def test_a_program_that_never_gives_up_is_found() -> None:
    report = crash_matrix(scenario(lambda payouts: payouts.give_up_never, balance=10**9))
    assert "it never ends" in problems(report)


def test_a_refusal_stays_the_same_refusal_in_spite_of_faults() -> None:
    report = crash_matrix(scenario(lambda payouts: payouts.pay, balance=3))
    assert not report.violations, report
    assert isinstance(report.ending.error, InsufficientFunds)


def test_an_answer_that_changes_with_a_repeat_is_found() -> None:
    answers = itertools.count()
    report = crash_matrix(lambda _: Scene(lambda: next(answers), lambda: None), same=lambda a, b: a == b)
    assert report.violations


RIGHT_AND_WRONG = ["pay", "pay_before_the_debit", "pay_under_a_new_reference", "debit_without_a_record"]


@pytest.mark.parametrize("pairs", [False, True] if FULL else [False])
@pytest.mark.parametrize("act", RIGHT_AND_WRONG[: deep(everyday=2, full=4)])
def test_worlds_that_are_split_off_break_as_those_that_are_built(
    act: str, pairs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same plans are tried, and the same ones break in the same way."""
    reports = []
    for long in (10**9, 0):
        monkeypatch.setattr("tests.harness.crash_matrix.LONG", long)
        wrong = scenario(lambda payouts: getattr(payouts, act))
        reports.append(crash_matrix(wrong, FAULTS[:4] if pairs else FAULTS, pairs=pairs, violations_max=10**6))
    built, split_off = reports
    assert split_off.runs == built.runs
    assert {str(v) for v in split_off.violations} == {str(v) for v in built.violations}
    assert split_off.dealt.keys() == built.dealt.keys()


def test_what_breaks_only_in_a_process_of_its_own_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is killed, that its check fails with an error: nothing of it is lost."""
    monkeypatch.setattr("tests.harness.crash_matrix.LONG", 0)
    here = os.getpid()

    def killed(faults: Faults) -> Scene:
        call = faults.boundary("bank.pay", lambda: None)
        return Scene(call, lambda: None if os.getpid() == here else os.kill(os.getpid(), signal.SIGKILL))

    def in_error(faults: Faults) -> Scene:
        call = faults.boundary("bank.pay", lambda: None)
        return Scene(call, lambda: None if os.getpid() == here else next(iter(())))

    for wrong in (killed, in_error):
        report = crash_matrix(wrong, (AnswerLost(), FailBefore()))
        assert [(v.plan, v.stage) for v in report.violations] == [
            ({0: AnswerLost()}, "once"),
            ({0: FailBefore()}, "once"),
        ]


def test_a_violation_says_how_to_see_it_again() -> None:
    wrong = scenario(lambda payouts: payouts.pay_before_the_debit)
    report = crash_matrix(wrong)
    assert "replay(scenario, {0: AnswerLost()})" in str(report)
    with pytest.raises(AssertionError, match="paid 4, debited 0"):
        replay(wrong, {0: AnswerLost()})


def test_a_replay_without_a_violation_answers_the_calls() -> None:
    calls = replay(scenario(lambda payouts: payouts.pay), {1: FailBefore()}).calls
    assert [call.operation for call in calls] == [
        "TransactWriteItems", "bank.pay", "TransactWriteItems", "bank.pay", "UpdateItem",
    ]  # fmt: skip


def orders_with_a_machine(faults: Faults, *, swept: bool) -> Scene:
    """An order is written and its machine started; a repeat of the order starts nothing."""
    memory, started = InMemoryDynamoDB(TABLE), list[str]()
    client, start = faults.client(memory), faults.boundary("machines.start", started.append)

    def place() -> str:
        try:
            client.transact_write_items(TransactItems=[Payouts.insert()])
            start("O1")
        except client.exceptions.TransactionCanceledException as refused:
            if refused.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
                raise
        return "O1"

    def sweep() -> None:
        if memory.items() and not started:
            start("O1")

    def settled() -> None:
        assert started == ["O1"], f"started {started}"

    return Scene(place, lambda: None, recover=sweep if swept else None, settled=settled)


def test_what_a_crash_left_undone_is_found_and_repaired_before_the_retry() -> None:
    left = crash_matrix(lambda faults: orders_with_a_machine(faults, swept=False))
    assert "started []" in problems(left)
    assert any(violation.plan == {0: CrashAfter()} for violation in left.violations), left
    repaired = crash_matrix(lambda faults: orders_with_a_machine(faults, swept=True))
    assert not repaired.violations, repaired
