"""What the routes of operators have in common, whatever they are about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from common import aws, clock, http
from common.domain.acts import PossibleAct
from common.domain.proposals.model import Terms
from common.domain.story_versions import acted
from common.http import caller
from common.operator_outcome import OperatorOutcome
from common.pages import LIMIT_MAX, Cursors
from common.settings import settings
from common.wire import OperatorAct, OperatorOutcomeView, View
from functions.operations.service.proposals import RULES
from functions.operations.wiring import proposals

app = http.api()

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]


class ActView(View):
    """What may be done by hand now."""

    command: str = Field(description="of the operators' command line, and of the audit")
    route: str = Field(description="the same over HTTP")
    does: str
    asks: list[str] = Field(description="what it is told besides a reason")


def done(
    act: Callable[..., OperatorOutcome], thing_id: str, body: OperatorAct, operator: str | None = None
) -> OperatorOutcomeView:
    """By an operator, unless it is said by whom."""
    operator = operator or caller(app).must_be_operator()
    return acted(aws.table(), thing_id, body, lambda tried: act(thing_id, body.reason, operator, dry_run=tried))


def act_views(acts: Sequence[PossibleAct]) -> list[ActView]:
    return [ActView(command=act.command, route=act.route, does=act.does, asks=list(act.asks)) for act in acts]


def propose(command: str, thing_id: str, given: Terms, reference: str | None, body: OperatorAct) -> OperatorOutcomeView:
    """What another operator confirms."""
    operator = caller(app).must_be_operator()
    by_hand = proposals().propose
    return acted(
        aws.table(),
        None if command in RULES else thing_id,
        body,
        lambda tried: by_hand(command, thing_id, given, reference, body.reason, operator, dry_run=tried),
    )


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)
