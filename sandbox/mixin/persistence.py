"""What the custody knows, as JSON can hold it. Amounts are whole units of 10⁻⁸, times nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from sandbox.mixin.income import Income
from sandbox.mixin.kernel import Kernel
from sandbox.mixin.keys import OneTimeKeys
from sandbox.mixin.records import Entry, Gone, Output, Payment, Request, Snapshot, State, Terms, Withdrawal

_Record = TypeVar("_Record", Output, Snapshot, Entry, Gone)


def state_of_keys(keys: OneTimeKeys) -> dict[str, Any]:
    return {"made": keys.made, "used": keys.used}


def read_keys(keys: OneTimeKeys, told: Mapping[str, Any]) -> None:
    keys.made = {mask: (str(receiver), int(index)) for mask, (receiver, index) in told["made"].items()}
    keys.used = {mask: str(hash_) for mask, hash_ in told["used"].items()}


def state_of_income(income: Income) -> dict[str, Any]:
    return {
        "paid": income.paid,
        "entries": [_state_of(entry) for entry in income.entries.values()],
        "deposits": [[*named, snapshot_id] for named, snapshot_id in income.deposits.items()],
    }


def read_income(income: Income, told: Mapping[str, Any]) -> None:
    income.paid = int(told["paid"])
    for entry in (_record(Entry, each) for each in told["entries"]):
        income.entries[entry.user_id, entry.chain_id] = entry
    income.deposits = {(chain, hash_, int(index)): id_ for chain, hash_, index, id_ in told["deposits"]}


def state_of_kernel(kernel: Kernel) -> dict[str, Any]:
    return {
        "outputs": [_state_of(output) for output in kernel.holdings.all()],
        "snapshots": [_state_of(snapshot) for snapshot in kernel.timeline.all()],
        "requests": [_state_of_request(request) for request in kernel.requests.values()],
        "gone": [_state_of(gone) for gone in kernel.gone],
    }


def read_kernel(kernel: Kernel, told: Mapping[str, Any]) -> None:
    for output in (_record(Output, each) for each in told["outputs"]):
        output.state = State(output.state)
        kernel.holdings.add(output)
    for snapshot in (_record(Snapshot, each) for each in told["snapshots"]):
        kernel.timeline.add(snapshot)
    for each in told["requests"]:
        kernel.register(_request_of(each))
    kernel.gone = [_record(Gone, each) for each in told["gone"]]


def _state_of(record: _Record) -> dict[str, Any]:
    """As `asdict`, which copies each value first: these are texts and numbers."""
    return {name: getattr(record, name) for name in record.__slots__}


def _state_of_request(request: Request) -> dict[str, Any]:
    terms = request.terms
    return {
        **{field.name: getattr(request, field.name) for field in fields(Request) if field.name != "terms"},
        "terms": {
            "asset_id": terms.asset_id,
            "inputs": terms.inputs,
            "outputs": [asdict(output) for output in terms.outputs],
            "references": terms.references,
            "extra": terms.extra.hex(),
        },
    }


def _request_of(told: Mapping[str, Any]) -> Request:
    terms = told["terms"]
    outputs = [Payment(**each) if "receiver" in each else Withdrawal(**each) for each in terms["outputs"]]
    return Request(
        **{
            **told,
            "state": State(told["state"]),
            "terms": Terms(
                terms["asset_id"],
                tuple((hash_, int(index)) for hash_, index in terms["inputs"]),
                tuple(outputs),
                tuple(terms["references"]),
                bytes.fromhex(terms["extra"]),
            ),
        }
    )


def _record(kind: type[_Record], told: Mapping[str, Any]) -> _Record:
    return kind(**told)
