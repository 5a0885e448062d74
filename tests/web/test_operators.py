"""What operators look at besides the work: books, audit, rules; and that the command line tells the same story."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

from playwright.sync_api import expect

from common.domain import audit
from common.domain.audit import AuditEntry
from common.owner import Owner
from console import chain
from infra.bundle import ROOT
from sandbox.serving import serve
from tests.console.run import desk as said
from tests.console.test_stuck import gateway
from tests.depth import PROVED
from tests.desk import Desk
from tests.doors import opened
from tests.seen import awaiting
from tests.web.conftest import NARROW, Tabs, sideways


def squashed(text: str) -> str:
    """Without what only aligns it, or breaks its lines."""
    return "".join(text.split())


def test_page_and_command_line_tell_the_same_story_of_a_stuck_order(tabs: Tabs, desk: Desk, stuck: str) -> None:
    """Each move and each call, in their order; where it stands; and what may be done."""
    doors = tabs.console.doors
    assert doors is not None
    told = doors.operator().get(f"/operations/work/{stuck}").json
    with serve(gateway(doors), name="api") as running:
        typed = squashed(said("work", "show", stuck, url=running.url, token="olga").out)
    page = tabs.of("olga", f"/work/{stuck}")
    expect(page.locator(".machine svg")).to_be_visible()
    shown = squashed(page.locator("main").inner_text())
    moved = squashed(page.locator(".timeline").inner_text())
    expect(page.get_by_role("link", name="ann")).to_have_attribute("href", "/customers/ann")
    for words in (typed, moved):
        at = 0
        for event in told["events"]:
            at = words.find(squashed(event["reason"]), at)
            assert at >= 0, event
    facts = [told["status"], told["waits_for"], told["waits_since"][:19].replace("T", " "), told["execution"]["status"]]
    calls = [call[name] for call in told["calls"] for name in ("our_id", "their_id", "state", "says") if call[name]]
    states = [state["state"] for state in told["execution"]["states"]]
    acts = [act["command"] for act in told["acts"]]
    assert len(acts) == 3
    for fact in (*facts, *calls, *states, *acts):
        assert squashed(fact) in typed, fact
        assert squashed(fact) in shown, fact
    assert "aperson" + "isneeded" in typed
    assert "foraperson" in shown


def test_the_picture_of_a_machine_outlines_where_it_is_and_has_been(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    page = tabs.of("vera", f"/work/{awaiting(desk, ann)}")
    expect(page.locator(".machine .here")).to_have_text("AwaitPayout")
    expect(page.locator(".machine .been")).to_have_text(["CreatePayout"])
    expect(page.get_by_role("img", name="The machine payout: it is in AwaitPayout")).to_be_visible()
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("row", name="CreatePayout").first).to_contain_text("AwaitPayout")


@PROVED
def test_the_work_is_filtered_by_customer_and_person_and_told_by_context(tabs: Tabs, desk: Desk, stuck: str) -> None:
    desk.buy(desk.customer("bob"), "0.5", order_price="50")
    page = tabs.of("olga", "/work")
    expect(page.get_by_text("offramp 1 · orders 1")).to_be_visible()
    page.get_by_label("Customer").fill("bob")
    expect(page.get_by_text("1 unfinished, 0 overdue, 0 for a person")).to_be_visible()
    page.get_by_label("For a person", exact=True).check()
    expect(page.get_by_text("Nothing fits that.")).to_be_visible()
    page.get_by_label("Customer").fill("ann")
    expect(page.get_by_role("link", name=stuck)).to_be_visible()


@PROVED
def test_the_books_are_shown_as_they_add_up_and_as_others_tell_them(tabs: Tabs, desk: Desk, stuck: str) -> None:
    desk.clock.forward(days=1)
    desk.comparing_bank.round(lambda: True)
    desk.dealership.active()
    desk.dealership.message(7_00)
    for _ in range(2):
        desk.comparing_billing.round(lambda: True)
        desk.clock.forward(days=1)
    page = tabs.of("olga", "/books")
    expect(page.get_by_text("The books were never added up.")).to_be_visible()
    page.get_by_role("button", name="Add them up now").click()
    expect(page.get_by_role("button", name="Add them up now")).to_be_enabled()
    desk.cross_checking.round(lambda: True)
    page.reload()
    expect(page.get_by_text("BALANCED")).to_be_visible()
    assert page.get_by_role("table", name="Every account of the books").locator("mark").count() == 0
    bank = page.get_by_role("region", name="Bank")
    expect(bank.get_by_text("AGREES").first).to_be_visible()
    bank.get_by_label("Day").fill("2026-11-19")
    expect(bank.get_by_text("That day was never compared.")).to_be_visible()
    bank.get_by_role("button", name="Compare now").click()
    expect(bank.get_by_text("it is compared within a quarter of an hour")).to_be_visible()
    days = page.get_by_role("table", name="Day by day").get_by_role("row")
    expect(days).to_have_count(3)  # with its head
    expect(days.nth(1)).to_contain_text(re.compile("OFF.*payment"))
    page.set_viewport_size(NARROW)
    assert not sideways(page)


def test_acts_are_found_in_the_audit_and_its_chain_is_reckoned_anew(tabs: Tabs, desk: Desk) -> None:
    for number, who in enumerate(("olga", "oleg", "olga"), 1):
        done = AuditEntry(desk.clock(), who, "offramp void", f"S{number}", f"ticket {number}")
        desk.table.write(*audit.entry(desk.table, done))
    desk.anchoring.round()
    page = tabs.blank("vera")
    page.clock.set_fixed_time(desk.clock())
    page.goto(f"{tabs.console.url}/audit")
    expect(page.get_by_text("3 of 3 acts")).to_be_visible()
    page.get_by_label("Operator").fill("olga")
    page.get_by_label("Subject, or words").fill("ticket 3")
    expect(page.get_by_text("1 of 3 acts")).to_be_visible()
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.get_by_text("3 acts are as they were written, and 1 signed heads say the same.")).to_be_visible()


def test_a_page_finds_the_same_faults_of_a_chain_as_the_command_line(desk: Desk) -> None:
    """Changed, left out, put elsewhere; words of every alphabet; an anchor that nobody has signed, and one of another
    entry."""
    for number in range(1, 5):
        detail = f'"{number}"\\ \x7f é 注 😀 #{number}'
        desk.table.write(
            *audit.entry(desk.table, AuditEntry(desk.clock(), "olga", "offramp void", f"S{number}", detail))
        )
        if number == 2:
            desk.anchoring.round()
    with opened(desk) as doors:
        olga, day = doors.operator(), f"{desk.clock():%Y-%m-%d}"
        entries = olga.get("/operations/audit", date=day, limit=100).json["items"][::-1]
        anchors = olga.get("/operations/audit/anchors", date=day).json["items"]
        head = olga.get("/operations/audit/head").json
    assert len(anchors) == 1
    forged = [{**anchors[0], "signature": anchors[0]["signature"][:-6] + "AAAA" + anchors[0]["signature"][-2:]}]
    cases: list[tuple[list[Any], list[Any]]] = [
        (entries, anchors),
        ([*entries[:1], {**entries[1], "detail": "nothing"}, *entries[2:]], anchors),
        ([entries[0], *entries[2:]], anchors),
        ([entries[1], entries[0], *entries[2:]], anchors),
        (entries[:3], anchors),
        (entries, forged),
        (entries, [{**anchors[0], "number": "1"}]),
    ]
    code = (
        "const [of, told] = process.argv.slice(1); const { chainFaults } = await import(of); const { cases, head } = "
        "JSON.parse(told); const found = await Promise.all(cases.map(([e, a]) => chainFaults(e, head, a))); "
        "console.log(JSON.stringify(found))"
    )
    told = json.dumps({"cases": cases, "head": head})
    asked = ["node", "--input-type=module", "-e", code, str(ROOT / "web" / "chain.js"), told]
    ran = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30)
    ours = [list(chain.faults(e, head, a)) for e, a in cases]
    assert json.loads(ran.stdout) == ours
    assert [bool(faults) for faults in ours] == [False] + [True] * 6


def test_other_rules_of_an_asset_are_shown_beside_the_old_ones_and_take_two(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    olga = tabs.of("olga", "/catalogue")
    olga.get_by_role("link", name="BTC").click()
    olga.get_by_label("Least, in dollars").fill("25.00")
    olga.get_by_label("Spread, in basis points").fill("15")
    changes = olga.get_by_role("table", name="What changes")
    expect(changes.get_by_role("row", name="Spread, in basis points")).to_contain_text("15")
    expect(changes.get_by_role("row")).to_have_count(3)
    olga.get_by_label("Reason").fill("it costs more")
    olga.get_by_role("button", name="See what it would do").click()
    expect(olga.get_by_text("spread_bps from 0 to 15")).to_be_visible()
    olga.get_by_role("button", name="Do it").click()
    expect(olga.get_by_text("It waits for a second person")).to_be_visible()
    (waiting,) = desk.operations.work(("proposals",), overdue_only=False, limit=2)
    desk.proposals.confirm(waiting.id, "so it is", "oleg", dry_run=False)
    olga.reload()
    expect(olga.get_by_label("Spread, in basis points")).to_have_value("15")


def test_what_is_stuck_and_what_has_failed_is_found_by_its_state(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """In two clicks from the list of machines; the story beyond names its runbook, and leads there if the docs are."""
    assert desk.market
    assert desk.dealership
    stuck, failed = awaiting(desk, ann), awaiting(desk, ann)
    (execution,) = [e for e in desk.world.machines.executions if e.name == failed and e.running]
    desk.world.machines.kill(execution.arn)
    page = tabs.of("vera", "/machines")
    expect(page.get_by_role("row", name="payout").get_by_role("cell").nth(0)).to_have_text("1")
    page.get_by_role("link", name="payout").click()
    for says, order_id in (("Running", stuck), ("Failed", failed)):
        there = page.get_by_role("region", name=says, exact=True)
        expect(there.locator("dl")).to_have_text(re.compile("^AwaitPayout ?1, the oldest since 20"))
        expect(there.get_by_role("row", name=order_id)).to_contain_text("AwaitPayout")
    page.get_by_role("link", name=failed).click()
    expect(page.get_by_text("docs/runbooks/executions-failed.md")).to_be_visible()
    page.route("**/config.json", lambda route: route.fulfill(json=route.fetch().json() | {"docs": "/docs/site/"}))
    page.reload()
    runbook = page.get_by_role("link", name="executions-failed")
    expect(runbook).to_have_attribute("href", f"{tabs.console.url}/docs/site/runbooks/executions-failed.html")
