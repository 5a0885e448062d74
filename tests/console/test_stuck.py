"""From stuck to explained and moved in three commands: the real command line, the real handlers, one order after the
other that went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.domain.acts import ACTS
from common.domain.clients import ClientStatus
from common.gateways.bank import Adjustment, BankEvent, State
from common.gateways.exchange import ExchangeUnavailable
from common.money import Money
from common.owner import Owner
from console.commands import asking
from sandbox.bank.bank import Operation
from sandbox.serving import Answer as WireAnswer
from sandbox.serving import Request, as_json, serve
from tests.billing.test_parked_payments import parked, strange
from tests.console.run import Said
from tests.console.run import desk as said
from tests.desk import Desk
from tests.doors import Doors, Token, opened
from tests.market_making.market import ANN, BTC, USDT
from tests.seen import around, awaiting, coins

Ask = Callable[..., Said]

TOKENS = {
    "olga": Token("olga", "sub-olga", ("operators", "approvers")),
    "otto": Token("otto", "sub-otto", ("operators", "approvers")),
    "ann": Token("ann", "sub-ann"),
}


def gateway(doors: Doors) -> Callable[[Request], WireAnswer]:
    """API Gateway, before the handlers: it knows whose a token is, and sends without one nobody in."""

    def decide(request: Request) -> WireAnswer:
        token = TOKENS.get(request.headers["Authorization"].removeprefix("Bearer "))
        if token is None:
            return as_json({"message": "Unauthorized"}, 401)
        answer = doors.ask(
            request.method,
            f"/{'/'.join(request.path)}",
            token=token,
            query=request.query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.body or None,
        )
        return WireAnswer(answer.status, answer.text, content_type=answer.content_type)

    return decide


@pytest.fixture
def ask(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """A command, asked of this desk by its operator."""
    monkeypatch.setattr(asking, "now", lambda: desk.clock.at)
    with opened(desk) as doors, serve(gateway(doors), name="api") as running:
        yield lambda *words, by="olga": said(*words, url=running.url, token=by)


@pytest.fixture
def ann(desk: Desk) -> Owner:
    """She has three coins, and may sell them and be paid."""
    ann = desk.customer("ann")
    desk.clients(ann)
    desk.buy(ann, "3")
    return ann


BECAUSE = ("--reason", "wire 4711 went out by hand")


def _stuck(desk: Desk, ann: Owner) -> str:
    """A cash-out of which the bank has rejected five payouts."""
    desk.world.simulated.set_outcome("fail")
    order_id = desk.cash_out(ann).order_id
    desk.run()
    return order_id


def test_a_cash_out_whose_payout_failed_is_found_explained_and_finished(desk: Desk, ann: Owner, ask: Ask) -> None:
    order_id = _stuck(desk, ann)
    desk.clock.forward(minutes=3)

    found = ask("work", "list", "--overdue")
    assert (found.code, found.err) == (0, "")
    assert re.search(rf"offramp {order_id} .* 3 min ago an operator: 5 payout attempts were rejected", found.words)

    explained = ask("work", "show", order_id)
    assert explained.code == 0
    life, _, stands = explained.words.partition("\n\nstatus ")
    times = re.findall(r"^2026-11-21 \d\d:\d\d:\d\d\.\d{3}", life, re.MULTILINE)
    assert len(times) > 20
    assert times == sorted(times)
    for happened in (
        "customer NEW: asked for: 1 BTC",
        "the exchange BASE_TXN_PENDING → BASE_TXN_COMPLETED: FULLY_EXECUTED: 1 BTC for $100.00, fee $0.10",
        "execution PollSellOrder\n",
        "execution Sold",
        f"bank {order_id}-05, theirs adj_",
        "the machine TARGET_TXN_PENDING → SELL_PAYOUT_FAILED: 5 payout attempts were rejected",
        "PayoutFailed, ExecutionFailed: PayoutFailed 5 payout attempts were rejected, the last one: ACCOUNT_CLOSED",
    ):
        assert happened in life
    assert stands.startswith("SELL_PAYOUT_FAILED\nwaits for an operator: 5 payout attempts were rejected")
    assert "3 min ago: overdue\na person is needed\n" in stands
    assert f'desk offramp mark-filled {order_id} --reference "…" --reason "…"' in stands
    assert "redrive" not in stands

    by_wire = ("--reference", "wire 4711", *BECAUSE)
    proposed = ask("offramp", "mark-filled", order_id, *by_wire, "--yes", "--json").json["id"]
    finished = ask("proposals", "confirm", proposed, *BECAUSE, "--yes", by="otto")
    assert finished.code == 0
    assert finished.out == (f"{proposed}: PROPOSED → CONFIRMED\n✓ Done: is FILLED; the held $99.90 count as paid.\n")
    assert desk.offramp.order(ann, order_id).status == "FILLED"
    assert ask("work", "list").out == "Nothing is unfinished.\n"


def test_afterwards_the_audit_and_the_books_tell_the_same(desk: Desk, ann: Owner, ask: Ask) -> None:
    order_id = _stuck(desk, ann)
    assert ask("offramp", "credit-usd", order_id, *BECAUSE, "--yes").code == 0
    assert desk.accounts.balance(ann).current == Money("799.90")  # 1000 − 3 × 100 + 99.90
    audit = ask("audit", "--date", "2026-11-21")
    assert f"olga offramp credit-usd {order_id} wire 4711 went out by hand" in audit.words
    assert "add up to every balance" in ask("reconcile", "ann").out
    again = ask("offramp", "credit-usd", order_id, *BECAUSE, "--yes")
    done = "is FILLED already: $99.90 are on the customer's balance (the dollars are on your balance); nothing to do"
    assert (again.code, again.out) == (0, f"{order_id}: FILLED\nNothing was done: {done}.\n")


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(desk: Desk, ann: Owner, ask: Ask) -> None:
    order_id = _stuck(desk, ann)
    before = json.dumps(list(desk.dynamo.items()), sort_keys=True)
    for verb, after, would in (
        ("retry-payout", "TARGET_TXN_PENDING", "attempt 6 to pay $99.90 to the customer's bank"),
        ("credit-usd", "FILLED", "is FILLED; the held $99.90 are free on the customer's balance"),
    ):
        dry, moves = ask("offramp", verb, order_id, *BECAUSE), f"SELL_PAYOUT_FAILED → {after}"
        assert dry.code == 0
        assert dry.out.startswith(f"{order_id}: {moves}\nWith --yes: {would}.\nNothing was done yet.\n`desk --seen ")
    otherwise = ask("offramp", "mark-filled", order_id, "--reference", "wire 4711", *BECAUSE)
    would = "another operator than olga confirms it; then it is FILLED; the held $99.90 count as paid"
    assert f"With --yes: {would}. Nothing was done yet." in " ".join(otherwise.out.split())
    refused = ask("offramp", "void", order_id, *BECAUSE)
    assert (refused.code, "the order is SELL_PAYOUT_FAILED" in refused.err) == (1, True)
    useless = ask("work", "redrive", order_id, *BECAUSE)
    assert (useless.code, "no machine can decide it" in useless.err) == (1, True)
    assert json.dumps(list(desk.dynamo.items()), sort_keys=True) == before


def test_a_payout_that_a_blocked_client_stopped_goes_on_when_he_is_active_again(
    desk: Desk, ann: Owner, ask: Ask
) -> None:
    order_id = desk.cash_out(ann).order_id
    desk.clients(ann, ClientStatus.BLOCKED)
    desk.run()
    assert "an operator: the crypto client ann-crypto is BLOCKED" in ask("work", "show", order_id).out
    for client, kind in (("ann-crypto", "crypto"), ("ann-bank", "banking")):
        assert "status BLOCKED" in ask("clients", "show", client, kind).words
        save = ("clients", "save", client, kind, "--username", "ann", "--status", "ACTIVE", *BECAUSE)
        paid = "; it is paid at acc-ann" if kind == "banking" else ""
        would = (
            f"another operator than olga confirms it; then it has the {kind} client {client}: status from BLOCKED to"
        )
        assert f"With --yes: {would} ACTIVE{paid}. Nothing was done yet." in " ".join(ask(*save).words.split())
        assert "status BLOCKED" in ask("clients", "show", client, kind).words
        saved = ask(*save, "--yes", "--json").json
        assert (saved["after"], saved["done"]) == ("PROPOSED", True)
        assert "status BLOCKED" in ask("clients", "show", client, kind).words
        assert ask("proposals", "confirm", saved["id"], *BECAUSE, "--yes", by="otto").code == 0
        assert "Nothing was done: is so already" in ask(*save, "--yes").out
    assert ask("clients", "show", "ann-bank", "banking", "--json").json["account_id"] == "acc-ann"
    dry = ask("work", "redrive", order_id, *BECAUSE)
    assert (dry.code, "With --yes: the next execution of the machine payout" in dry.out) == (0, True)
    redriven = ask("work", "redrive", order_id, *BECAUSE, "--yes")
    assert (redriven.code, "✓ Done: the next execution of the machine payout" in redriven.out) == (0, True)
    assert ask("work", "redrive", order_id, *BECAUSE, "--yes").code == 1  # it runs
    desk.run()
    assert desk.offramp.order(ann, order_id).status == "FILLED"


def test_what_the_bank_has_paid_is_said_by_one_and_confirmed_by_another(desk: Desk, ann: Owner, ask: Ask) -> None:
    order_id = awaiting(desk, ann)
    shown = ask("work", "show", order_id)
    assert f'desk work decide-payout {order_id} --paid "…" --reference "…" --reason "…"' in shown.out

    words = ("work", "decide-payout", order_id, "--paid", "99.00", "--reference", "statement 47, line 11", *BECAUSE)
    dry = ask(*words, by="otto")
    assert (dry.code, "Nothing was done yet." in dry.out) == (0, True)
    said = ask(*words, "--yes", by="otto")
    proposed, _, then = said.out.partition(": nothing → PROPOSED\n✓ Done: ")
    confirms = "another operator than otto confirms it; then it is FILLED: the bank has paid $99.00 of attempt 1"
    assert then.startswith(confirms)

    found = ask("work", "list", "--context", "proposals")
    assert f"another operator than otto: work decide-payout {order_id}: attempt 1, paid 99.00" in found.words
    explained = ask("work", "show", proposed).words
    assert f"to do work decide-payout {order_id}\nattempt 1\npaid 99.00\nreference statement 47, line 11" in explained
    assert "proposed by otto: wire 4711 went out by hand" in explained
    assert f'desk proposals confirm {proposed} --reason "…"' in explained

    own = ask("proposals", "confirm", proposed, *BECAUSE, "--yes", by="otto")
    assert (own.code, "otto has proposed it: another operator confirms it" in own.err) == (1, True)
    assert desk.operations.story(order_id).status == "TARGET_TXN_PENDING"
    done = ask("proposals", "confirm", proposed, *BECAUSE, "--yes")
    assert done.out.startswith(f"{proposed}: PROPOSED → CONFIRMED\n✓ Done: is FILLED: ")
    assert ask("work", "list").out == "Nothing is unfinished.\n"
    assert (
        "otto and olga TARGET_TXN_PENDING → FILLED: attempt 1: the bank has paid" in ask("work", "show", order_id).words
    )


def test_a_sale_at_an_exchange_that_is_gone_is_ended_by_two(desk: Desk, ann: Owner, ask: Ask) -> None:
    desk.world.nobody_buys()
    order_id = desk.cash_out(ann, "1").order_id
    desk.world.exchange = around(desk.world.fake, order=gone, find=gone, cancel=gone)
    desk.run(days=0.2)
    shown = ask("work", "show", order_id).out
    assert f'desk work decide-order {order_id} --executed "…" --gross "…" --reference "…" --reason "…"' in shown
    nothing = ("--executed", "0", "--gross", "0", "--reference", "letter of November 3rd", *BECAUSE)
    proposed = ask("work", "decide-order", order_id, *nothing, "--yes", "--json", by="otto").json["id"]
    assert "✓ Done: goes on with 0 BTC executed" in ask("proposals", "confirm", proposed, *BECAUSE, "--yes").out
    desk.run(days=0.1)
    assert ask("work", "show", order_id).words.count("status BASE_TXN_FAILED") == 1
    assert coins(desk, ann) == (3, 0)


def gone(*_: object) -> None:
    raise ExchangeUnavailable("the exchange can not be reached", what="connection")


def test_a_payout_over_the_limit_is_approved_by_two(desk: Desk, ask: Ask) -> None:
    desk.rules = replace(desk.rules, withdrawal_limit=Money(20_000))
    rich = desk.customer("rich", usd="11000.00")
    desk.clients(rich)
    desk.buy(rich, "101")
    order_id = desk.cash_out(rich, "101").order_id
    desk.run()
    assert f'desk work approve-payout {order_id} --reason "…"' in ask("work", "show", order_id).out
    proposed = ask("work", "approve-payout", order_id, *BECAUSE, "--yes", "--json").json["id"]
    done = ask("proposals", "confirm", proposed, *BECAUSE, "--yes", by="otto")
    assert "✓ Done: may be paid: $10089.90 to the account acc-rich of the client rich-bank of rich" in done.out
    desk.run()
    assert desk.operations.story(order_id).status == "FILLED"


def test_what_was_proposed_by_mistake_is_dismissed(desk: Desk, ann: Owner, ask: Ask) -> None:
    words = ("work", "decide-payout", awaiting(desk, ann), "--paid", "9.00", "--reference", "line 11", *BECAUSE)
    proposed = ask(*words, "--yes", "--json").json["id"]
    assert "With --yes: nothing is done: work decide-payout" in ask("proposals", "dismiss", proposed, *BECAUSE).out
    assert "PROPOSED → DISMISSED\n✓ Done: " in ask("proposals", "dismiss", proposed, *BECAUSE, "--yes").out
    assert "desk proposals" not in ask("work", "show", proposed).out


def test_a_sale_that_nobody_buys_is_voided(desk: Desk, ann: Owner, ask: Ask) -> None:
    desk.world.nobody_buys()
    order_id = desk.cash_out(ann).order_id
    assert f"desk offramp void {order_id}" in ask("work", "show", order_id).out
    voided = ask("offramp", "void", order_id, *BECAUSE, "--yes")
    assert "BASE_TXN_PENDING → BASE_TXN_FAILED" in voided.out
    desk.run()


def test_a_withdrawal_whose_payout_failed_is_explained_and_given_back(desk: Desk, ann: Owner, ask: Ask) -> None:
    desk.world.simulated.set_outcome("fail")
    thing_id = desk.accounts.withdraw(ann, "w", Money(40), "ann-bank").made.transfer_id
    desk.run()
    dry = ask("withdrawals", "reject", thing_id, *BECAUSE)
    says = "is REJECTED; the held $40.00 are free on the customer's balance"
    assert dry.out.startswith(f"{thing_id}: PAYOUT_FAILED → REJECTED\nWith --yes: {says}.\nNothing was done yet.\n")
    shown = ask("work", "show", thing_id).out
    assert f"{thing_id}, withdrawal" in shown
    assert "5 payout attempts were rejected" in shown
    assert desk.accounts.balance(ann).held == Money(40)
    done = ask("withdrawals", "reject", thing_id, *BECAUSE, "--yes")
    assert (done.code, f"✓ Done: {says}." in done.out) == (0, True)
    assert desk.accounts.balance(ann).held == Money(0)
    again = ask("withdrawals", "complete", thing_id, "--reference", "wire 4711", *BECAUSE, "--yes")
    assert (again.code, f"desk work show {thing_id}" in again.err) == (1, True)


def test_an_event_that_belongs_to_nothing_is_shown_and_put_away(desk: Desk, ann: Owner, ask: Ask) -> None:
    stray = Adjustment("adj_9", "S" + "A" * 25 + "-01", "acc-ann", Money(5), State.FAILED, "ACCOUNT_CLOSED")
    desk.events.receive(BankEvent("evt_9", stray, desk.clock()))
    listed = ask("parked", "list")
    assert re.search(r"^evt_9 S.{25}-01 \$5\.00 FAILED ACCOUNT_CLOSED 2026-11-21", listed.words, re.MULTILINE)
    among = ask("work", "list")
    assert "parked evt_9" in among.words
    assert "`desk parked list`" in among.out
    for act in ("replay", "dismiss"):
        assert f'desk parked {act} EVENT --reason "…"' in listed.out
    assert ask("parked", "replay", "evt_9", *BECAUSE).out.endswith("Nothing was done yet.\n")
    replayed = ask("parked", "replay", "evt_9", *BECAUSE, "--yes")
    assert replayed.out == "evt_9: PARKED\nNothing was done: no attempt has this reference.\n"
    assert "evt_9: PARKED → DISMISSED\n✓ Done: " in ask("parked", "dismiss", "evt_9", *BECAUSE, "--yes").out
    assert "Nothing was done: is DISMISSED already" in ask("parked", "dismiss", "evt_9", *BECAUSE, "--yes").out
    assert ask("parked", "list").out == "Nothing is parked.\n"
    unknown = ask("parked", "dismiss", "evt_none", *BECAUSE, "--yes")
    assert (unknown.code, "the bank has sent no such event" in unknown.err) == (1, True)


def test_a_price_that_has_jumped_is_shown_and_confirmed(desk: Desk, ann: Owner, ask: Ask) -> None:
    assert ask("prices", "list").out == "No price has jumped.\n"
    desk.jump("BTC", "75.25")
    desk.clock.forward(minutes=4)
    shown = ask("prices", "list")
    assert re.search(r"^BTC \$100 2026-11-21 .* \$75\.25 test 2026-11-21 .* 4 min ago$", shown.words, re.MULTILINE)
    assert 'desk prices confirm BTC --price "…" --reason "…"' in shown.out
    other = ask("prices", "confirm", "BTC", "--price", "75", *BECAUSE, "--yes")
    assert (other.code, "$75.25 waits to be confirmed, not $75" in other.err) == (1, True)
    confirming = ("prices", "confirm", "BTC", "--price", "75.25", *BECAUSE)
    would = "another operator than olga confirms it; then it is traded again: $75.25 is the price after $100"
    assert f"With --yes: {would}. Nothing was done yet." in " ".join(ask(*confirming).out.split())
    proposed = ask(*confirming, "--yes", "--json").json["id"]
    assert "another operator than olga: prices confirm BTC: price 75.25" in ask("work", "list").words
    done = ask("proposals", "confirm", proposed, *BECAUSE, "--yes", by="otto")
    assert done.out.endswith("✓ Done: is traded again: $75.25 is the price after $100.\n")
    assert "is the price already" in ask(*confirming, "--yes").out
    assert ask("prices", "list").out == "No price has jumped.\n"
    assert "prices confirm BTC" in ask("audit").words


def test_a_customer_and_a_stranger_are_sent_away(desk: Desk, ann: Owner, ask: Ask) -> None:
    order_id = _stuck(desk, ann)
    customer = ask("offramp", "credit-usd", order_id, *BECAUSE, "--yes", by="ann")
    assert (customer.code, "sign in as an operator" in customer.err) == (1, True)
    stranger = ask("work", "list", by="nobody")
    assert (stranger.code, "the desk does not take this token" in stranger.err) == (1, True)
    assert desk.offramp.order(ann, order_id).status == "SELL_PAYOUT_FAILED"


def test_what_is_proposed_for_stuck_work_is_not_refused(desk: Desk, ann: Owner, ask: Ask) -> None:
    _stuck(desk, ann)
    desk.buy(ann, "1", order_price="90")
    desk.accounts.withdraw(ann, "w", Money(40), "ann-bank")
    desk.run()
    waiting = ask("work", "list", "--json").json["items"]
    assert {item["context"] for item in waiting} == {"offramp", "orders", "accounts"}
    for item in waiting:
        possible = ask("work", "show", item["id"], "--json").json["acts"]
        assert possible
        for command in possible:
            asks = ("--reference", "line 11") if "reference" in command["asks"] else ()
            tried = ask(*command["command"].split(), item["id"], *asks, *BECAUSE, "--json")
            assert (tried.code, tried.json["done"]) == (0, False), tried.out


def test_pools_and_what_waits_in_them_are_found_and_shown(desk: Desk, ann: Owner, ask: Ask) -> None:
    """Also by the id of the batch that the pool will be, which is not closed yet."""
    desk.list_exchange_asset()
    purchase = desk.purchase(ann, "4")
    listed = ask("work", "list", "--context", "purchases")
    assert re.search(
        r"^purchases SOL:0 .* purchases for \$10\.00 together, or its deadline$", listed.words, re.MULTILINE
    )
    pool = ask("work", "show", "SOL:0").words
    assert f"SOL:0, pool; times are UTC\n\nbatch {purchase.batch_id}\nmembers {purchase.order_id}\n" in pool
    open_batch = ask("work", "show", purchase.batch_id)
    assert f"pool SOL:0\nmembers {purchase.order_id}\nwaits for purchases for $10.00 together" in open_batch.words
    bought = ask("work", "show", purchase.order_id).words
    assert f"status PENDING\npool SOL:0\nbatch {purchase.batch_id}\n" in bought


def test_a_wrong_list_is_told_with_those_that_there_are(ask: Ask) -> None:
    said = ask("work", "list", "--context", "nonsense")
    assert (said.code, "'accounts', 'batches', 'bills', 'books'" in said.err, "'purchases'" in said.err) == (
        2,
        True,
        True,
    )


def test_an_attempt_that_was_perhaps_never_sent_is_not_told_as_sent(desk: Desk, ann: Owner, ask: Ask) -> None:
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    thing_id = desk.accounts.withdraw(ann, "w", Money(40), "ann-bank").made.transfer_id
    desk.world.machines.run()
    shown = ask("work", "show", thing_id).words
    assert f"bank {thing_id}-01: PENDING, begun; it has not answered yet" in shown
    assert "asked bank" not in shown


def test_what_names_nothing_is_not_found(ask: Ask) -> None:
    for thing_id in ("S" + "A" * 25, "SOL:0"):
        for words in (("work", "show", thing_id), ("work", "redrive", thing_id, *BECAUSE)):
            said = ask(*words)
            assert (said.code, said.err) == (
                1,
                f"✗ nothing is known of {thing_id}; `desk work list` has what is unfinished\n",
            )


def test_every_act_of_the_desk_has_its_command(ask: Ask) -> None:
    for act in ACTS:
        said = ask(*act.command.split(), "X", *BECAUSE)
        assert (said.code, "No such command" in said.err) in ((2, False), (1, False)), said.err


def test_a_theft_is_found_by_a_command_and_the_audit_tells(desk: Desk, ask: Ask) -> None:
    """It agrees; something comes that is not taken yet; somebody who has the key takes all there is of another."""
    market = desk.market
    market.list_pair()
    market.poll()
    never = ask("compare", "custody", "--last")
    assert (never.code, "never compared" in never.err) == (1, True)
    market.pay(ANN, BTC, "0.02", b"Refund: what we had sent")
    market.pay(ANN, USDT, "905", b"Refund: what we had sent")
    market.poll()
    agrees = ask("compare", "custody")
    assert (agrees.code, agrees.err) == (0, "")
    assert "BTC 0.02 0 0.02 0 0 0 agrees" in agrees.words
    market.steal(BTC)
    market.poll()
    off = ask("compare", "custody")
    assert off.code == 1
    assert "BTC 0 0 0.02 0 0 -0.02 off" in off.words
    assert "USDT 905 0 905 0 0 0 agrees" in off.words
    assert "docs/runbooks/custody-off.md" in off.out
    last = ask("compare", "custody", "--last")
    assert last.code == 1
    assert last.words.splitlines()[2:] == off.words.splitlines()[2:]
    told = [line for line in ask("audit", "--date", "2026-11-21").words.splitlines() if "compare custody" in line]
    assert [line.partition("olga ")[2] for line in told] == [
        "compare custody custody 2 assets; off: BTC",
        "compare custody custody 2 assets; all agree",
    ]


def test_a_custody_that_is_silent_is_asked_again_later(desk: Desk, ask: Ask) -> None:
    desk.market.list_pair()
    desk.market.custody.down = True
    silent = ask("compare", "custody")
    assert (silent.code, "not now" in silent.err) == (75, True)


def test_dealers_and_their_bills_are_listed_and_shown(desk: Desk, ask: Ask) -> None:
    dealership = desk.dealership
    assert "There are none." in ask("billing", "dealers", "list").words
    dealer_id = dealership.active().dealer_id
    paid, late = dealership.billed(100_00), dealership.billed(200_00)
    dealership.pay(100_00, paid)
    desk.clock.forward(days=11)
    listed = ask("billing", "dealers", "list")
    assert (listed.code, dealer_id in listed.words, "ACTIVE" in listed.words) == (0, True, True)
    shown = ask("billing", "dealers", "show", "cme-7")
    assert "COMMISSION READY 100.00 0.00 version 1" in shown.words
    bills = ask("billing", "bills", "list", dealer_id).words.splitlines()
    assert [line.split()[0] for line in bills[1:]] == [late.bill_id, paid.bill_id]
    assert "overdue" in bills[1]
    bill = ask("billing", "bills", "show", late.bill_id)
    assert "0.00 of 200.00 roubles" in bill.words
    unknown = ask("billing", "bills", "show", "IAAAAAAAAAAAAAAAAAAAAAAAAA")
    assert (unknown.code, "no such bill" in unknown.err) == (1, True)


def test_what_came_for_a_dealer_is_listed_with_what_is_aside(desk: Desk, ask: Ask) -> None:
    dealership = desk.dealership
    dealer_id = dealership.active().dealer_id
    contract = str(dealership.account().contract_id)
    assert "There are none." in ask("billing", "payments", "list", "cme-7").words
    bill = dealership.billed(100_00)
    for kopecks in (40_00, 70_00):
        dealership.pay(kopecks, bill)
    dealership.payments.take(strange(dealership, 5_00, invoice_id="invoice-of-nobody"))
    of_nobody = parked(desk, strange(dealership, 6_00, contract_id="contract-of-nobody"))
    dealership.payments.park(b"poison", "not JSON")
    listed = ask("billing", "payments", "list", "cme-7")
    assert (listed.code, listed.err) == (0, "")
    sums = [f"{sum_} {left}" for sum_, left in (("5.00", "5.00"), ("70.00", "0.00"), ("40.00", "0.00"))]
    lines = [line for line in listed.words.splitlines() if line.startswith("Y")]
    assert [told in line for told, line in zip(sums, lines, strict=True)] == [True] * 3
    assert "PARKED 5.00" in lines[0]
    assert "no bill has this invoice" in lines[0]
    assert "desk work show ID" in listed.out
    assert f"{contract} SPREAD" in lines[1]
    told = ask("billing", "payments", "list", dealer_id, "--json").json
    assert [each["amount"] for each in told["items"]] == ["70.00", "40.00"]
    assert ask("billing", "payments", "list", "--contract", contract, "--json").json == told
    assert ask("billing", "payments", "list", "cme-7", "--limit", "1", "--json").json["items"] == told["items"][:1]
    nobodys = ask("billing", "payments", "list", "--contract", "contract-of-nobody", "--json").json
    assert ([each["id"] for each in nobodys["aside"]], nobodys["items"]) == ([of_nobody], [])
    for wrong in ((), ("cme-7", "--contract", contract)):
        assert ask("billing", "payments", "list", *wrong).code == 2
    unknown = ask("billing", "payments", "list", "cme-8")
    assert (unknown.code, "no dealer" in unknown.err) == (1, True)


def test_what_two_have_decided_of_a_payment_is_aside_no_more(desk: Desk, ask: Ask) -> None:
    desk.dealership.active()
    thing_id = parked(desk, strange(desk.dealership, 5_00, invoice_id="invoice-of-nobody"))
    reference = ("--reference", "statement, line 4", *BECAUSE, "--yes")
    ask("payments", "dismiss", thing_id, *reference)
    (proposal,) = (item["id"] for item in ask("work", "list", "--json").json["items"] if item["context"] == "proposals")
    assert len(ask("billing", "payments", "list", "cme-7", "--json").json["aside"]) == 1
    assert ask("proposals", "confirm", proposal, *BECAUSE, "--yes", by="otto").code == 0
    desk.dealership.rounds.round(lambda: True)
    told = ask("billing", "payments", "list", "cme-7", "--json").json
    assert (told["aside"], told["items"]) == ([], [])


def test_a_dealers_month_is_shown_and_written_as_pdf(
    desk: Desk, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_CALLED_FROM", str(tmp_path))
    dealer_id = desk.dealership.active().dealer_id
    bill = desk.dealership.billed(100_00)
    desk.dealership.pay(130_00, bill)
    shown = ask("billing", "statement", "cme-7", "2026-11", "--pdf", "month.pdf")
    assert (shown.code, shown.err) == (0, "")
    assert "a preview" in shown.out
    assert "opening 0.00" in shown.words
    assert f"BILL {bill.number} -100.00 -100.00 {bill.deal_id}" in shown.words
    assert "130.00 30.00" in shown.words
    assert (tmp_path / "month.pdf").read_bytes().startswith(b"%PDF-")
    told = ask("billing", "statement", dealer_id, "2026-11", "--json").json
    assert (told["closing_balance"], told["cme_dealer_id"]) == ("30.00", "cme-7")
    nowhere = ask("billing", "statement", "cme-7", "2026-11", "--pdf", "no/such/folder.pdf")
    assert (nowhere.code, "No such file" in nowhere.err) == (2, True)
    for dealer, month, code in (("cme-7", "2027-01", 1), ("cme-7", "november", 2), ("cme-8", "2026-11", 1)):
        assert ask("billing", "statement", dealer, month).code == code


def test_the_billing_system_is_held_against_the_books(desk: Desk, ask: Ask) -> None:
    dealership = desk.dealership
    dealership.active()
    dealership.pay(100_00, dealership.billed(100_00))
    never = ask("compare", "billing", "--last")
    assert (never.code, "never compared" in never.err) == (1, True)
    agrees = ask("compare", "billing")
    assert (agrees.code, agrees.err) == (0, "")
    assert "has what is booked, of 2 invoices and payments" in agrees.words
    dealership.message(7_00)  # and nobody takes it
    assert ask("compare", "billing").code == 75
    desk.clock.forward(minutes=16)
    off = ask("compare", "billing")
    assert (off.code, "7 0 off it was never told to us" in off.words) == (1, True)
    assert "docs/runbooks/billing-off.md" in off.out
    assert json.loads(ask("compare", "billing", "--json").out)["verdict"] == "OFF"


def test_what_has_moved_since_its_dry_run_is_not_done_where_that_is_said(desk: Desk, ann: Owner, ask: Ask) -> None:
    order_id = _stuck(desk, ann)
    retry = ("offramp", "retry-payout", order_id, *BECAUSE)
    (seen,) = re.findall(r"--seen (\S+) ", ask(*retry).out)
    desk.world.simulated.set_outcome("fail", times=5)
    assert ask("--seen", seen, *retry, "--yes").code == 0
    desk.run()
    refused = ask("--seen", seen, *retry, "--yes")
    assert (refused.code, "has moved since this was tried" in " ".join(refused.err.split())) == (1, True)
    assert ask(*retry, "--yes").code == 0
