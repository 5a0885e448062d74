"""Money at the custody that waits for a person: snapshots that are nobody's, and outgoing transfers that are stuck."""

from __future__ import annotations

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.domain.custody.model import Incoming
from common.http import caller
from common.keys import ORDER_ID_PATTERN
from common.money import plain
from common.pages import LIMIT_DEFAULT
from common.wire import InstantText, OperatorAct, OperatorOutcomeView, Reference, View
from functions.operations.api.door import ActView, Limit, act_views, app, done, propose
from functions.operations.wiring import asking_again, operations

SnapshotId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
TieId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
ShortageId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
OutgoingId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
MIXIN_ID_PATTERN = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
MixinId = Annotated[
    str,
    Field(
        pattern=MIXIN_ID_PATTERN,
        examples=["773e5e77-4107-45c2-b648-8fc722ed77f5"],
        description="the Mixin user who gets it",
    ),
]


class SnapshotView(View):
    """Money that came in at the custody, and what is to become of it."""

    id: str
    snapshot_id: str = Field(description="the custody's own")
    disposition: str = Field(
        description="PARKED, for a person; EXPECTED, until an order claims it; or what became of it"
    )
    reason: str
    asset_id: str
    quantity: str
    opponent_id: str | None = Field(description="who has sent it, if the custody knows")
    memo: str | None = Field(description="as it was sent; what is no text is told as hexadecimal digits")
    deposit_hash: str | None = Field(description="the chain's transaction that brought it")
    order_id: str | None = Field(description="the order that it belongs to, or did")
    outgoing_id: str | None = Field(description="the transfer that sent it on")
    taken_at: InstantText
    due_at: InstantText | None
    acts: list[ActView] = Field(description="what may be done by hand now")


class SnapshotList(View):
    items: list[SnapshotView]


class AssignmentRequest(OperatorAct):
    """Which order it pays for."""

    order: Annotated[str, Field(pattern=ORDER_ID_PATTERN, description="a market-making order that may still be paid")]
    reference: Annotated[Reference, Field(description="how it was found out")]


class RefundRequest(OperatorAct):
    """Who gets it."""

    to: MixinId
    reference: Annotated[Reference, Field(description="how it was found out that it is his")]


class TakingRequest(OperatorAct):
    """It is the desk's."""

    reference: Annotated[Reference, Field(description="how it was found out that it is nobody else's")]


class CallOffRequest(OperatorAct):
    """An order's funding is not sent any more."""

    reference: Annotated[Reference, Field(description="how it was found out that it was not sent")]


class LossRequest(OperatorAct):
    """What is missing at the custody is lost."""

    reference: Annotated[Reference, Field(description="what was found out about it")]


class TieRequest(OperatorAct):
    """What is decided about many snapshots of one time."""

    reference: Annotated[Reference, Field(description="what was found out about those that were not seen")]


class OutgoingDecisionRequest(OperatorAct):
    """Whether it was sent."""

    sent: Annotated[Literal["yes", "no"], Field(description="no: it never was, and the next attempt is sent")]
    hash: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9]{8,100}$", description="of its chain's transaction, if it was sent to an address"),
    ] = None
    reference: Annotated[Reference, Field(description="where that can be looked up")]


@app.get("/operations/snapshots", tags=["operators"], summary="Money at the custody that is nobody's yet, oldest first")
def snapshots(limit: Limit = LIMIT_DEFAULT) -> SnapshotList:
    """It has no memo that the desk knows, or not what its order asked for."""
    caller(app).must_be_viewer()
    return SnapshotList(items=[_snapshot(incoming) for incoming in operations().snapshots(limit)])


@app.get("/operations/snapshots/<snapshot_id>", tags=["operators"], summary="Money that came in at the custody")
def snapshot(snapshot_id: SnapshotId) -> SnapshotView:
    """With what may be done about it now."""
    caller(app).must_be_viewer()
    return _snapshot(operations().snapshot(snapshot_id))


@app.post("/operations/snapshots/<snapshot_id>/assign", tags=["operators"], summary="Propose which order it pays for")
def assign_snapshot(snapshot_id: SnapshotId, body: AssignmentRequest) -> OperatorOutcomeView:
    """Another operator confirms it. Then it counts as if it had come with the order's own memo."""
    return propose("snapshots assign", snapshot_id, {"order": body.order}, body.reference, body)


@app.post("/operations/snapshots/<snapshot_id>/refund", tags=["operators"], summary="Propose who gets it")
def refund_snapshot(snapshot_id: SnapshotId, body: RefundRequest) -> OperatorOutcomeView:
    """Another operator confirms it. Then it is sent there, less what sending costs."""
    return propose("snapshots refund", snapshot_id, {"to": body.to}, body.reference, body)


@app.post("/operations/snapshots/<snapshot_id>/take", tags=["operators"], summary="Propose that it is the desk's")
def take_snapshot(snapshot_id: SnapshotId, body: TakingRequest) -> OperatorOutcomeView:
    """Another operator confirms it. Then it is booked as the desk's own."""
    return propose("snapshots take", snapshot_id, {}, body.reference, body)


@app.post("/operations/shortages/<shortage_id>/book-loss", tags=["operators"], summary="Propose that it is lost")
def book_loss(shortage_id: ShortageId, body: LossRequest) -> OperatorOutcomeView:
    """The custody has less of an asset than is booked. The loss is the desk's own."""
    return propose("outgoing book-loss", shortage_id, {}, body.reference, body)


@app.post("/operations/ties/<tie_id>/skip", tags=["operators"], summary="Propose that a tie is passed over")
def skip_tie(tie_id: TieId, body: TieRequest) -> OperatorOutcomeView:
    """More snapshots have one time than a page holds, and the poller goes no further."""
    return propose("snapshots skip-tie", tie_id, {}, body.reference, body)


@app.post("/operations/ties/<tie_id>/settle", tags=["operators"], summary="Propose that a tie is settled")
def settle_tie(tie_id: TieId, body: TieRequest) -> OperatorOutcomeView:
    """Another operator confirms that all snapshots of this time are taken: the poller goes on after it."""
    return propose("snapshots settle-tie", tie_id, {}, body.reference, body)


@app.post("/operations/outgoing/<outgoing_id>/retry", tags=["operators"], summary="Let it be sent, or asked for, again")
def retry_outgoing(outgoing_id: OutgoingId, body: OperatorAct) -> OperatorOutcomeView:
    """It was refused, or nobody knows whether it came: it is the same transfer, so that it is sent once."""
    return done(asking_again().retry_outgoing, outgoing_id, body)


@app.post("/operations/outgoing/<outgoing_id>/resend", tags=["operators"], summary="Propose another receiver")
def resend_outgoing(outgoing_id: OutgoingId, body: RefundRequest) -> OperatorOutcomeView:
    """What was to be sent can not be taken there: another operator confirms who gets it."""
    return propose("outgoing resend", outgoing_id, {"to": body.to}, body.reference, body)


@app.post("/operations/outgoing/<outgoing_id>/call-off", tags=["operators"], summary="Propose that it is not sent")
def call_off_outgoing(outgoing_id: OutgoingId, body: CallOffRequest) -> OperatorOutcomeView:
    """It is too late for it: another operator confirms that it stays here."""
    return propose("outgoing call-off", outgoing_id, {}, body.reference, body)


@app.post("/operations/outgoing/<outgoing_id>/decide", tags=["operators"], summary="Propose whether it was sent")
def decide_outgoing(outgoing_id: OutgoingId, body: OutgoingDecisionRequest) -> OperatorOutcomeView:
    """The custody does not say: two operators have looked it up."""
    told = {"sent": body.sent, **({} if body.hash is None else {"hash": body.hash})}
    return propose("outgoing decide", outgoing_id, told, body.reference, body)


def _snapshot(incoming: Incoming) -> SnapshotView:
    said = incoming.snapshot
    return SnapshotView(
        id=incoming.incoming_id,
        snapshot_id=said.snapshot_id,
        disposition=incoming.disposition,
        reason=incoming.reason,
        asset_id=said.quantity.asset_id,
        quantity=plain(said.quantity.amount),
        opponent_id=said.opponent_id,
        memo=_readable(said.memo),
        deposit_hash=said.deposit_hash,
        order_id=incoming.order_id,
        outgoing_id=incoming.outgoing_id,
        taken_at=incoming.created_at,
        due_at=incoming.due_at,
        acts=act_views(operations().acts_on_snapshot(incoming)),
    )


def _readable(memo: bytes) -> str | None:
    try:
        written = memo.decode()
    except UnicodeDecodeError:
        return memo.hex()
    return (written if written.isprintable() else memo.hex()) or None
