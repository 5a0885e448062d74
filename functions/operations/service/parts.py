"""Which customers the operators are who propose something, and confirm it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from common.domain import own_accounts
from common.domain.proposals.model import Proposal
from common.table.table import Table
from common.table.transaction import Write
from functions.operations import store
from functions.operations.service.customer_kinds import APART
from functions.operations.service.proposal_kinds import MOVE


@dataclass(frozen=True)
class Parts:
    """`of`: the customers that each operator is. `as_read`: the conditions that it is so when something is written."""

    of: Mapping[str, Set[str]]
    as_read: Sequence[Write]


def parts_of(table: Table, proposal: Proposal, whose: Set[str], *operators: str) -> Parts:
    """Which customers these operators are, of an act about the money of these. Where it says who somebody is, a name
    stands for him whatever was found; and it is about the money of who is named in it."""
    of: dict[str, Set[str]] = {}
    as_read: list[Write] = []
    if not whose:
        return Parts(dict.fromkeys(operators, frozenset()), ())
    for operator in dict.fromkeys(operators):
        if proposal.command == APART and proposal.terms["operator"] == operator:
            of[operator] = whose
            continue
        own, login = own_accounts.find(table, operator), None
        if own.namesake is not None and proposal.command not in (APART, MOVE):
            login = store.login(table, operator)
        of[operator] = own.of(login)
        as_read.append(own_accounts.as_read(own))
        if login is not None and operator in whose - of[operator]:
            as_read.append(store.same_login(operator, login))
    return Parts(of, as_read)
