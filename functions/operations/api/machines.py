"""HTTP for operators: what the state machines are, and where their executions stand."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import keys
from common.domain.work import thing_of
from common.http import caller
from common.machines import Count, ListedExecution
from common.wire import InstantText, OneOf, View
from functions.operations.api.door import app, cursors
from functions.operations.service.counts import counted
from functions.operations.wiring import operations

EXECUTIONS_MAX = 20  # of a page: each is a request to Step Functions
CURSOR_CHARACTERS_MAX = 2048  # Step Functions' own token has up to 1,024

MachineInPath = Annotated[
    str, Path(pattern=f"^({'|'.join(keys.MACHINES)})$", description="as the story of what it moves names it")
]


class MachineStateView(View):
    name: str = Field(description="of the state")
    kind: str = Field(description="as Amazon States Language calls it: Task, Choice, Wait, Succeed or Fail")
    does: str = Field(description="what is done in it")
    ends: bool = Field(description="an execution that has come here is over")


class WayView(View):
    before: str = Field(description="the state that it leads from")
    after: str = Field(description="the state that it leads to")
    why: str = Field(description="on what it goes so; empty: always")
    fails: bool = Field(description="it goes so on these errors")


class MachineView(View):
    """A state machine: its states, the usual ones first, and the ways between them."""

    name: str = Field(description="of the machine")
    says: str = Field(description="what it is for")
    start: str = Field(description="the state in which an execution begins")
    states: list[MachineStateView] = Field(description="in the order of what usually happens")
    ways: list[WayView] = Field(description="from one state to another")


class CountView(View):
    number: int = Field(description="that were counted")
    at_least: bool = Field(description="there may be more: it was counted no further")


class ListedMachineView(View):
    """How many executions there are, a moment ago. Where each is `GET /operations/machines/{machine}/executions`
    tells."""

    name: str = Field(description="of the machine")
    says: str = Field(description="what it is for")
    running: CountView = Field(description="that run")
    failed: CountView = Field(description="that have ended so in the last 24 hours; later ones may have taken over")


class MachineList(View):
    items: list[ListedMachineView]


class ListedExecutionView(View):
    """An execution, and the state that it is in, or was in when it ended."""

    id: str = Field(description="of what it moves, as its story has it")
    name: str = Field(description="the id; of a later execution with its number")
    status: str
    started_at: InstantText = Field(description="when it began")
    stopped_at: InstantText | None = Field(description="when it ended; null: it runs")
    state: str | None = Field(description="null: `says` tells why it is not known")
    since: InstantText | None = Field(description="when it came there")
    attempt: int | None = Field(description="how often its task was tried there until now")
    error: str | None = Field(description="what went wrong in it last")
    says: str | None = Field(description="why its state is not known")


class ExecutionPage(View):
    items: list[ListedExecutionView]
    cursor: str | None


@app.get("/operations/machines", tags=["operators"], summary="The machines, and how many executions each has")
def machines() -> MachineList:
    """Those that move something with an id. What the clock starts every few minutes has no executions with names."""
    caller(app).must_be_viewer()
    return MachineList(
        items=[
            ListedMachineView(name=of.name, says=of.says, running=_count(running), failed=_count(failed))
            for of, running, failed in counted(operations())
        ]
    )


@app.get("/operations/machines/<machine>/executions", tags=["operators"], summary="Executions of a machine, by status")
def executions(
    machine: MachineInPath,
    status: Annotated[str, OneOf("RUNNING", "FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED")] = "RUNNING",
    limit: Annotated[int, Query(ge=1, le=EXECUTIONS_MAX)] = EXECUTIONS_MAX,
    cursor: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
) -> ExecutionPage:
    """By their start, newest first: what is stuck longest is on the last page. One that has failed may be over: its
    story tells whether a later one goes on."""
    operator = caller(app).must_be_viewer()
    listed = f"GET /operations/machines/{machine}/executions {operator} {status}"
    page = operations().machines.listed(machine, status, limit=limit, after=cursors().read(listed, cursor))
    return ExecutionPage(items=[_listed(each) for each in page.items], cursor=cursors().write(listed, page.after))


@app.get("/operations/machines/<machine>", tags=["operators"], summary="The states of a machine, and the ways")
def machine(machine: MachineInPath) -> MachineView:
    """As it is deployed now. An execution that has begun before goes on as it was then."""
    caller(app).must_be_viewer()
    told = operations().definition(machine)
    return MachineView(
        name=told.name,
        says=told.says,
        start=told.start,
        states=[MachineStateView(name=s.name, kind=s.kind, does=s.does, ends=s.ends) for s in told.states],
        ways=[WayView(before=w.before, after=w.after, why=w.why, fails=w.fails) for w in told.ways],
    )


def _count(of: Count) -> CountView:
    return CountView(number=of.number, at_least=of.at_least)


def _listed(each: ListedExecution) -> ListedExecutionView:
    state = each.state
    return ListedExecutionView(
        id=thing_of(each.name),
        name=each.name,
        status=each.status,
        started_at=each.started_at,
        stopped_at=each.stopped_at,
        state=None if state is None else state.state,
        since=None if state is None else state.entered_at,
        attempt=None if state is None else state.attempt,
        error=None if state is None else state.error,
        says=each.says,
    )
