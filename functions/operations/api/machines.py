"""HTTP for operators: what the state machines are."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common import keys
from common.http import caller
from common.wire import View
from functions.operations.api.door import app
from functions.operations.wiring import operations

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
