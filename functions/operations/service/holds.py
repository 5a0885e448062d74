"""What of an account must be held: for each thing of its user's that is not over, what that holds.

The index of what is open tells it, a moment old, as it does to the user (`common.domain.holds`). Only where that is not
what the account holds is each of them read as of now. What holds something and is not in the index holds nothing here:
nobody would see to it, and the account is told of.
"""

from __future__ import annotations

from common.domain.holds import Explained, as_of_now, open_of
from common.domain.ledger.model import Account
from common.money import EXACT, plain
from common.table.table import Table


def differences(table: Table, account: Account) -> list[str]:
    """In words, one for each asset of which not what should be is held."""
    found = Explained(account.balance, account.holdings, open_of(table, account.ownership.owner))
    if not found.adds_up:
        found = Explained(account.balance, account.holdings, as_of_now(table, found.open))
    return [
        f"{each.asset_id} held {plain(EXACT.subtract(each.held, each.unexplained))} is {plain(each.held)}"
        for each in found.held
        if each.unexplained
    ]
