"""What `desk` sends, and what it makes of every answer: against an HTTP server that plays the API."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from typer.testing import CliRunner

from console import output
from console.__main__ import app
from local.environment import LocalEnvironment
from sandbox.serving import Answer, Drop, Request, as_json, serve
from tests.console.run import Said, desk, token
from tests.depth import sampled
from tests.gateways.wire import row
from tests.harness.anchors import in_memory

ID, WITHDRAWAL, ORDER = "SALE567890123456789012345", "WITHDRAWAL012345678901234", "ORDER67890123456789012345"
BATCH, PROPOSAL, STRAY = "B" + "A" * 25, "E" + "A" * 25, "N" + "A" * 25
HALT = "H" + "A" * 25
OPENAPI = Path(__file__).parents[2] / "docs" / "openapi.json"
WHEN = "2026-11-21T12:00:00.000000Z"
KEY = in_memory().public_key()


def outcome(thing_id: str) -> dict[str, Any]:
    return row("id before after done says", thing_id, "PENDING", "FILLED", True, "the held $9.90 count as paid")


ACTS_OF_EVENTS: list[dict[str, Any]] = [
    {"command": f"parked {verb}", "route": f"POST /operations/parked/evt_1/{verb}", "does": verb, "asks": []}
    for verb in ("replay", "dismiss")
]
EVENT = {
    **row("webhook_id why reference_id adjustment_id", "evt_1", "there is no such attempt", f"{ID}-01", "adj_1"),
    **row("account_id amount state failure_code", "acc-ann", "99.90", "FAILED", "ACCOUNT_CLOSED"),
    **row("at parked_at strange acts", WHEN, WHEN, None, ACTS_OF_EVENTS),
}
STOPPED = {
    "asset_id": "BTC",
    "stopped_at": WHEN,
    "price": "100",
    "price_source": "coingecko",
    "price_as_of": WHEN,
    "unconfirmed_price": "75.25",
    "unconfirmed_source": "coingecko",
    "unconfirmed_as_of": WHEN,
    "acts": [
        {
            "command": "prices confirm",
            "route": "POST /operations/prices/BTC/confirm",
            "does": "believe it",
            "asks": ["price"],
        }
    ],
}
CLIENT = {
    **row("client_id kind username status", "ann-bank", "BANKING", "ann", "BLOCKED"),
    **row("account_id account_state updated_at", "acc-ann", "TOLD", WHEN),
}


def story(thing_id: str = ID, **more: Any) -> dict[str, Any]:
    """Of what waits for a person."""
    return {
        **row("id kind username status waits_for", thing_id, "sell_order", "ann", "TARGET_TXN_PENDING", "an operator"),
        **row("waits_since due_at needs_person runbook pool batch", WHEN, WHEN, True, "needs-person", None, None),
        **row("members events calls execution execution_before proposal acts", [], [], [], None, None, None, []),
        **more,
    }


M, SNAPSHOT, OUTGOING = "M" + "A" * 26, "N" + "B" * 26, "X" + "A" * 25
PAYMENT = "Y" + "A" * 25
DEALER = "C" + "A" * 25
TOTAL, REMINDER = f"{DEALER}:COMMISSION", "I" + "A" * 25 + ":REMINDER"
TOTAL = "C" + "A" * 25 + ":COMMISSION"
REFUND = "F" + "A" * 25
REMINDER = "I" + "A" * 25 + ":REMINDER"
PAIR, SOMEBODY = "0776b00f-95c0-46f9-85e4-7b8e7ca51e94", "773e5e77-4107-45c2-b648-8fc722ed77f5"
MARKET_MAKING = {
    **row("order_id status pair exchange account_id", M, "failed", "BTC-USDT", "binance", "mm1"),
    **row("username opponent_id base_quantity quote_quantity", None, SOMEBODY, "0.1", "4995"),
    **row("reason waits_for needs_person created_at updated_at", "refused", "an operator", True, WHEN, WHEN),
}
LIFE = {
    "order": MARKET_MAKING,
    "snapshots": [row("id disposition asset_id quantity reason taken_at", SNAPSHOT, "WITHDRAWN", PAIR, "1", "x", WHEN)],
    "legs": [
        {
            **row("way asset quantity network status sent_by", "OUT", "BTC", "0.1", "BTC", "CONFIRMED", OUTGOING),
            **row("transaction_hash arrived", "ff", None),
        }
    ],
    "outgoing": [
        {
            **row(
                "id kind asset_id quantity to status attempt", OUTGOING, "FUNDING", PAIR, "0.1", "bc1q", "REFUSED", 1
            ),
            **row("reason needs_person transaction_hash withdrawal_hash", "[red]no[/]", True, None, None),
        }
    ],
    "events": [row("at before after reason actor", WHEN, "withdrawing", "failed", "refused", "the machine")],
    "quotes": {
        **row("cycle base quote fills traded two_sided rejected", 7, "0.1", "4995", 48, "9529.7", "0.9731", 0),
        "slots": [row("slot state price quantity filled", "b0", "pending_replace", "59880", "0.02", "0.005")],
    },
}
PARKED_SNAPSHOT = {
    **row("id snapshot_id disposition reason asset_id", SNAPSHOT, SOMEBODY, "PARKED", "nobody is named", PAIR),
    **row("quantity opponent_id memo deposit_hash order_id", "0.5", None, None, "ff", None),
    **row("outgoing_id taken_at due_at acts", None, WHEN, WHEN, []),
}
PAIRS = {
    "items": [
        {
            **row(
                "pair_id pair exchange base_asset_id quote_asset_id", PAIR, "BTC-USDT", "binance", SOMEBODY, SOMEBODY
            ),
            **row("base_min quote_min fee_bps enabled", "0.01", "100", "10", True),
        }
    ]
}
ACCOUNTS = {
    "items": [
        row("account_id exchange capacity orders enabled shard fee_coin", "mm1", "binance", 3, 1, True, "1", "BNB")
    ]
}

FILLS = [
    {
        **row("trade_id at side price quantity quote_quantity", "7", WHEN, "BUY", "60000", "0.01", "600"),
        **row("fee fee_asset maker exchange_order_id", "0.6", "USDT", True, "4711"),
    }
]
DAY = "2026-11-28"
CAMPAIGN = f"137-0x{1:040x}"
JOINED = {
    **row("account_id campaign_id type exchange pair", "mm1", CAMPAIGN, "MARKET_MAKING", "binance", "BTC-USDT"),
    **row("status starts_at ends_at fund token", "ACTIVE", WHEN, WHEN, "3000", "HMT"),
    **row("minimum_volume daily_target participant joined_at", None, "10000", f"0x{2:040x}", WHEN),
    **row("volume total_volume reward told_at", "4500", "5000", "45", WHEN),
}
NOT_TOLD = row("volume total_volume reward told_at", None, None, None, None)
PERIODS = [
    {
        **row("first_day last_day volume total_volume reward told_at", DAY, DAY, "4500", "5000", "45", WHEN),
        "shares": [row("order_id maker_volume reward", M, "4500", "45")],
    }
]


def trial(together: str) -> dict[str, Any]:
    accounts = [row("account amount", *told) for told in (("customers", "12.5"), ("desk", "0.5"), ("bank", "-13"))]
    why = [row("account amount", "sell_order", "0.5")]
    asset = row("asset_id desk why accounts sum", "USD", "0.5", why, accounts, together)
    return row("until balanced assets", WHEN, together == "0", [asset])


def bank_compared(*payouts: dict[str, Any], verdict: str = "AGREES") -> dict[str, Any]:
    together = row(
        "id order_id there booked verdict why",
        "all together",
        None,
        "30.50",
        "20.50" if payouts else "30.50",
        "OFF" if payouts else "AGREES",
        "",
    )
    told = row("of verdict compared_at compared_by compared", "bank.2026-11-20", verdict, WHEN, "the clock", 2)
    return told | {"payouts": [*payouts, together]}


def exchange_compared(*orders: dict[str, Any], verdict: str = "AGREES") -> dict[str, Any]:
    told = bank_compared(*orders, verdict=verdict)
    return {**told, "of": "exchange.2026-11-20", "orders": told.pop("payouts")}


def compared(*assets: dict[str, Any], verdict: str = "AGREES") -> dict[str, Any]:
    """By default of nothing that is told apart."""
    told = row("of verdict compared_at compared_by compared", "custody", verdict, WHEN, "the clock", len(assets))
    return {**told, "assets": list(assets)}


def asset(verdict: str, unspent: str, difference: str, why: str | None = None, name: str | None = "BTC") -> Any:
    return {
        **row("asset_id asset unspent held waiting unsent", SOMEBODY, name, unspent, "0.1", "0.02", "0.003"),
        **row("desk difference verdict why", "0.0004", difference, verdict, why),
    }


MOVE = row("transaction_type amount asset_id quantity order_id created_at", "BUY", "50.00", "BTC", "0.5", ORDER, WHEN)
CUSTOMER = {
    **row("username tier current_balance held_balance", "ann", "GOLD", "50.00", "90.00"),
    "assets": [row("asset_id quantity held_quantity", "BTC", "0.5", "0")],
    "held": [row("asset_id held by unexplained", "USD", "90.00", [ORDER, ID, WITHDRAWAL], "0.00")],
    "open": [
        {
            **row("id kind asset_id status since expires_at", ORDER, "ORDER", "BTC", "PENDING", WHEN, None),
            **row("waits_for holds holds_asset_id", "the price", "50.00", "USD"),
        },
        {
            **row("id kind asset_id status since expires_at", M, "MARKET_MAKING", "BTC", "running", WHEN, None),
            **row("waits_for holds holds_asset_id", "you to stop it", None, None),
        },
    ],
    "moves": [{**MOVE, "balance_after": "140.00"}, {**MOVE, "balance_after": None}],
    "clients": [CLIENT],
    "limits": [row("kind limit used left", "PAYOUT", "10000.00", "90.00", "9910.00")],
}
POOL = {
    **row("id asset_id sells total worth min_notional", "SOL:0", "SOL", False, "4.00", "4.00", "10.00"),
    **row("opened_at due_at batch_id members", WHEN, WHEN, BATCH, ["P" + "A" * 25]),
}
FAILED = row("id kind at before after reason actor", BATCH, "batch", WHEN, "WORKING", "DECIDED", "[red]no[/]", "olga")

OPERATOR = {
    **row("username groups enabled barred", "oleg", ["operators", "approvers"], None, False),
    **row("signed_out_at disabled_at", "2026-11-21T12:00:00.000000Z", None),
    **row("own_accounts namesake", ["ann"], None),
}
HALTED = {
    "flow": "orders",
    "asset_id": None,
    "reason": "strange prices",
    "halted_by": ["olga"],
    "halted_at": "2026-11-21T12:00:00.000000Z",
}
LISTED = {
    "asset_id": "BTC",
    "name": "Bitcoin",
    "precision": 8,
    "min_notional": "10.00",
    "max_notional": "100000.00",
    "execution": "INSTANT",
    "active": True,
    "price_source_id": "bitcoin",
    "exchange_symbol": "BTC",
    "spread_bps": 20,
    "fees_bps": {"STANDARD": 50, "SILVER": 30, "GOLD": 10},
}
ANSWERS: Mapping[tuple[str, str], Any] = {
    ("GET", "/operations/customers/ann"): CUSTOMER,
    ("GET", "/operations/customers/ann/moves"): {"items": [MOVE], "complete": False},
    ("GET", "/operations/find"): {
        "items": [row("id kind by username status", ID, "sell_order", "the bank's reference", "ann", "FILLED")]
    },
    ("GET", "/operations/pools"): {
        "items": [POOL, {**POOL, **row("id sells worth min_notional", "SOL:0:SALES", True, None, None)}]
    },
    ("GET", "/operations/failures"): {"items": [FAILED, {**FAILED, "before": None}], "cursor": None},
    ("GET", "/operations/users"): {"items": [row("username created_at", "ann", WHEN)], "cursor": None},
    ("GET", "/operations/work"): {
        "items": [
            row("context id waits_for due_at overdue needs_person", "offramp", ID, "an operator", WHEN, True, True)
        ]
    },
    ("GET", f"/operations/work/{ID}"): story(),
    ("POST", f"/operations/work/{ID}/redrive"): outcome(ID),
    **{
        ("POST", f"/operations/work/{ID}/{verb}"): outcome(ID)
        for verb in ("approve-payout", "decide-order", "decide-payout")
    },
    ("POST", "/operations/users/ann/move"): outcome(PROPOSAL),
    ("POST", "/operations/users/ann/deposits"): outcome(PROPOSAL),
    ("POST", "/operations/users/ann/tier"): outcome(PROPOSAL),
    ("POST", "/operations/users/ann/forget"): outcome(PROPOSAL),
    **{("POST", f"/operations/proposals/{PROPOSAL}/{verb}"): outcome(PROPOSAL) for verb in ("confirm", "dismiss")},
    **{
        ("POST", f"/operations/sell-orders/{ID}/{verb}"): outcome(ID)
        for verb in ("retry-payout", "mark-filled", "credit-usd", "abandon-attempt", "void")
    },
    **{
        ("POST", f"/operations/withdrawals/{WITHDRAWAL}/{verb}"): outcome(WITHDRAWAL)
        for verb in ("retry-payout", "complete", "reject", "abandon-attempt")
    },
    ("POST", f"/operations/batches/{BATCH}/void"): outcome(BATCH),
    ("POST", f"/operations/strays/{STRAY}/close"): outcome(STRAY),
    ("POST", f"/operations/orders/{ORDER}/fail"): outcome(ORDER),
    ("GET", "/operations/market-making"): {"items": [MARKET_MAKING], "cursor": None},
    ("GET", f"/operations/market-making/{M}"): LIFE,
    ("GET", f"/operations/market-making/{M}/fills"): {"items": FILLS, "cursor": None},
    **{
        ("POST", f"/operations/market-making/{M}/{verb}"): outcome(M)
        for verb in (
            "stop",
            "withdraw",
            "halt",
            "home",
            "decide-deposit",
            "decide-fills",
            "decide-return",
            "withdraw-again",
            "keep-rest",
            "look-back",
        )
    },
    ("GET", "/operations/market-making/campaigns"): {"items": [JOINED, {**JOINED, **NOT_TOLD}]},
    ("GET", f"/operations/market-making/campaigns/mm1/{CAMPAIGN}"): {"campaign": JOINED, "periods": PERIODS},
    ("GET", "/operations/trading-accounts"): ACCOUNTS,
    ("PUT", "/operations/trading-accounts/mm1"): outcome("mm1"),
    ("POST", "/operations/trading-accounts/mm1/halt"): outcome(HALT),
    ("POST", f"/operations/halts/{HALT}/lift"): outcome(HALT),
    ("GET", "/operations/pairs"): PAIRS,
    ("PUT", f"/operations/pairs/{PAIR}"): outcome(PAIR),
    ("GET", "/operations/snapshots"): {"items": [PARKED_SNAPSHOT]},
    ("GET", f"/operations/snapshots/{SNAPSHOT}"): PARKED_SNAPSHOT,
    **{("POST", f"/operations/snapshots/{SNAPSHOT}/{v}"): outcome(SNAPSHOT) for v in ("assign", "refund", "take")},
    ("POST", f"/operations/dealers/{DEALER}/forget"): outcome(DEALER),
    **{("POST", f"/operations/deposits/{DEALER}/{v}"): outcome(DEALER) for v in ("let-go", "keep", "paid")},
    **{
        ("POST", f"/operations/payments/{PAYMENT}/{verb}"): outcome(PAYMENT)
        for verb in ("replay", "assign", "dismiss", "identify", "recall")
    },
    ("POST", f"/operations/refunds/{REFUND}/retry"): outcome(REFUND),
    ("POST", f"/operations/shortages/{SNAPSHOT}/book-loss"): outcome(SNAPSHOT),
    ("POST", f"/operations/totals/{TOTAL}/agree"): outcome(TOTAL),
    ("POST", f"/operations/totals/{TOTAL}/refund"): outcome(TOTAL),
    **{("POST", f"/operations/ties/{SNAPSHOT}/{v}"): outcome(SNAPSHOT) for v in ("skip", "settle")},
    **{
        ("POST", f"/operations/outgoing/{OUTGOING}/{v}"): outcome(OUTGOING)
        for v in ("retry", "resend", "decide", "call-off")
    },
    ("POST", f"/operations/reminders/{REMINDER}/snooze"): outcome(REMINDER),
    ("GET", "/operations/parked"): {"items": [EVENT]},
    ("GET", "/operations/prices"): {"items": [STOPPED]},
    ("GET", "/operations/operators"): {"items": [OPERATOR, {**OPERATOR, "enabled": True, "barred": True}]},
    **{("POST", f"/operations/operators/oleg/{verb}"): outcome("oleg") for verb in ("sign-out", "disable")},
    ("GET", "/operations/halts"): {"items": [HALTED, {**HALTED, "asset_id": "BTC"}]},
    ("POST", "/operations/flows/orders/halt"): outcome("orders"),
    ("POST", "/operations/flows/all/halt"): outcome("all:BTC"),
    ("POST", "/operations/flows/orders/lift"): outcome("orders"),
    ("GET", "/operations/catalogue"): {"items": [LISTED]},
    ("GET", "/operations/catalogue/BTC"): LISTED,
    ("PATCH", "/operations/catalogue/BTC"): outcome("BTC"),
    ("PUT", "/operations/catalogue/DOGE"): outcome("DOGE"),
    ("POST", "/operations/prices/BTC/confirm"): outcome("BTC"),
    ("POST", "/operations/parked/evt_1/replay"): outcome("evt_1"),
    ("POST", "/operations/parked/evt_1/dismiss"): outcome("evt_1"),
    ("GET", "/operations/clients/ann-bank/banking"): CLIENT,
    ("PUT", "/operations/clients/ann-bank/banking"): outcome("ann-bank"),
    ("GET", "/operations/audit"): {"items": [], "cursor": None},
    ("GET", "/operations/audit/head"): {
        **row("number digest at first_date anchored_since public_key", 0, None, None, None, "2026-11-21", KEY),
    },
    ("GET", "/operations/audit/anchors"): {"items": []},
    ("POST", "/operations/reconcile"): {"username": "ann", "lines": 3, "differences": []},
    **{(method, "/operations/compare/custody"): compared() for method in ("GET", "POST")},
    ("GET", "/operations/compare/bank"): bank_compared(),
    ("GET", "/operations/compare/exchange"): exchange_compared(),
    ("GET", "/operations/desk"): trial("0"),
    ("POST", "/operations/compare/bank"): {"of": "bank", "date": "2026-11-20"},
    ("POST", "/operations/compare/exchange"): {"of": "exchange", "date": "2026-11-20"},
    ("POST", "/operations/desk"): {"asked_at": "2026-11-21T10:00:00.000000Z"},
}


@dataclass
class FakeDesk:
    """Answers as the API would; `asked` is everything that came."""

    url: str = ""
    answers: dict[tuple[str, str], Any] = field(default_factory=lambda: dict(ANSWERS))
    asked: list[Request] = field(default_factory=list)
    instead: Answer | Drop | None = None  # to everything

    def decide(self, request: Request) -> Answer:
        self.asked.append(request)
        found = self.instead or self.answers[request.method, f"/{'/'.join(request.path)}"]
        if isinstance(found, Drop):
            raise found
        return found if isinstance(found, Answer) else as_json(found)

    def says(self, *words: str) -> Said:
        return desk(*words, url=self.url, token=token("olga"))

    @property
    def changed(self) -> list[Request]:
        """What was asked that is no look, nor a dry run."""
        compare = ("operations", "compare")
        looks = (("operations", "reconcile"), (*compare, "custody"), (*compare, "bank"))
        return [
            request
            for request in self.asked
            if request.method != "GET"
            and tuple(request.path) not in looks
            and not json.loads(request.body).get("dry_run")
        ]


@pytest.fixture
def fake() -> Iterator[FakeDesk]:
    made = FakeDesk()
    with serve(made.decide, name="fake-desk") as running:
        made.url = running.url
        yield made


def problem(status: int, kind: str, detail: str, **facts: Any) -> Answer:
    named = {"type": f"/problems/{kind}", "instance": "/requests/req-1"}
    told = {**named, "title": "…", "status": status, "detail": detail, **facts}
    retry = {"Retry-After": str(facts["retry_after_seconds"])} if "retry_after_seconds" in facts else {}
    return Answer(status, json.dumps(told), retry, "application/problem+json")


def gateway(status: int, message: str) -> Answer:
    """What API Gateway says by itself."""
    return as_json({"message": message}, status)


LOOKS = [
    ("customer", "ann"),
    ("find", ID),
    ("find", "--customer", "ann", "--amount", "50.00"),
    ("pools",),
    ("failures", "--days", "2"),
    ("users", "list"),
    ("operators", "list"),
    ("work", "list"),
    ("work", "show", ID),
    ("parked", "list"),
    ("prices", "list"),
    ("halts", "list"),
    ("catalogue", "list"),
    ("catalogue", "show", "BTC"),
    ("clients", "show", "ann-bank", "banking"),
    ("mm", "list"),
    ("mm", "show", M),
    ("mm", "fills", M),
    ("mm", "campaigns"),
    ("mm", "campaigns", "mm1", CAMPAIGN),
    ("mm", "accounts"),
    ("mm", "pairs"),
    ("snapshots", "list"),
    ("snapshots", "show", SNAPSHOT),
    ("audit",),
    ("audit", "verify"),
    ("reconcile", "ann"),
    ("compare", "custody"),
    ("compare", "custody", "--last"),
    ("compare", "bank"),
    ("books",),
    ("compare", "bank", "--date", "2026-11-20"),
    ("compare", "bank", "--date", "2026-11-20", "--again"),
]
BECAUSE = ("--reason", "wire 4711")
LOOKED_UP = ("--reference", "ticket 4711", *BECAUSE)
ACTS = [
    ("work", "redrive", ID, *BECAUSE),
    ("work", "approve-payout", ID, *BECAUSE),
    ("work", "decide-order", ID, "--executed", "0.1", "--gross", "9.00", "--reference", "order 4711", *BECAUSE),
    (
        *("work", "decide-order", ID, "--executed", "1", "--gross", "90.00"),
        *("--fees-in-coins", "0.001 SOL, 0.1 BNB"),
        *("--reference", "order 4711"),
        *BECAUSE,
    ),
    ("work", "decide-payout", ID, "--paid", "9.00", "--reference", "line 11", *BECAUSE),
    ("users", "move", "ann", "--sub", "sub-of-another-ann", "--reference", "ticket 4719", *BECAUSE),
    ("users", "tier", "ann", "GOLD", *BECAUSE),
    ("users", "forget", "ann", *BECAUSE),
    ("deposit", "credit", "ann", "--amount", "70.00", "--reference", "line-11", *BECAUSE),
    ("proposals", "confirm", PROPOSAL, *BECAUSE),
    ("proposals", "dismiss", PROPOSAL, *BECAUSE),
    ("offramp", "retry-payout", ID, *BECAUSE),
    ("offramp", "mark-filled", ID, *LOOKED_UP),
    ("offramp", "credit-usd", ID, *BECAUSE),
    ("offramp", "abandon-attempt", ID, *BECAUSE),
    ("offramp", "void", ID, *BECAUSE),
    ("withdrawals", "retry-payout", WITHDRAWAL, *BECAUSE),
    ("withdrawals", "complete", WITHDRAWAL, *LOOKED_UP),
    ("withdrawals", "reject", WITHDRAWAL, *BECAUSE),
    ("withdrawals", "abandon-attempt", WITHDRAWAL, *BECAUSE),
    ("orders", "fail", ORDER, *BECAUSE),
    ("batches", "void", BATCH, *BECAUSE),
    ("strays", "close", STRAY, *BECAUSE),
    ("mm", "halt", "mm1", *BECAUSE),
    ("mm", "halt", *BECAUSE),
    ("mm", "halt", M, *BECAUSE),
    ("mm", "lift", HALT, *BECAUSE),
    ("mm", "stop", M, *BECAUSE),
    ("mm", "withdraw", M, *BECAUSE),
    ("mm", "home", M, *BECAUSE),
    ("mm", "decide-deposit", M, "--asset", "USDT", "--credited", "4900", *LOOKED_UP),
    ("mm", "decide-fills", M, "--base", "0.09", "--quote", "5600", *LOOKED_UP),
    ("mm", "decide-return", M, "--asset", "USDT", "--snapshot", SNAPSHOT, *LOOKED_UP),
    ("mm", "withdraw-again", M, "--asset", "USDT", *LOOKED_UP),
    ("mm", "keep-rest", M, "--asset", "BTC", "--payer", "paid", *LOOKED_UP),
    ("mm", "look-back", M, "--after", "4711", *LOOKED_UP),
    ("mm", "save-account", "mm1", "--capacity", "12", *BECAUSE),
    ("mm", "save-pair", PAIR, "--fee-bps", "20", "--disabled", *BECAUSE),
    ("snapshots", "assign", SNAPSHOT, "--order", M, *LOOKED_UP),
    ("snapshots", "refund", SNAPSHOT, "--to", SOMEBODY, *LOOKED_UP),
    ("snapshots", "take", SNAPSHOT, *LOOKED_UP),
    ("outgoing", "book-loss", SNAPSHOT, *LOOKED_UP),
    ("snapshots", "skip-tie", SNAPSHOT, *LOOKED_UP),
    ("snapshots", "settle-tie", SNAPSHOT, *LOOKED_UP),
    ("payments", "replay", PAYMENT, *BECAUSE),
    ("payments", "retry-refund", REFUND, *BECAUSE),
    ("reminders", "snooze", REMINDER, *BECAUSE),
    ("outgoing", "retry", OUTGOING, *BECAUSE),
    ("dealers", "forget", DEALER, *BECAUSE),
    *(("deposits", verb, DEALER, *LOOKED_UP) for verb in ("let-go", "keep", "paid")),
    ("payments", "assign", PAYMENT, "--contract", "contract-1", *LOOKED_UP),
    ("payments", "dismiss", PAYMENT, *LOOKED_UP),
    ("payments", "recall", PAYMENT, "--message", PAYMENT, *LOOKED_UP),
    ("payments", "agree-total", TOTAL, *LOOKED_UP),
    ("payments", "refund", TOTAL, "--sum", "100.00", *LOOKED_UP),
    ("payments", "identify", PAYMENT, "--payment", "p-1", "--contract", "c-1", "--sum", "100.00", *LOOKED_UP),
    ("outgoing", "call-off", OUTGOING, *LOOKED_UP),
    ("outgoing", "resend", OUTGOING, "--to", SOMEBODY, *LOOKED_UP),
    ("outgoing", "decide", OUTGOING, "--sent", "yes", "--hash", "ff" * 32, *LOOKED_UP),
    ("operators", "sign-out", "oleg", *BECAUSE),
    ("operators", "disable", "oleg", *BECAUSE),
    ("halt", "orders", *BECAUSE),
    ("halt", "all", "--asset", "BTC", *BECAUSE),
    ("halt", "lift", "orders", *BECAUSE),
    ("catalogue", "set", "BTC", "active=false", "fees_bps.GOLD=20", "min_notional=20", *BECAUSE),
    ("catalogue", "set", "DOGE", "name=Dogecoin", "precision=8", "--new", *BECAUSE),
    ("prices", "confirm", "BTC", "--price", "75.25", *BECAUSE),
    ("parked", "replay", "evt_1", *BECAUSE),
    ("parked", "dismiss", "evt_1", *BECAUSE),
    ("clients", "save", "ann-bank", "banking", "--username", "ann", "--status", "ACTIVE", *BECAUSE),
]


ALONE = ("audit", "reconcile", "books", "customer", "pools", "find", "failures")  # commands in no group


@sampled(8)
@pytest.mark.parametrize("words", [*LOOKS, *ACTS], ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    verbs = words[: 1 if words[0] in ALONE else 2]
    said = desk(*verbs, "--help")
    assert said.code == 0
    assert "--json" in said.out
    assert ("--yes" in said.out) is (words in ACTS)


@sampled(8)
@pytest.mark.parametrize("words", ACTS, ids=" ".join)
def test_without_yes_nothing_is_changed(fake: FakeDesk, words: tuple[str, ...]) -> None:
    fake.answers.update({key: {**answer, "done": False} for key, answer in ANSWERS.items() if "done" in answer})
    said = fake.says(*words)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith(": PENDING → FILLED\nWith --yes: the held $9.90 count as paid.\nNothing was done yet.\n")
    assert fake.says(*words, "--json").json["done"] is False
    assert all(json.loads(request.body)["dry_run"] for request in fake.asked if request.method != "GET")
    assert fake.asked
    assert fake.changed == []


@sampled(8)
@pytest.mark.parametrize("words", ACTS, ids=" ".join)
def test_with_yes_it_is_asked_once_and_what_was_done_is_told(fake: FakeDesk, words: tuple[str, ...]) -> None:
    said = fake.says(*words, "--yes")
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith(": PENDING → FILLED\n✓ Done: the held $9.90 count as paid.\n")
    (asked,) = fake.changed
    answer = fake.says(*words, "--yes", "--json").json
    assert answer == fake.answers[asked.method, f"/{'/'.join(asked.path)}"]


@pytest.mark.parametrize("words", [*LOOKS, *ACTS], ids=" ".join)
def test_what_is_asked_is_in_the_document_of_the_api(fake: FakeDesk, words: tuple[str, ...]) -> None:
    document = json.loads(OPENAPI.read_text())
    fake.says(*words, *(["--yes"] if words in ACTS else []))
    for request in fake.asked:
        asked = f"/{'/'.join(request.path)}"
        fitting = [path for path in document["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), asked)]
        operations = [document["paths"][path].get(request.method.lower()) for path in fitting]
        operation = next(o for o in operations if o)
        known = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        assert parse_qs(request.query).keys() <= known
        if request.body:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            schema = (
                document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            )
            sent = json.loads(request.body).keys()
            assert set(schema.get("required", ())) <= sent <= schema["properties"].keys()


@sampled(8)
@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_json_is_one_object_and_nothing_else(fake: FakeDesk, words: tuple[str, ...]) -> None:
    said = fake.says(*words, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.json
    assert fake.changed == []


def test_the_token_and_the_filters_go_as_they_are_given(fake: FakeDesk) -> None:
    said = fake.says("work", "list", "--context", "offramp", "--overdue", "--limit", "5")
    (request,) = fake.asked
    assert parse_qs(request.query) == {"context": ["offramp"], "overdue": ["true"], "limit": ["5"]}
    assert request.headers["Authorization"] == f"Bearer {token('olga')}"
    assert f"offramp {ID} 2026-11-21 12:00:00" in said.words
    assert "1 of 1 overdue, 1 to be decided by a person" in said.out


def test_options_are_before_the_environment(fake: FakeDesk) -> None:
    said = desk("--url", fake.url, "--token", "t-2", "work", "list", url="https://elsewhere.example", token="t-1")
    assert said.code == 0
    assert fake.asked[0].headers["Authorization"] == "Bearer t-2"


def test_a_name_stays_one_segment_of_the_path(fake: FakeDesk) -> None:
    fake.instead = as_json(CLIENT)
    fake.says("clients", "show", "../x y/z?q", "banking")
    assert fake.asked[0].path == ["operations", "clients", "../x y/z?q", "banking"]


def test_an_expired_token_is_named_as_such(fake: FakeDesk) -> None:
    fake.instead = gateway(401, "Unauthorized")
    old = token("olga", expires=1_700_000_000)
    said = desk("work", "list", url=fake.url, token=old)
    assert said.code == 1
    assert "the token of olga has expired, at 2023-11-14 22:13:20 UTC" in said.err
    assert "DESK_TOKEN" in said.err
    assert old not in said.err
    assert said.out == ""


@pytest.mark.parametrize("given", ["opaque", "a.!!!.c", "a.bnVsbA.c", token("olga")])
def test_a_token_that_is_not_taken_is_told_with_where_to_get_one(fake: FakeDesk, given: str) -> None:
    fake.instead = gateway(401, "Unauthorized")
    said = desk("work", "list", "--json", url=fake.url, token=given)
    assert said.code == 1
    assert said.json["error"].startswith("the desk does not take this token.")
    assert "local token olga" in said.json["error"]


def test_a_token_of_the_wrong_kind_is_told_in_the_words_of_the_desk(fake: FakeDesk) -> None:
    fake.instead = problem(403, "TokenRefused", "send the access token, not the id token")
    said = fake.says("work", "list")
    assert said.code == 1
    assert "the desk does not take this token: send the access token, not the id token." in said.err


def test_who_is_no_operator_is_told_so(fake: FakeDesk) -> None:
    fake.instead = problem(403, "OperatorsOnly", "this needs the group 'operators'")
    said = desk("work", "list", url=fake.url, token=token("ann"))
    assert said.code == 1
    assert "the desk refuses this to ann: this needs the group 'operators'" in said.err
    assert "signs in again" in said.err


def test_later_is_one_sentence_and_a_code_of_its_own(fake: FakeDesk) -> None:
    fake.instead = problem(503, "MachinesUnavailable", "Step Functions did not answer", retry_after_seconds=7)
    said = fake.says("work", "show", ID)
    assert (said.code, said.err) == (75, "✗ not now: Step Functions did not answer; try again in 7 s.\n")
    told = fake.says("work", "redrive", ID, *BECAUSE, "--yes", "--json")
    assert (told.code, told.json["retry_after_seconds"], told.json["type"]) == (75, 7, "MachinesUnavailable")
    assert "not known" not in told.json["error"]  # the desk says that nothing is decided


@pytest.mark.parametrize("answer", [gateway(503, "Service Unavailable"), gateway(429, "Too Many Requests")])
def test_what_api_gateway_could_not_do_now_may_have_been_done(fake: FakeDesk, answer: Answer) -> None:
    fake.instead = answer
    looked = fake.says("work", "list")
    assert (looked.code, "try again in a moment" in looked.err, "not known" in looked.err) == (75, True, False)
    acted = fake.says("offramp", "void", ID, *BECAUSE, "--yes")
    assert (acted.code, "Whether it was done is not known" in acted.err) == (75, True)


def test_a_bug_is_told_by_its_request_and_with_what_is_not_known(fake: FakeDesk) -> None:
    fake.instead = problem(500, "InternalError", "this is a bug or an outage")
    looked = fake.says("work", "list")
    assert (looked.code, "request req-1" in looked.err, "not known" in looked.err) == (1, True, False)
    assert "Whether it was done is not known" in fake.says("offramp", "void", ID, *BECAUSE, "--yes").err
    assert "not known" not in fake.says("offramp", "void", ID, *BECAUSE).err  # a dry run
    fake.instead = Answer(502, "<html>", content_type="text/html")
    assert "the desk answered 502: Bad Gateway" in fake.says("work", "list").err


@sampled(8)
@pytest.mark.parametrize("words", ACTS, ids=" ".join)
def test_an_act_whose_answer_is_lost_may_have_been_done(fake: FakeDesk, words: tuple[str, ...]) -> None:
    fake.answers.update({key: Drop() for key in ANSWERS if key[0] != "GET"})
    said = fake.says(*words, "--yes")
    assert (said.code, "Whether it was done is not known" in said.err) == (1, True)
    assert len(fake.changed) == 1  # not asked again by itself


@sampled(8)
@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_a_look_whose_answer_is_lost_is_tried_again(fake: FakeDesk, words: tuple[str, ...]) -> None:
    fake.instead = Drop()
    said = fake.says(*words)
    assert (said.code, "gave no answer" in said.err, "Try again" in said.err) == (1, True, True)


def test_where_nobody_listens_it_is_told_what_to_start() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        said = desk("work", "list", url=url, token="t")
    assert said.code == 1
    assert f"nothing answers at {url}" in said.err
    assert "make up" in said.err


@pytest.mark.parametrize("body", ["<html>hello</html>", "[]", ""])
def test_what_is_not_the_desk_is_not_taken_for_it(fake: FakeDesk, body: str) -> None:
    fake.instead = Answer(200, body)
    said = fake.says("work", "list")
    assert said.code == 1
    assert "is not the desk's API" in said.err


@pytest.mark.parametrize("answer", [gateway(404, "Not Found"), Answer(302, "", {"Location": "https://elsewhere"})])
def test_half_an_address_is_told_as_such(fake: FakeDesk, answer: Answer) -> None:
    fake.instead = answer
    said = fake.says("work", "list")
    assert said.code == 1
    assert "Is DESK_URL the whole address of the API" in said.err


def test_what_was_wrong_of_a_request_is_told(fake: FakeDesk) -> None:
    errors = [{"where": "query.context", "what": "Input should be 'accounts', 'offramp', 'orders' or 'parked'"}]
    fake.instead = problem(422, "InvalidRequest", "the request is not of the form this route takes", errors=errors)
    said = fake.says("work", "list", "--context", "nonsense")
    assert said.code == 2
    assert said.err.endswith("takes: context: Input should be 'accounts', 'offramp', 'orders' or 'parked'\n")


def test_a_conflict_says_where_to_look(fake: FakeDesk) -> None:
    fake.instead = problem(409, "PayoutUnsettled", "the order is FILLED", id=ID)
    said = fake.says("offramp", "retry-payout", ID, *BECAUSE)
    assert (said.code, said.err) == (1, f"✗ the order is FILLED. `desk work show {ID}` tells where it stands\n")
    told = fake.says("offramp", "retry-payout", ID, *BECAUSE, "--json").json
    assert (told["type"], told["id"]) == ("PayoutUnsettled", ID)


def test_a_move_that_was_made_already_is_not_told_as_done(fake: FakeDesk) -> None:
    repeat = {"before": "FILLED", "done": False, "says": "is FILLED already; nothing to do"}
    fake.instead = as_json({**outcome(ID), **repeat})
    said = fake.says("offramp", "credit-usd", ID, *BECAUSE, "--yes")
    assert said.code == 0
    assert said.out == f"{ID}: FILLED\nNothing was done: is FILLED already; nothing to do.\n"


def test_what_others_wrote_is_shown_as_it_is_and_in_one_line(fake: FakeDesk) -> None:
    call = row("at of our_id their_id state says", WHEN, "bank", "x", None, "[red]NO[/]", "a\x1b[2J\nb\\[b]")
    fake.answers["GET", f"/operations/work/{ID}"] = story(calls=[call])
    said = fake.says("work", "show", ID)
    assert "x: [red]NO[/], a·[2J·b\\[b]" in said.out
    fake.instead = problem(409, "Odd", "[bold]no\x07[/nothing]")
    assert fake.says("work", "list").err == "✗ [bold]no·[/nothing]\n"


def test_the_audit_follows_its_pages_until_there_is_enough(fake: FakeDesk) -> None:
    acts = [{"at": WHEN, "operator": "olga", "action": "void", "subject": f"S{n}", "detail": "why"} for n in range(150)]

    def decide(request: Request) -> Answer:
        asked = parse_qs(request.query)
        begin = int(asked.get("cursor", ["0"])[0])
        end = begin + int(asked["limit"][0])
        assert asked["date"] == ["2026-11-21"]
        return as_json({"items": acts[begin:end], "cursor": str(end) if end < len(acts) else None})

    with serve(decide, name="fake-desk") as running:
        for limit, more in ((120, True), (150, False), (500, False)):
            words = ("audit", "--date", "2026-11-21", "--limit", str(limit))
            said = desk(*words, "--json", url=running.url, token="t")
            assert (len(said.json["items"]), said.json["cursor"] is not None) == (min(limit, 150), more)
        assert "There are more" in desk("audit", "--date", "2026-11-21", url=running.url, token="t").out


def test_books_that_differ_end_with_a_code(fake: FakeDesk) -> None:
    assert "3 lines of ann's journal add up" in fake.says("reconcile", "ann").out
    fake.instead = as_json({"username": "ann", "lines": 3, "differences": ["USD 50.00 is 51.00"]})
    said = fake.says("reconcile", "ann")
    assert said.code == 1
    assert "USD 50.00 is 51.00" in said.out
    assert fake.says("reconcile", "ann", "--json").json["differences"] == ["USD 50.00 is 51.00"]


def test_a_custody_that_has_what_is_booked_is_told_in_a_line(fake: FakeDesk) -> None:
    fake.instead = as_json(compared(asset("AGREES", "0.1234", "0")))
    said = fake.says("compare", "custody")
    assert (said.code, said.err) == (0, "")
    assert "BTC 0.1234 0.1 0.02 0.003 0.0004 0 agrees" in said.words
    assert "✓ The custody has what is booked, of 1 asset." in said.out
    assert "by the clock" in said.out


def test_a_custody_that_is_off_ends_with_a_code(fake: FakeDesk) -> None:
    """And is told where to go on; what is unknown beside it is told with why."""
    unknown = asset("UNKNOWN", "5", "4.8766", "a snapshot of it is not taken yet", name=None)
    fake.instead = as_json(compared(asset("OFF", "0.1", "-0.0234"), unknown, verdict="OFF"))
    said = fake.says("compare", "custody")
    assert said.code == 1
    assert "BTC 0.1 0.1 0.02 0.003 0.0004 -0.0234 off" in said.words
    assert "✗ The custody has not what is booked, of BTC." in said.out
    assert "docs/runbooks/custody-off.md" in said.out
    assert f"? {SOMEBODY}: a snapshot of it is not taken yet" in said.out
    again = fake.says("compare", "custody", "--json")
    assert (again.code, again.json["assets"][0]["difference"]) == (1, "-0.0234")


def test_what_can_not_be_told_now_is_asked_again_later(fake: FakeDesk) -> None:
    fake.instead = as_json(compared(asset("UNKNOWN", "5", "4", "X1 may have left"), verdict="UNKNOWN"))
    said = fake.says("compare", "custody")
    assert said.code == 75
    assert "X1 may have left" in said.out
    assert "ask again in a minute" in said.out
    silent = problem(503, "CustodyUnavailable", "the custody did not answer", retry_after_seconds=5)
    fake.instead = silent
    assert fake.says("compare", "custody").code == 75
    assert fake.says("compare", "custody", "--last").code == 75


def test_the_last_comparison_is_looked_at_without_another(fake: FakeDesk) -> None:
    assert fake.says("compare", "custody", "--last").code == 0
    assert fake.says("compare", "custody").code == 0
    assert [request.method for request in fake.asked] == ["GET", "POST"]
    fake.instead = problem(404, "NeverCompared", "the custody was never compared")
    said = fake.says("compare", "custody", "--last")
    assert (said.code, "never compared" in said.err) == (1, True)


def test_a_client_keeps_what_is_not_given(fake: FakeDesk) -> None:
    """Its status is the desk's to keep: another operator may be blocking it."""
    fake.says("clients", "save", "ann-bank", "banking", "--username", "ann", "--account", "acc-2", *BECAUSE, "--yes")
    (written,) = fake.changed
    given = {"username": "ann", "account_id": "acc-2"}
    assert json.loads(written.body) == {**given, "reason": "wire 4711", "dry_run": False}


def test_of_an_asset_the_rules_go_as_what_they_are(fake: FakeDesk) -> None:
    """Dollars and names as text, whatever they look like; a fee by its tier."""
    words = ("active=false", "fees_bps.GOLD=20", "fees_bps.SILVER=30", "min_notional=20", "name=1", "precision=8")
    fake.says("catalogue", "set", "BTC", *words, "--reason", "4716", "--yes")
    (asked,) = fake.changed
    assert json.loads(asked.body) == {
        "active": False,
        "fees_bps": {"GOLD": 20, "SILVER": 30},
        "min_notional": "20",
        "name": "1",
        "precision": 8,
        "reason": "4716",
        "dry_run": False,
    }


def test_who_blocks_a_client_sends_no_account_that_he_has_read(fake: FakeDesk) -> None:
    """Another operator may be changing it."""
    fake.says("clients", "save", "ann-bank", "banking", "--username", "ann", "--status", "BLOCKED", *BECAUSE, "--yes")
    (asked,) = fake.asked
    assert json.loads(asked.body) == {"username": "ann", "status": "BLOCKED", "reason": "wire 4711", "dry_run": False}


def test_of_a_new_client_only_what_is_given_is_sent(fake: FakeDesk) -> None:
    """What it has when nothing is said, and what it must have, is the desk's rule."""
    fake.answers |= {
        ("PUT", "/operations/clients/bob-crypto/crypto"): {**outcome("bob-crypto"), "before": None, "after": "ACTIVE"},
    }
    said = fake.says("clients", "save", "bob-crypto", "crypto", "--username", "bob", *BECAUSE, "--yes")
    assert (said.code, said.out.splitlines()[0]) == (0, "bob-crypto: nothing → ACTIVE")
    assert json.loads(fake.changed[0].body) == {"username": "bob", "reason": "wire 4711", "dry_run": False}


@pytest.mark.parametrize(
    "words",
    [
        ("offramp", "void", ID),
        ("offramp", "invent", ID),
        ("clients", "save", "ann-bank", "banking", *BECAUSE),
        ("work", "list", "--limit", "0"),
        ("audit", "--date", "yesterday"),
        ("clients", "show", "ann-bank", "other"),
    ],
)
def test_misuse_is_told_before_anything_is_asked(fake: FakeDesk, words: tuple[str, ...]) -> None:
    said = fake.says(*words)
    assert (said.code, said.out) == (2, "")
    assert "Error: " in said.err
    assert fake.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "desk.example.com",
        "ftp://desk.example.com",
        "https://",
        "https://a.example/?q=1",
        "https://me:pw@a.example",
        "https://a.example:port",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    said = desk("work", "list", url=url, token="t")
    assert (said.code, "DESK_URL must be the API's address" in said.err) == (2, True)


def test_a_token_does_not_travel_in_the_open() -> None:
    said = desk("work", "list", url="http://desk.example.com", token="t")
    assert (said.code, "https://" in said.err) == (2, True)
    said = desk("work", "list", url="https://desk.example.com", token="two words")
    assert (said.code, "two words" in said.err) == (2, False)


def test_of_address_and_token_both_are_told_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "local.environment.LocalEnvironment", lambda: LocalEnvironment(tmp_path)
    )  # where nothing was ever started
    for url, given, says in (
        ("https://desk.example.com", None, "DESK_TOKEN is not"),
        (None, "t", "DESK_URL is not"),
        (None, None, "make up"),
    ):
        said = desk("work", "list", "--json", url=url, token=given)
        assert said.code == 1
        assert says in said.json["error"]


def test_a_pipe_gets_a_line_about_what_takes_long_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class AtOnce(threading.Timer):
        """Its time is over when it begins."""

        def start(self) -> None:
            assert self.interval == 2
            self.function(*self.args, **self.kwargs)

    with output.progress("asking the desk"):
        pass
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("threading.Timer", AtOnce)
    with output.progress("asking the desk"):
        pass
    assert capsys.readouterr() == ("", "asking the desk …\n")


def test_a_shell_is_told_how_a_command_goes_on() -> None:
    asked = {"_DESK_COMPLETE": "complete_bash", "COMP_WORDS": "desk off", "COMP_CWORD": "1"}
    ran = CliRunner().invoke(app, [], env=asked, prog_name="desk")
    assert ran.output.split() == ["offramp"]
    assert "--install-completion" in desk("--help").out


def test_what_may_be_done_is_told_in_the_words_of_the_desk(fake: FakeDesk) -> None:
    act = {"command": "offramp dance", "route": "POST /…", "does": "what nobody has thought of yet", "asks": ["with"]}
    fake.answers["GET", f"/operations/work/{ID}"] = story(acts=[act])
    said = fake.says("work", "show", ID)
    assert f'desk offramp dance {ID} --with "…" --reason "…" what nobody has thought of yet' in said.words
    assert fake.says("work", "show", ID, "--json").json == story(acts=[act])
    fake.answers["GET", f"/operations/work/{ID}"] = story()
    assert "--reason" not in fake.says("work", "show", ID).out


def test_what_is_not_given_of_an_account_or_a_pair_stays_as_it_is(fake: FakeDesk) -> None:
    fake.says("mm", "save-account", "mm1", "--capacity", "12", *BECAUSE, "--yes")
    fake.says("mm", "save-pair", PAIR, "--disabled", *BECAUSE, "--yes")
    account, pair = (json.loads(request.body) for request in fake.changed)
    assert (account["exchange"], account["capacity"], "enabled" in account) == ("binance", 12, False)
    assert (pair["fee_bps"], pair["base_min"], pair["enabled"]) == (10, "0.01", False)


def test_an_order_of_market_making_is_told_with_all_of_its_money(fake: FakeDesk) -> None:
    said = fake.says("mm", "show", M)
    for word in (
        M,
        "failed",
        SOMEBODY,
        "WITHDRAWN",
        "CONFIRMED",
        "REFUSED",
        "[red]no[/]",
        "withdrawing → failed",
        "b0",
        "pending_replace",
        "59880",
        "48 fills",
        "0.9731",
    ):
        assert word in said.out


def test_what_only_the_bank_knows_is_shown(fake: FakeDesk) -> None:
    names = "id order_id there booked verdict why"
    stray = row(names, "adj-1", "-", "10", "0", "OFF", "$10.00 to acc-x under by-hand, which no payout of ours is")
    fake.instead = as_json(bank_compared(stray, verdict="OFF"))
    said = fake.says("compare", "bank", "--date", "2026-11-20")
    assert said.code == 1
    assert "adj-1: $10.00 to acc-x under by-hand" in said.out
    assert "$30.50 were paid by the bank, $20.50 by the books" in said.out


@pytest.mark.parametrize(
    ("verdict", "code", "mark", "says"),
    [
        ("OFF", 1, "✗", "docs/runbooks/exchange-off.md says what to do"),
        ("UNKNOWN", 75, "?", "It can not be told now"),
    ],
)
def test_what_only_the_exchange_knows_is_shown(fake: FakeDesk, verdict: str, code: int, mark: str, says: str) -> None:
    why = "SELL 0.7 BTC under by-hand, FULLY_EXECUTED: 0.7 BTC for $70.00, fees $0.07, which no order of ours is"
    stray = row("id order_id there booked verdict why", "4711", "-", "70", "0", verdict, why)
    fake.instead = as_json(exchange_compared(stray, verdict=verdict))
    said = fake.says("compare", "exchange", "--date", "2026-11-20")
    assert said.code == code
    assert f"{mark} 4711: SELL 0.7 BTC under by-hand" in said.out
    assert "$30.50 were executed by the exchange, $20.50 by the books" in said.out
    assert says in said.out


def test_a_day_that_agrees_with_the_exchange_is_told_and_asked_for_again(fake: FakeDesk) -> None:
    said = fake.says("compare", "exchange")
    assert (said.code, "The exchange and the books agree, of 2 orders." in said.out) == (0, True)
    assert (
        "is compared within a quarter of an hour"
        in fake.says("compare", "exchange", "--date", "2026-11-20", "--again").out
    )


def test_books_that_are_not_zero_are_told(fake: FakeDesk) -> None:
    assert "the accounts add up to 0" in fake.says("books").out
    fake.instead = as_json(trial("-7"))
    said = fake.says("books")
    assert said.code == 1
    assert "0.5 of sell_order" in said.out
    assert "One side of something is missing" in said.out
