"""What a transaction must fulfil. Nothing here changes anything; what is refused raises SafeRefused.

Sources: github.com/MixinNetwork/mixin @413771e, common/transaction.go (numbers of inputs, outputs, references, bytes);
github.com/MixinNetwork/bot-api-go-client @5161559, withdrawal.go (where the fee stands).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sandbox.mixin.assets import ASSETS, CHAINS, UNITS_MAX, Asset, shown
from sandbox.mixin.records import CASHIER, Output, Payment, State, Terms, Withdrawal
from sandbox.mixin.refusals import Code, SafeRefused, invalid

EXTRA_BYTES_MAX = 256
PLACES_MAX = 256  # inputs, and outputs
REFERENCES_MAX = 2  # the node allows 16, the service's own client 2

Fees = Mapping[str, Mapping[str, int]]  # of a withdrawal of an asset: what it costs, by what it may be paid with


def asset_of(asset_id: str) -> Asset:
    asset = ASSETS.get(asset_id)
    if asset is None:
        raise SafeRefused(Code.NOT_FOUND, f"there is no asset {asset_id}")
    return asset


def check_address(asset: Asset, destination: str, tag: str = "") -> None:
    chain = CHAINS[asset.chain_id]
    if not chain.accepts(destination):
        raise SafeRefused(Code.INVALID_ADDRESS, f"{destination!r} is no address of {chain.network}", "destination")
    if not chain.accepts_tag(tag):
        raise SafeRefused(Code.INVALID_TAG, f"{tag!r} is no tag of {chain.network}", "tag")


def check_terms(terms: Terms, outputs: Callable[[tuple[str, int]], Output | None], user_id: str) -> None:
    """All but the fee, the references and whether the inputs are free."""
    asset = asset_of(terms.asset_id)
    if not (1 <= len(terms.inputs) <= PLACES_MAX and 1 <= len(terms.outputs) <= PLACES_MAX):
        raise invalid("raw", f"there must be from 1 to {PLACES_MAX} inputs and outputs")
    if len(set(terms.inputs)) < len(terms.inputs):
        raise invalid("raw", "an input stands there twice")
    if len(terms.references) > REFERENCES_MAX:
        raise invalid("references", f"there are {len(terms.references)}; at most {REFERENCES_MAX}")
    if len(terms.extra) > EXTRA_BYTES_MAX:
        raise invalid("extra", f"it has {len(terms.extra)} bytes; at most {EXTRA_BYTES_MAX}")
    spent = 0
    for place in terms.inputs:
        output = outputs(place)
        if output is None or output.owner != user_id:
            raise invalid("inputs", f"{place[0]}:{place[1]} is no output of yours")
        if output.asset_id != asset.asset_id:
            raise invalid("inputs", f"{place[0]}:{place[1]} is of another asset")
        spent += output.units
    if sum(isinstance(output, Withdrawal) for output in terms.outputs) > 1:
        raise invalid("outputs", "there are two withdrawals")
    for leaving in terms.outputs:
        _check_output(leaving, asset)
    made = sum(output.units for output in terms.outputs)
    if made > spent:
        raise SafeRefused(Code.INSUFFICIENT_BALANCE, f"the inputs have {shown(spent)}, {shown(made)} are needed")
    if made < spent:
        raise invalid("outputs", f"the inputs have {shown(spent)}, the outputs only {shown(made)}")


def _check_output(output: Payment | Withdrawal, asset: Asset) -> None:
    if not asset.dust <= output.units <= UNITS_MAX:
        raise SafeRefused(Code.AMOUNT_TOO_SMALL, f"an output of {shown(output.units)} {asset.symbol}", "amount")
    if isinstance(output, Payment):
        return
    check_address(asset, output.destination, output.tag)
    if output.units < asset.withdrawal_min:
        least = shown(asset.withdrawal_min)
        raise SafeRefused(Code.WITHDRAWAL_TOO_SMALL, f"at least {least} {asset.symbol} can be withdrawn", "amount")
    if output.units % asset.step:
        raise invalid("amount", f"its chain carries {asset.decimals} decimals of {asset.symbol}")


def check_fees(batch: Sequence[tuple[str, Terms]], fees: Fees) -> None:
    """Each withdrawal of a batch pays what it costs to the cashier: by itself, or by a transaction of the batch that
    refers to it. Each transaction of the batch comes with its hash."""
    for transaction_hash, terms in batch:
        if terms.withdrawal is None:
            continue
        costs = fees[terms.asset_id]
        paying = [terms, *(other for _, other in batch if transaction_hash in other.references)]
        if not any(_paid(paying, asset_id) >= units for asset_id, units in costs.items()):
            needed = " or ".join(f"{shown(units)} {ASSETS[asset_id].symbol}" for asset_id, units in costs.items())
            raise SafeRefused(Code.INSUFFICIENT_FEE, f"the withdrawal costs {needed}", "fee")


def _paid(paying: Iterable[Terms], asset_id: str) -> int:
    return sum(
        output.units
        for terms in paying
        if terms.asset_id == asset_id
        for output in terms.outputs
        if isinstance(output, Payment) and output.receiver == CASHIER
    )


def check_free(
    places: Iterable[tuple[str, int]], outputs: Callable[[tuple[str, int]], Output | None], no: Code
) -> None:
    """Nothing else spends the inputs, and none of them stands there twice."""
    seen = set()
    for place in places:
        output = outputs(place)
        if place in seen or output is None or output.state is not State.UNSPENT:
            raise SafeRefused(no, f"{place[0]}:{place[1]} is locked by another transaction", "inputs")
        seen.add(place)
