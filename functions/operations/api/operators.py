"""HTTP for operators about operators: who they are, and how one of them is kept out."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from common import aws
from common.domain.story_versions import acted
from common.http import caller
from common.operator_outcome import OperatorOutcome
from common.wire import InstantText, OperatorAct, OperatorOutcomeView, View
from functions.operations.api.customers import Username
from functions.operations.api.door import app
from functions.operations.service.operators import Operator
from functions.operations.wiring import operators


class OperatorView(View):
    username: str
    groups: list[str] = Field(description="in the user pool: they say what he may do")
    enabled: bool | None = Field(description="whether the user pool lets him sign in; none: he is in no group there")
    signed_out_at: InstantText | None = Field(description="sign-ins of before are refused")
    disabled_at: InstantText | None = Field(description="when he was disabled here last")
    own_accounts: list[str] = Field(description="the customers that he says he is, beside the one of his name")
    namesake: str | None = Field(description="the sub of the customer of his name, where two found that it is not he")
    barred: bool = Field(
        description="he is refused everything: the user pool has not said yet that it has disabled him"
    )


class OperatorList(View):
    items: list[OperatorView]


@app.get("/operations/operators", tags=["operators"], summary="Who is in which group, and who was signed out")
def operator_list() -> OperatorList:
    """By name. Whoever is in no group and was never signed out is left out: he may do nothing."""
    caller(app).must_be_viewer()
    return OperatorList(items=[_view(each) for each in operators().operators()])


@app.post("/operations/operators/<username>/sign-out", tags=["operators"], summary="End an operator's sign-ins")
def sign_out_operator(username: Username, body: OperatorAct) -> OperatorOutcomeView:
    """At once, as when his machine was lost. He signs in anew, with his second factor."""
    return _acted(operators().sign_out, username, body)


@app.post("/operations/operators/<username>/disable", tags=["operators"], summary="Disable an operator")
def disable_operator(username: Username, body: OperatorAct) -> OperatorOutcomeView:
    """At once: he gets in no more. One operator is enough. Nobody here lets him in again: whoever administers the user
    pool enables him there."""
    return _acted(operators().disable, username, body)


def _acted(act: Callable[..., OperatorOutcome], username: str, body: OperatorAct) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    return acted(aws.table(), None, body, lambda tried: act(username, body.reason, operator, dry_run=tried))


@app.post("/operations/users/<username>/own", tags=["operators"], summary="Say that an account is one's own")
def own_user(username: Username, body: OperatorAct) -> OperatorOutcomeView:
    """From then on he proposes and confirms nothing about its money. Two other operators can take it back (`apart`)."""
    operator, act = caller(app).must_be_either(), operators().own
    return acted(aws.table(), None, body, lambda tried: act(username, body.reason, operator, dry_run=tried))


def _view(operator: Operator) -> OperatorView:
    out = operator.out
    return OperatorView(
        username=operator.username,
        groups=list(operator.groups),
        enabled=operator.enabled,
        signed_out_at=None if out is None else out.at,
        disabled_at=None if out is None else out.disabled_at,
        own_accounts=sorted(operator.own.accounts),
        namesake=None if operator.own.namesake is None else operator.own.namesake.sub,
        barred=out is not None and out.barred,
    )
