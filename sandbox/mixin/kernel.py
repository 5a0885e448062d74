"""What becomes of a transaction after it is sent, by itself, as time passes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import replace

from sandbox.mixin.holdings import Holdings
from sandbox.mixin.records import Gone, Output, Payment, Request, Snapshot, State, Withdrawal, hash_of, uuid_of
from sandbox.mixin.timeline import Timeline
from sandbox.mixin.times import SECOND


class Kernel:
    """`run` does all that is due. Nothing else here looks at the time.

    kernel_seconds: from sending to spending. chain_seconds: from there to the withdrawal's place on its chain.
    gone: the withdrawals that are on their chains, in the order in which they got there.
    """

    def __init__(self) -> None:
        self.holdings = Holdings()
        self.timeline = Timeline()
        self.requests: dict[str, Request] = {}
        self.hashes: dict[str, Request] = {}  # the same, by the transaction's hash
        self.gone: list[Gone] = []
        self.kernel_seconds = 0.0
        self.chain_seconds = 0.0
        self.stick = 0  # withdrawals to come that stay away from their chain until `confirm`
        self._due: list[tuple[int, int, str]] = []  # when, in which order they were sent, which request
        self._sent = 0

    def register(self, request: Request) -> None:
        self.requests[request.request_id] = request
        self.hashes[request.transaction_hash] = request
        if request.due_ns is not None:
            self._wait(request, request.due_ns)

    def sign(self, request: Request, now_ns: int) -> None:
        request.state, request.signed_ns = State.SIGNED, now_ns
        if request.terms.withdrawal is not None and self.stick:
            self.stick -= 1
            request.stuck = True
        for output in self._inputs(request):
            self.holdings.mark(output, State.SIGNED, request.transaction_hash, now_ns)
        self._wait(request, now_ns + int(self.kernel_seconds * SECOND))

    def run(self, now_ns: int) -> bool:
        """Whether anything happened."""
        happened = False
        while self._due and self._due[0][0] <= now_ns:
            due_ns, _, request_id = heapq.heappop(self._due)
            request = self.requests[request_id]
            if request.due_ns != due_ns:
                continue  # somebody has confirmed it meanwhile
            happened = True
            if request.state is State.SIGNED:
                self._spend(request, due_ns)
            else:
                self._arrive(request, due_ns)
        return happened

    def confirm(self, request: Request, now_ns: int) -> None:
        """A withdrawal is on its chain now, also one that is stuck. Once it is there, nothing more happens."""
        request.stuck = False
        if request.state is State.SIGNED:
            self._spend(request, now_ns)
        if not request.withdrawal_hash:
            self._arrive(request, now_ns)

    def receive(self, told: Snapshot, mask: str = "") -> None:
        """An output for a member, as a snapshot of his tells it."""
        output_id = uuid_of("output", told.transaction_hash, told.index)
        self.holdings.add(
            Output(
                output_id,
                told.user_id,
                told.asset_id,
                told.units,
                told.transaction_hash,
                told.index,
                self.holdings.sequence + 1,
                mask or hash_of("mask", output_id),
                sender=told.opponent,
                request_id=told.request_id,
                extra=told.memo,
                created_ns=told.created_ns,
                updated_ns=told.created_ns,
            )
        )

    def _inputs(self, request: Request) -> Iterable[Output]:
        for place in request.terms.inputs:
            output = self.holdings.get(place)
            if output is None:
                raise ValueError(f"request {request.request_id} spends {place}, which is not there")
            yield output

    def _wait(self, request: Request, due_ns: int) -> None:
        self._sent += 1
        request.due_ns = due_ns
        heapq.heappush(self._due, (due_ns, self._sent, request.request_id))

    def _spend(self, request: Request, now_ns: int) -> None:
        request.state, request.due_ns, request.spent_ns = State.SPENT, None, now_ns
        for output in self._inputs(request):
            self.holdings.mark(output, State.SPENT, request.transaction_hash, now_ns)
        for index, leaving in enumerate(request.terms.outputs):
            self._make(request, index, leaving, now_ns)
        if request.terms.withdrawal is not None and not request.stuck:
            self._wait(request, now_ns + int(self.chain_seconds * SECOND))

    def _make(self, request: Request, index: int, leaving: Payment | Withdrawal, now_ns: int) -> None:
        """An output, and what both sides are told of it; nobody is told of what comes back to its sender."""
        sender, receiver = request.user_id, leaving.receiver if isinstance(leaving, Payment) else ""
        at_ns = now_ns if sender == receiver else self.timeline.stamp(now_ns)
        told = Snapshot(
            uuid_of(request.transaction_hash, index, sender),
            sender,
            request.terms.asset_id,
            -leaving.units,
            created_ns=at_ns,
            visible_ns=at_ns,
            transaction_hash=request.transaction_hash,
            index=index,
            request_id=request.request_id,
            opponent=receiver,
            memo=request.terms.extra.hex(),
        )
        if isinstance(leaving, Withdrawal):
            told.destination, told.tag = leaving.destination, leaving.tag
        else:
            id_ = uuid_of(request.transaction_hash, index, receiver)
            theirs = replace(told, snapshot_id=id_, user_id=receiver, units=leaving.units, opponent=sender)
            self.receive(theirs, leaving.mask)
            if sender == receiver:
                return
            self.timeline.add(theirs)
        told.visible_ns += self.timeline.delay()
        self.timeline.add(told)

    def _arrive(self, request: Request, now_ns: int) -> None:
        withdrawal = request.terms.withdrawal
        request.due_ns = None
        if withdrawal is None:
            return
        request.withdrawal_hash = f"0x{hash_of('chain', request.transaction_hash)}"
        index = request.terms.outputs.index(withdrawal)
        self.timeline.on_chain(uuid_of(request.transaction_hash, index, request.user_id), request.withdrawal_hash)
        self.gone.append(
            Gone(
                len(self.gone) + 1,
                request.request_id,
                request.withdrawal_hash,
                request.terms.asset_id,
                withdrawal.units,
                withdrawal.destination,
                withdrawal.tag,
                now_ns,
            )
        )
