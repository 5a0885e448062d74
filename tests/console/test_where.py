"""Where money is, asked of the real desk by the real command line."""

from __future__ import annotations

import re

from common.money import Money
from tests.console.test_stuck import Ask, ask
from tests.desk import Desk

__all__ = ["ask"]

BECAUSE = ("--reason", "statement 47")


def test_one_command_tells_where_a_customers_money_is(desk: Desk, ask: Ask) -> None:
    ann = desk.customer("ann")
    desk.clients(ann)
    desk.buy(ann, "3")
    resting = desk.buy(ann, "1", order_price="90").order_id
    leaves = desk.accounts.withdraw(ann, "w", Money("40.00"), "ann-bank").made.transfer_id
    told = ask("customer", "ann")
    assert (told.code, told.err) == (0, "")
    assert re.search(r"^USD 570\.00 130\.00 O\w+, W\w+$|^USD 570\.00 130\.00 W\w+, O\w+$", told.words, re.MULTILINE)
    assert "BTC 3 0" in told.words
    assert f"{resting} PENDING 90.00 USD 2026-11-21 12:00:00 now the price to fall to its own" in told.words
    assert f"{leaves} PENDING 40.00 USD 2026-11-21 12:00:00 now your bank to be paid" in told.words
    assert "2026-11-21 12:00:00 BUY 300.00 3 BTC 700.00 O" in told.words
    assert "banking client ann-bank, paid at acc-ann: ACTIVE" in told.words
    assert "payouts today: $40.00 of $10000.00, $9960.00 left" in told.words
    assert ask("customer", "ann", "--json").json["held_balance"] == "130.00"
    nobody = ask("customer", "eve")
    assert (nobody.code, nobody.err) == (1, "✗ there is no account eve\n")


def test_who_is_new_has_nothing_and_is_told_so(desk: Desk, ask: Ask) -> None:
    desk.customer("ann", usd=None)
    told = ask("customer", "ann").out
    for says in ("Nothing is open.", "Nothing has moved yet.", "No client: he can not cash out, nor withdraw."):
        assert says in told


def test_a_wire_is_credited_once_and_found_by_its_reference(desk: Desk, ask: Ask) -> None:
    desk.customer("ann", usd=None)
    credit = ("deposit", "credit", "ann", "--amount", "70.00", "--reference", "line-11", *BECAUSE)
    assert "then it has $70.00 more than the $0.00 that are free now." in ask(*credit).words
    assert "nothing is known" in ask("find", "line-11").out.lower()
    proposal_id = ask(*credit, "--yes", "--json").json["id"]
    assert "has proposed it: another operator confirms it" in ask("proposals", "confirm", proposal_id, *BECAUSE).err
    assert ask("proposals", "confirm", proposal_id, *BECAUSE, "--yes", by="otto").code == 0
    assert "already" in ask(*credit, "--yes", by="otto").out
    again = ask(*("LINE 11" if word == "line-11" else word for word in credit), "--yes", "--json").json["id"]
    assert "LINE11 was credited to ann already" in ask("proposals", "confirm", again, *BECAUSE, "--yes", by="otto").err
    assert re.search(r"^D\w+ deposit COMPLETED ann the bank's reference$", ask("find", "line-11").words, re.MULTILINE)
    assert re.search(r"DEPOSIT 70\.00 D\w+$", ask("find", "--customer", "ann", "--amount", "70").words, re.MULTILINE)
    assert ask("find", "--customer", "ann", "--amount", "71").out == "No move is of that amount.\n"


def test_an_amount_alone_is_refused_with_what_to_say_instead(ask: Ask) -> None:
    for words in (("--amount", "70"), (), ("--customer", "ann"), ("line-11", "--customer", "ann", "--amount", "70")):
        refused = ask("find", *words)
        assert (refused.code, "--customer and --amount" in refused.err) == (2, True)


def test_what_the_exchange_refused_is_among_the_failures_though_nothing_waits(desk: Desk, ask: Ask) -> None:
    desk.list_exchange_asset()
    desk.world.fake.refuse_next()
    assert ask("failures").out == "Nothing has failed today.\n"
    batch_id = desk.purchase(desk.customer("ann"), "20").batch_id
    desk.run()
    assert ask("work", "list").out == "Nothing is unfinished.\n"
    told = ask("failures")
    assert re.search(rf"{batch_id} \w+ → DECIDED the exchange not bought: ", told.words)
    assert len(ask("failures", "--json").json["items"]) == 2
    desk.clock.forward(days=1)
    assert ask("failures").out == "Nothing has failed today.\n"
    assert batch_id in ask("failures", "--days", "2").out
    assert "There may be more" in ask("failures", "--days", "2", "--limit", "1").out


def test_pools_and_users_are_listed(desk: Desk, ask: Ask) -> None:
    desk.list_exchange_asset()
    assert ask("pools").out == "No pool has anybody in it.\n"
    assert ask("users", "list").out == "Nobody has an account.\n"
    order_id = desk.purchase(desk.customer("ann"), "4").order_id
    assert f"SOL:0 $4.00 $4.00 $10.00 2026-11-22 12:00:00 in 23 h {order_id}" in ask("pools").words
    assert "ann 2026-11-21 12:00:00" in ask("users", "list").words
