"""The drill: the table is restored from its point in time, and every balance is rebuilt from its journal (FEATURES
157)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from common.domain.ledger import store as ledger
from common.domain.ledger.model import Books
from common.domain.ledger.store import BalanceItem
from common.money import Money
from common.owner import Ownership
from common.table.table import Table
from tests.desk import Desk
from tests.operations.drifts import Copied, get, put
from tests.seen import around

NAMES = ("ann", "bob")
WRITES = 60  # about so many are made in these days


def restored(seed: int) -> Copied:
    """Some days of two customers who do everything, and the table as it was in their midst, after any of the writes: a
    restored table has whole transactions, up to a second that nobody has chosen."""
    desk, chance, writes = Desk(), random.Random(seed), 0
    at, kept = chance.randrange(20, WRITES), list[Mapping[str, Any]]()

    def counted(write: Any, **asked: Any) -> Any:
        nonlocal writes
        answer = write(**asked)
        writes += 1
        if writes == at:
            kept.extend(desk.dynamo.items())
        return answer

    desk.client = around(desk.dynamo, transact_write_items=counted)
    desk.list_asset()
    desk.list_exchange_asset()
    for name in NAMES:
        owner = desk.customer(name, usd="3000.00")
        desk.clients(owner)
        desk.buy(owner, "10.123456")
        desk.sell(owner, "0.7")
        desk.cash_out(owner, "1.5")
        desk.purchase(owner, "25.55")
        desk.buy(owner, "1", order_price="50")
        desk.accounts.withdraw(owner, "w", Money("10.53"), f"{name}-bank")
    desk.run(days=0.2)
    desk.mark("BTC", "49")
    desk.match()
    assert kept, "these days have fewer writes"
    return Copied.of(kept)


def rebuilt(table: Table, username: str) -> tuple[Books, Books]:
    """What an account must have by its journal alone, and what its balances say."""
    account = ledger.account_of(table, username)
    whose: Ownership = account.ownership
    assets = ["USD", *(holding.asset_id for holding in account.holdings)]
    lines = [line for asset_id in assets for line in ledger.lines(table, whose, asset_id)]
    return Books.by_journal(lines), Books.by_balances(account.balance, account.holdings)


@pytest.mark.parametrize("seed", range(6))
def test_every_balance_of_a_restored_table_is_what_its_journal_makes(seed: int) -> None:
    copied = restored(seed)
    desk = Desk(dynamo=copied.dynamo)
    accounts = [item["PK"]["S"] for item in copied.dynamo.items() if item["entity_type"]["S"] == "balance"]
    assert accounts
    for username in accounts:
        by_journal, by_balances = rebuilt(desk.table, username)
        assert by_journal == by_balances  # to the last digit
    desk.check_as_the_product_does()


def test_a_restored_table_that_has_lost_a_digit_is_found() -> None:
    copied = restored(0)
    desk = Desk(dynamo=copied.dynamo)
    item = get(desk, "ann", "BALANCE")
    put(desk, item | {"current_balance": {"N": str(BalanceItem.from_raw_data(item).current_balance) + "1"}})
    by_journal, by_balances = rebuilt(desk.table, "ann")
    assert by_journal != by_balances
    assert desk.reconciliation.round(lambda: True).drift == 1
