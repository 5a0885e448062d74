"""The state machines as they go to CloudFormation: the definitions that all tests run are those, kept in
`tests/golden/*.asl.json`.

`python -m tests.infra.test_machines` writes them anew; a person reads the difference.
"""

from __future__ import annotations

import ast
import inspect
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tests.conftest  # noqa: F401  the environment, also where no pytest has read it
from common import keys
from common.domain.exchange_orders import model as exchange_orders
from common.domain.exchange_orders.model import POLL_LIMIT
from common.domain.payouts import model as payouts
from common.domain.payouts.model import AWAIT_SECONDS
from common.errors import Refusal, Unavailable
from common.gateways.exchange import ExchangeOrderUnknown
from common.money import Money
from common.owner import Owner
from functions.billing import model as billing
from functions.billing import tasks as billing_tasks
from functions.billing import workflow as billing_workflow
from functions.market_making import model as market_making
from functions.market_making import tasks as market_making_tasks
from functions.market_making import workflow as market_making_workflow
from functions.offramp import model as offramp
from functions.offramp import tasks as offramp_tasks
from functions.offramp import workflow as offramp_workflow
from functions.payouts import tasks as payouts_tasks
from functions.payouts import workflow as payouts_workflow
from functions.purchases import model as purchases
from functions.purchases import tasks as purchases_tasks
from functions.purchases import workflow as purchases_workflow
from infra.context import TASK_SECONDS
from infra.contexts import contexts
from infra.environment import EnvironmentName
from sandbox.exchange.fake import FakeExchange
from tests.desk import Desk
from tests.harness import asl as language
from tests.harness.executions import EXPRESS_MAX
from tests.infra.conftest import Synth, Synthesised, synthesised
from tests.machine import definition_of
from tests.outside import ACCOUNT

GOLDEN = Path(__file__).parent.parent / "golden"
MACHINES = {  # those that move a thing; logical ids begin so
    "sell-order": "OfframpSellOrderMachine",
    "payout": "PayoutsPayoutMachine",
    "purchase": "PurchasesPurchaseMachine",
    "market-making": "MarketMakingMarketMakingMachine",
    "onboarding": "BillingOnboardingMachine",
    "bill": "BillingBillMachine",
}
TICKING = {  # those that the clock starts
    "snapshots": "MarketMakingSnapshotsMachine",
    "ticker": "MarketMakingTickerMachine",
}
ALL = MACHINES | TICKING
EACH = pytest.mark.parametrize("machine", MACHINES)
EVERYWHERE = pytest.mark.parametrize("environment", list(EnvironmentName))
AWSS = ("States.", "Lambda.", "Runtime.", "Sandbox.")  # errors that no class of ours is

# What only a request raises: a machine does not meet these.
NOT_IN_MACHINES = {
    "SaleRefused",
    "SaleUnresolved",
}

Asl = Mapping[str, Any]


def golden(machine: str) -> Asl:
    read: Asl = json.loads((GOLDEN / f"{machine}.asl.json").read_text())
    return read


def definition(made: Synthesised, machine: str) -> Asl:
    return definition_of({"Resources": made.resources}, ALL[machine])


def written(asl: Asl) -> str:
    return json.dumps(asl, indent=1) + "\n"


def task_states(machine: str) -> Iterator[tuple[str, Asl]]:
    for name, state in golden(machine)["States"].items():
        if state["Type"] == "Task":
            yield name, state


def function_of(state: Asl) -> str:
    return str(state["Parameters"]["FunctionName"] if ":" in state["Resource"] else state["Resource"])


def errors_of(state: Asl) -> set[str]:
    return {error for rule in (*state.get("Retry", ()), *state.get("Catch", ())) for error in rule["ErrorEquals"]}


@pytest.mark.parametrize("machine", ALL)
@EVERYWHERE
def test_the_golden_definitions_are_what_is_synthesised(
    synth: Synth, environment: EnvironmentName, machine: str
) -> None:
    assert definition(synth(environment), machine) == golden(machine)


def test_every_machine_of_the_contexts_has_its_golden_definition(local: Synthesised) -> None:
    names = {m["StateMachineName"] for m in local.of("StepFunctions::StateMachine").values()}
    assert set(MACHINES) == set(keys.MACHINES)
    assert names == {f"cryptodesk-{machine}" for machine in ALL}
    assert {path.name for path in GOLDEN.glob("*.asl.json")} == {f"{machine}.asl.json" for machine in ALL}


@EVERYWHERE
def test_there_is_a_function_for_each_field_of_tasks_and_no_other(synth: Synth, environment: EnvironmentName) -> None:
    handlers = {f["Handler"] for f in synth(environment).of("Lambda::Function").values()}
    wanted = {f"functions.{c.name}.tasks.{task}" for c in contexts() for task in c.tasks}
    assert {handler for handler in handlers if ".tasks." in handler} == wanted


@pytest.mark.parametrize(
    ("flow", "of", "machines"),
    [
        (offramp_workflow, offramp_tasks, ["sell-order"]),
        (payouts_workflow, payouts_tasks, ["payout"]),
        (purchases_workflow, purchases_tasks, ["purchase"]),
        (market_making_workflow, market_making_tasks, ["market-making", "snapshots", "ticker"]),
        (billing_workflow, billing_tasks, ["onboarding", "bill"]),
    ],
    ids=["offramp", "payouts", "purchases", "market making", "billing"],
)
def test_each_field_of_tasks_is_a_function_and_is_used(flow: ModuleType, of: ModuleType, machines: list[str]) -> None:
    """And each function is such a field."""
    (context,) = [context for context in contexts() if context.workflow is flow]
    public = {
        name
        for name, member in vars(of).items()
        if inspect.isfunction(member) and member.__module__ == of.__name__ and not name.startswith("_")
    }
    assert set(context.tasks) == public
    assert {function_of(state) for machine in machines for _, state in task_states(machine)} == public


@EACH
def test_every_error_that_a_machine_names_is_one_of_ours_or_of_awss(machine: str) -> None:
    """An error travels by the name of its class: a renamed class would never be met again."""
    ours, outages = ({kind.__name__ for kind in below(kind)} for kind in (Refusal, Unavailable))
    for name, state in task_states(machine):
        named = {error for error in errors_of(state) if not error.startswith(AWSS)}
        assert named, name
        assert named <= ours, name
        assert named - outages <= {"ElsewhereNow"}, f"{name} meets a decision"
        assert "ElsewhereNow" not in {error for rule in state["Retry"] for error in rule["ErrorEquals"]}, name


@EACH
def test_every_outage_that_a_task_may_meet_is_retried(machine: str) -> None:
    """What is Unavailable may be asked again; whatever is not, ends in Unclear at once."""
    everywhere = {
        kind.__name__
        for kind in below(Unavailable)
        if kind.__module__ in OF_ALL_TASKS | OF_TASKS_OF[machine] and kind.__name__ not in NOT_IN_MACHINES
    }
    assert {"Busy", "TableUnavailable", "MachinesUnavailable"} <= everywhere
    assert ("ExchangeUnavailable" in everywhere) is (machine not in ("payout", "onboarding", "bill"))
    assert ("BillingUnavailable" in everywhere) is (machine in ("onboarding", "bill"))
    assert ("BankUnavailable" in everywhere) is (machine == "payout")
    for name, state in task_states(machine):
        retried = {error for rule in state["Retry"] for error in rule["ErrorEquals"]}
        assert everywhere <= retried, name


OF_ALL_TASKS = {
    "common.machines",
    "common.table.table",
    "common.table.transaction",
}
OF_TASKS_OF = {
    "sell-order": {"common.gateways.exchange", offramp.__name__},
    "payout": {"common.gateways.bank", payouts.__name__},
    "purchase": {"common.gateways.exchange", "common.domain.catalogue.model", purchases.__name__},
    "market-making": {"common.gateways.exchange", "common.gateways.custody"},
    "onboarding": {"common.gateways.billing"},
    "bill": {"common.gateways.billing", billing.__name__},
}


# Read off the docstrings: what the service of exchange orders says that a method raises.
RAISED = {
    "sell-order": {
        "ResolveSellOrder": {"ExchangeOrderUnresolved"},
        "PollSellOrder": {"ExchangeOrderNotFilled", "ExchangeOrderOverdue"},
        "CancelSellOrder": {"ExchangeOrderNotFilled"},
    },
    "payout": {},
    "purchase": {
        "ResolveBatch": {"ExchangeOrderUnresolved"},
        "PollBatch": {"ExchangeOrderNotFilled", "ExchangeOrderOverdue"},
        "CancelBatch": {"ExchangeOrderNotFilled"},
    },
    "market-making": {},
    "onboarding": {},
    "bill": {},
}


@EACH
def test_what_only_one_task_raises_is_retried_or_caught_there(machine: str) -> None:
    of_model = {kind.__name__ for kind in below(Unavailable) if kind.__module__ == exchange_orders.__name__}
    assert set().union(*RAISED["sell-order"].values()) == of_model
    for name, state in task_states(machine):
        assert errors_of(state) & of_model == RAISED[machine].get(name, set()), name


@EACH
def test_a_retried_task_is_asked_for_hours_and_never_without_a_pause(machine: str) -> None:
    for name, state in task_states(machine):
        for rule in state["Retry"]:
            assert rule["IntervalSeconds"] >= 5, name
            assert rule["MaxDelaySeconds"] <= 300, name
        *_, patient = state["Retry"]
        assert waits_seconds(patient) > 2 * 3600, name


@pytest.mark.parametrize(
    ("machine", "names"),
    [
        ("sell-order", ("PollSellOrder", "CancelSellOrder")),
        ("purchase", ("PollBatch", "CancelBatch")),
    ],
)
def test_polling_goes_on_for_longer_than_an_order_may_take(machine: str, names: tuple[str, str]) -> None:
    """Else the machine would give up before it is said to be overdue, and nobody would cancel."""
    polls, cancels = names
    (poll,) = [state for name, state in task_states(machine) if name == polls]
    (rule,) = [rule for rule in poll["Retry"] if rule["ErrorEquals"] == ["ExchangeOrderNotFilled"]]
    assert waits_seconds(rule) > POLL_LIMIT.total_seconds()
    (caught,) = [rule for rule in poll["Catch"] if rule["ErrorEquals"] == ["ExchangeOrderOverdue"]]
    assert caught["Next"] == cancels


def waits_seconds(rule: Asl) -> float:
    """All pauses of a rule together."""
    pause, total = float(rule["IntervalSeconds"]), 0.0
    for _ in range(rule["MaxAttempts"]):
        total += min(pause, rule["MaxDelaySeconds"])
        pause *= rule["BackoffRate"]
    return total


@EACH
def test_whatever_is_not_foreseen_ends_where_it_says_so(machine: str) -> None:
    states = golden(machine)["States"]
    for name, state in task_states(machine):
        assert state["Catch"][-1] == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Unclear"}, name
    assert states["Unclear"]["Type"] == "Fail"


STAGES: Mapping[str, type[StrEnum]] = {
    "sell-order": offramp.Stage,
    "payout": payouts.Stage,
    "purchase": purchases.Stage,
    "market-making": market_making.Stage,
    "onboarding": billing.Stage,
    "bill": billing.BillStage,
}
HUBS = {
    "sell-order": "ReadSellOrder",
    "payout": "ReadPayout",
    "purchase": "ReadBatch",
    "market-making": "ReadOrder",
    "onboarding": "ReadDealer",
    "bill": "ReadBill",
}
AWAITING = {"AwaitPayout", "Quoting"}  # for a token: what they answer is nobody's stage
LINES = {
    "sell-order": ["PollSellOrder", "Sold"],
    "payout": ["CreatePayout", "AwaitPayout", "Paid"],
    "purchase": ["PlaceBatch", "PollBatch", "AllocateBatch", "Bought"],
    "market-making": [
        *["WaitForTransfers", "CheckPayment", "WithdrawToExchange", "ConfirmDeposits"],
        *["JoinCampaign", "StartQuoting", "Quoting", "Ended"],
    ],
    "onboarding": ["CreateClient", "CreatePayer", "CreateContract", "Onboarded"],
    "bill": ["CreateInvoice", "Invoiced"],
}


def led(machine: str) -> dict[str, str]:
    """Where the hub leads, by stage."""
    choices = golden(machine)["States"]["NextStep"]["Choices"]
    assert all(rule["Variable"] == "$.stage" for rule in choices)
    return {rule["StringEquals"]: rule["Next"] for rule in choices}


@EACH
def test_every_stage_is_led_somewhere_and_an_unknown_one_to_an_operator(machine: str) -> None:
    """But for AWAIT: whoever reads that the bank has an attempt asks the bank for it."""
    assert set(led(machine)) == set(STAGES[machine]) - {"STOPPED", "NEEDS_PERSON", "AWAIT"}
    assert golden(machine)["States"]["NextStep"]["Default"] == "WaitsForOperator"


@EACH
def test_a_machine_is_a_straight_line_beside_a_hub(machine: str) -> None:
    """What is elsewhere than on the line is read by the hub, which leads anywhere."""
    asl, (first, *others), hub = golden(machine), LINES[machine], HUBS[machine]
    assert asl["StartAt"] == first
    before = first
    for after in others:
        assert asl["States"][before]["Next"] == after
        before = after
    assert asl["States"][before]["Type"] == "Succeed"
    for name, state in task_states(machine):
        elsewhere = [rule["Next"] for rule in state["Catch"] if rule["ErrorEquals"] == ["ElsewhereNow"]]
        assert elsewhere == ([] if name == hub else [hub]), name
        assert "ResultPath" not in state, f"what {name} answers is what the next state is given"
    assert asl["States"][hub]["Next"] == "NextStep"


@pytest.mark.parametrize(
    ("machine", "of"),
    [
        ("sell-order", offramp_tasks),
        ("payout", payouts_tasks),
        ("purchase", purchases_tasks),
        ("market-making", market_making_tasks),
        ("onboarding", billing_tasks),
        ("bill", billing_tasks),
    ],
)
def test_a_task_expects_the_stage_of_the_state_that_is_next(machine: str, of: ModuleType) -> None:
    """Else it would take the line where the table says something else, or never."""
    then = {function.name: _then(function) for function in _functions(of)}
    next_of = {**led(machine), "AWAIT": "AwaitPayout"}
    for name, state in task_states(machine):
        if name not in {HUBS[machine], *AWAITING}:
            stage = then[function_of(state)]
            assert stage is not None, name
            assert next_of[stage] == state["Next"], name


def _then(function: ast.FunctionDef) -> str | None:
    """`then=Stage.POLL`, or of another machine of the same tasks `then=BillStage.DONE`"""
    found = [word.value for node in ast.walk(function) if isinstance(node, ast.Call) for word in node.keywords]
    stages = [v.attr for v in found if isinstance(v, ast.Attribute) and getattr(v.value, "id", "").endswith("Stage")]
    return stages[0] if stages else None


@pytest.mark.parametrize("machine", ALL)
def test_every_state_says_in_words_what_it_is_for(machine: str) -> None:
    asl = golden(machine)
    assert asl["Comment"]
    assert [name for name, state in asl["States"].items() if not state.get("Comment")] == []


def test_the_poll_of_snapshots_is_repeated_by_times_and_never_retried() -> None:
    """What fails ends the execution: the next minute goes on from the cursor."""
    states = golden("snapshots")["States"]
    ((name, poll),) = task_states("snapshots")
    assert (golden("snapshots")["StartAt"], poll["Next"]) == (name, "NextStep")
    assert poll["Parameters"]["time.$"] == "$.time"
    assert not errors_of(poll)
    assert led("snapshots") == {"AGAIN": "UntilNextPoll"}
    assert set(market_making.Poll) == {*led("snapshots"), "OVER"}
    assert states["NextStep"]["Default"] == "Over"
    (wait,) = [state for state in states.values() if state["Type"] == "Wait"]
    assert (wait["TimestampPath"], wait["Next"]) == ("$.next_at", name)


def test_a_machine_that_the_clock_starts_ends_before_aws_would_stop_it() -> None:
    assert market_making.POLLS_LAST + timedelta(seconds=TASK_SECONDS) < EXPRESS_MAX


@pytest.mark.parametrize("machine", ALL)
def test_every_definition_is_one_that_aws_would_deploy(machine: str) -> None:
    tasks = {function_of(state): lambda event, _: event for _, state in task_states(machine)}
    language.machine(machine, language.read(golden(machine)), tasks, express=machine in TICKING)


def test_the_wait_for_the_bank_ends_by_itself_and_leads_to_asking_it() -> None:
    (wait,) = [state for name, state in task_states("payout") if name == "AwaitPayout"]
    assert wait["Resource"].endswith(":lambda:invoke.waitForTaskToken")
    assert wait["TimeoutSeconds"] == AWAIT_SECONDS
    (caught,) = [rule for rule in wait["Catch"] if rule["ErrorEquals"] == ["States.Timeout"]]
    assert caught["Next"] == "CheckPayout"


def _functions(module: Any) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.FunctionDef)]


def test_a_function_ends_before_a_state_could_think_it_dead() -> None:
    assert TASK_SECONDS < AWAIT_SECONDS


def test_a_machine_ends_silently_only_where_its_order_is_not_there() -> None:
    """An exchange that knows an order and not what to cancel has contradicted itself: that is to be asked again."""

    class Contradicting(FakeExchange):
        def cancel(self, asset_id: str, exchange_order_id: str) -> None:
            raise ExchangeOrderUnknown(f"there is no order {exchange_order_id} of {asset_id}")

    desk = Desk()
    desk.list_asset("BTC", "100")
    ann = desk.customer(usd="1000.00")
    desk.clients(ann)
    desk.buy(ann, "1")
    desk.world.exchange = Contradicting(desk.world.venue, ACCOUNT)
    order = desk.cash_out(ann, "0.0555")  # a quantity that is never filled
    desk.run(until=lambda: not desk.world.machines.executions[0].running, sweep=False)
    assert desk.offramp.order(ann, order.order_id).status == "BASE_TXN_PENDING"
    assert desk.world.machines.executions[0].status != "SUCCEEDED"


def undisturbed() -> tuple[Desk, Owner]:
    desk = Desk()
    desk.list_asset("BTC", "100")
    desk.list_exchange_asset()
    ann = desk.customer(usd="1000.00")
    desk.clients(ann)
    desk.buy(ann, "1")
    return desk, ann


@pytest.mark.parametrize(
    ("life", "states"),
    [
        (lambda desk, ann: desk.cash_out(ann, "1"), 5),
        (lambda desk, ann: desk.purchase(ann, "20"), 4),
        (lambda desk, ann: desk.accounts.withdraw(ann, "w", Money(10), "ann-bank"), 3),
    ],
    ids=["cash-out", "direct purchase", "withdrawal"],
)
def test_an_undisturbed_life_enters_no_state_beside_the_line(life: Callable[[Desk, Owner], Any], states: int) -> None:
    """Of all its machines together; AWS bills each, and each retry."""
    desk, ann = undisturbed()
    life(desk, ann)
    desk.run(sweep=False)
    lived = {
        execution.machine.name.removeprefix("cryptodesk-"): execution for execution in desk.world.machines.executions
    }
    assert {name: execution.visited for name, execution in lived.items()} == {name: LINES[name] for name in lived}
    assert [execution.status for execution in lived.values()] == ["SUCCEEDED"] * len(lived)
    assert len(desk.world.machines.executions) == len(lived)
    assert sum(execution.transitions for execution in lived.values()) == states
    assert desk.waiting() == []


def below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def main() -> None:
    with tempfile.TemporaryDirectory() as code:
        made = synthesised(Path(code), EnvironmentName.STAGING)
    for machine in ALL:
        (GOLDEN / f"{machine}.asl.json").write_text(written(definition(made, machine)))


if __name__ == "__main__":
    main()
