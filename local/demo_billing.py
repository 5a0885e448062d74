"""Dealer billing as the dealers' own system (CME) sees it, on a local stack: with a token of its own it registers a
dealer, opens fast buyout to him, bills what he wins, and is told what he has paid.

He pays at the simulated billing system, whose outbox tells each payment over the real Kafka protocol to a broker; a
bridge, which is what AWS has between Kafka and a function, gives it to the desk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from common.money import EXACT
from functions.billing.statement import in_moscow
from local.seed import OPERATOR, Desk
from local.seed_billing import DEALERS, DEALS, OFFER, REQUISITES
from local.telling import StoryFailed, Teller, eventually, ok

BILLS = "/billing/bills"
SEGMENTS = {"A": ("100000.00", "1000000.00"), "B": ("300000.00", "3000000.00")}  # a deposit, and cars of up to so much
DEPOSIT = "150000.00"
CAR, CHEAPER, NEXT_CAR = "1000000.00", "900000.00", "400000.00"
FIRST_PART, TOO_MUCH = "10000.00", "1000.00"
PATIENCE_SECONDS = 120.0

View = dict[str, Any]


def story(desk: Desk, name: str, folder: Path, tell: Teller) -> dict[str, Any]:
    """The dealer, his bills and his month at the end. Raises StoryFailed."""
    billing = f"{desk.environment.billing_url}/sandbox"
    with desk.system() as cme, desk.http(OPERATOR) as olga, httpx.Client(base_url=billing, timeout=15) as outside:
        dealing = Dealing(cme, olga, desk.by_two, outside, name, tell)
        _registered(dealing)
        _may_buy(dealing)
        deal = _won(dealing)
        _paid(dealing, deal)
        _corrected(dealing, deal)
        month, document = _month(dealing, folder)
        return {"dealer": dealing.dealer(), "bills": dealing.bills, "statement": month, "document": str(document)}


@dataclass
class Dealing:
    """A dealer, from outside: `cme` is the dealers' system, `olga` an operator, `by_two` what two of them agree on,
    `outside` the billing system as people use it. bills: the latest look at each, by its id."""

    cme: httpx.Client
    olga: httpx.Client
    by_two: Callable[[str, str, dict[str, Any]], None]
    outside: httpx.Client
    name: str
    tell: Teller
    bills: dict[str, View] = field(default_factory=dict)

    def dealer(self) -> View:
        found: View = ok(self.cme.get(f"{DEALERS}/{self.name}")).json()
        return found

    def account(self, type_: str) -> View:
        """Raises StoryFailed, where he has none."""
        for account in self.dealer()["accounts"]:
            if account["type"] == type_:
                return dict(account)
        raise StoryFailed(f"{self.name} has no account {type_}")

    def balance(self, type_: str = "COMMISSION") -> str:
        balance: str = self.account(type_)["current_balance"]
        return balance

    def bill(self, bill_id: str) -> View:
        self.bills[bill_id] = ok(self.cme.get(f"{BILLS}/{bill_id}")).json()
        return self.bills[bill_id]

    def until(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Raises StoryFailed."""
        eventually(holds, lambda: otherwise, patience_seconds=PATIENCE_SECONDS)

    def until_ready(self, type_: str) -> None:
        self.until(lambda: self.account(type_)["status"] == "READY", f"the account {type_} is not opened")

    def until_paid(self, bill_id: str, paid: str) -> None:
        self.until(lambda: self.bill(bill_id)["paid_sum"] == paid, f"{paid} of {bill_id} are not paid")

    def invoiced(self, bill_id: str) -> View:
        """The bill, once the billing system has made its invoice, whose PDF is there. Raises StoryFailed."""
        self.until(lambda: self.bill(bill_id)["number"] is not None, f"{bill_id} has no invoice")
        bill = self.bills[bill_id]
        document = ok(httpx.get(bill["url"], timeout=15)).content
        if not document.startswith(b"%PDF-"):
            raise StoryFailed(f"{bill['url']} is no PDF")
        self.tell(
            f"  invoice {bill['number']} of {bill['common_sum']}, due on {bill['due_on']}, {len(document)} bytes of PDF"
        )
        return bill

    def pays(self, amount: str, **what: str) -> None:
        """By his bank: the billing system tells it by Kafka. what: invoice_id or contract_id."""
        ok(self.outside.post("/payments", json={"amount": amount, **what}))

    def invoice(self, bill_id: str) -> str:
        """The billing system's id of a bill's invoice. Raises StoryFailed."""
        for invoice in ok(self.outside.get("/state")).json()["invoices"]:
            if invoice["external_id"] == bill_id:
                return str(invoice["invoice_id"])
        raise StoryFailed(f"the billing system has no invoice of {bill_id}")

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Raises StoryFailed."""
        if found != wanted:
            raise StoryFailed(f"{what}: {found}, and not {wanted}")


def _registered(dealing: Dealing) -> None:
    dealing.tell("CME has a machine-to-machine token with the scope `billing`")
    asked = {
        "cme_dealer_id": dealing.name,
        "requisites": REQUISITES,
        "offer_version": OFFER,
        "offer_accepted_at": datetime.now(UTC).isoformat(),
    }
    made = ok(dealing.cme.post(DEALERS, json=asked)).json()
    dealing.tell(f"POST {DEALERS} → {made['dealer_id']}, {made['status']}: he has agreed to the offer {OFFER}")
    again = dealing.cme.post(DEALERS, json=asked)
    dealing.expect("registered twice", (again.status_code, again.json()["dealer_id"]), (409, made["dealer_id"]))
    dealing.tell(
        f"  the same again: {again.status_code}, {again.json()['type'].rpartition('/')[2]}, with the dealer as he is"
    )
    _opened(dealing, "COMMISSION")


def _opened(dealing: Dealing, *types: str) -> None:
    """Client, payer and contract of each account are at the billing system. Raises StoryFailed."""
    for type_ in types:
        dealing.until_ready(type_)
        dealing.tell(f"  account {type_:<10} contract {dealing.account(type_)['contract_number']}")


def _may_buy(dealing: Dealing) -> None:
    for segment, (deposit, price) in SEGMENTS.items():
        asked = {"deposit_min": deposit, "price_max": price}
        dealing.by_two("PUT", f"/operations/billing/segments/{segment}", asked)
    ok(dealing.cme.post(f"{DEALERS}/{dealing.name}/fast-buyout"))
    dealing.tell(f"POST {DEALERS}/…/fast-buyout: two accounts more")
    _opened(dealing, "DEPOSIT", "SETTLEMENT")
    before = ok(dealing.cme.get(f"{DEALERS}/{dealing.name}/fast-buyout")).json()
    dealing.expect("eligible", before["eligible"], False)
    dealing.tell(f"  he may not bid yet: {before['reason']}")
    accounts = ok(dealing.olga.get(f"/operations/billing/dealers/{dealing.name}")).json()["accounts"]
    (contract,) = (account["contract_id"] for account in accounts if account["type"] == "DEPOSIT")
    dealing.pays(DEPOSIT, contract_id=contract)
    dealing.until(lambda: dealing.balance("DEPOSIT") == DEPOSIT, f"the deposit is not {DEPOSIT}")
    after = ok(dealing.cme.get(f"{DEALERS}/{dealing.name}/fast-buyout")).json()
    dealing.expect("his segment", (after["segment"] or {}).get("segment_id"), "A")
    dealing.tell(
        f"he pays a deposit of {DEPOSIT}, told by Kafka: segment {after['segment']['segment_id']}, cars of up to "
        f"{after['segment']['price_max']}"
    )


def _won(dealing: Dealing) -> View:
    """The deal, whose commission and settlement are billed. Raises StoryFailed."""
    deal_id = f"{dealing.name}-1"
    asked = {"deal_id": deal_id, "cme_dealer_id": dealing.name, "price": CAR}
    ok(dealing.cme.post(DEALS, json=asked))
    deal: View = ok(dealing.cme.post(DEALS, json=asked)).json()  # a repeat: it is billed once
    dealing.tell(f"he wins a car for {CAR}: POST {DEALS}, {deal['commission_percent']} % are {deal['commission']}")
    (commission,) = deal["commission_bills"]
    dealing.expect("the commission's bill", dealing.invoiced(commission)["common_sum"], deal["commission"])
    asked = {"operation": "GET_SETTLEMENT", "cme_dealer_id": dealing.name, "deal_id": deal_id, "amount": CAR}
    settlement = ok(dealing.cme.post(BILLS, json=asked)).json()
    dealing.tell(f"the desk has paid the seller: POST {BILLS} GET_SETTLEMENT of {CAR}")
    dealing.invoiced(settlement["bill_id"])
    return {**deal, "settlement_bill": settlement["bill_id"]}


def _paid(dealing: Dealing, deal: View) -> None:
    broker = ok(dealing.outside.get("/state")).json()["broker"]
    dealing.tell(f"he pays; each payment goes from the billing system's outbox to Kafka at {broker}, and to the desk")
    (commission,) = deal["commission_bills"]
    invoice = dealing.invoice(commission)
    second = str(EXACT.add(EXACT.subtract(Decimal(deal["commission"]), Decimal(FIRST_PART)), Decimal(TOO_MUCH)))
    for amount, paid, status in ((FIRST_PART, FIRST_PART, "PARTIAL"), (second, deal["commission"], "PAID")):
        dealing.pays(amount, invoice_id=invoice)
        dealing.until_paid(commission, paid)
        dealing.expect("the bill is", dealing.bills[commission]["status"], status)
        dealing.tell(f"  {amount}: the commission is {status}, {paid} of {deal['commission']}")
    dealing.until(lambda: dealing.balance() == TOO_MUCH, f"his balance is not {TOO_MUCH}")
    dealing.tell(f"  {TOO_MUCH} were too much: they are his current balance")
    dealing.pays(CAR, invoice_id=dealing.invoice(deal["settlement_bill"]))
    dealing.until_paid(deal["settlement_bill"], CAR)
    dealing.tell(f"  {CAR}: the settlement is PAID")
    asked = {"deal_id": f"{dealing.name}-2", "cme_dealer_id": dealing.name, "price": NEXT_CAR}
    (bill_id,) = ok(dealing.cme.post(DEALS, json=asked)).json()["commission_bills"]
    dealing.tell(f"he wins another one, for {NEXT_CAR}")
    bill = dealing.invoiced(bill_id)
    dealing.expect("the next bill", (bill["status"], bill["paid_sum"]), ("PARTIAL", TOO_MUCH))
    dealing.expect("his balance", dealing.balance(), "0.00")
    dealing.tell(f"  the balance has paid {TOO_MUCH} of it by itself, and is 0.00")


def _corrected(dealing: Dealing, deal: View) -> None:
    """The price of the first deal was another one: a credit note. Raises StoryFailed."""
    (bill_id,) = deal["commission_bills"]
    changed = ok(
        dealing.cme.patch(f"{DEALS}/{deal['deal_id']}", json={"price": CHEAPER}, headers={"Idempotency-Key": "cheaper"})
    ).json()
    dealing.tell(f"the first car was {CHEAPER} after all: PATCH {DEALS}/…, the commission is {changed['commission']}")
    credited = str(EXACT.subtract(Decimal(deal["commission"]), Decimal(changed["commission"])))
    invoice = dealing.invoice(bill_id)
    notes: list[View] = []

    def there() -> bool:
        notes[:] = [n for n in ok(dealing.outside.get("/state")).json()["credit_notes"] if n["invoice_id"] == invoice]
        return bool(notes)

    dealing.until(there, "the billing system has no credit note")
    bill = dealing.bill(bill_id)
    dealing.expect("the bill", (bill["common_sum"], bill["credited_sum"]), (deal["commission"], credited))
    dealing.tell(
        f"  credit note of {credited} to invoice {bill['number']}, which stays as it was: {bill['common_sum']}"
    )
    dealing.until(lambda: dealing.balance() == "0.00", "what came back pays no bill")
    (open_,) = (b for b in _of_dealer(dealing) if b["status"] == "PARTIAL")
    dealing.tell(f"  the {credited} that came back pay the open bill by themselves: {open_['paid_sum']} of it are paid")


def _of_dealer(dealing: Dealing) -> Iterator[View]:
    """His bills, the unpaid first."""
    for bill in ok(dealing.cme.get(f"{DEALERS}/{dealing.name}/bills")).json()["items"]:
        dealing.bills[bill["bill_id"]] = bill
        yield bill


def _month(dealing: Dealing, folder: Path) -> tuple[View, Path]:
    """His statement, printed, and where its PDF is. Raises StoryFailed, OSError."""
    path = f"{DEALERS}/{dealing.name}/statements/{in_moscow(datetime.now(UTC))[:7]}"
    month: View = ok(dealing.cme.get(path)).json()
    dealing.tell(f"GET …/statements/{month['month']}{'' if month['final'] else ', a preview: the month is not over'}")
    for account in month["accounts"]:
        dealing.tell(f"  {account['account_type']:<43} opening {account['opening_balance']:>13}")
        for line in account["lines"]:
            at = in_moscow(datetime.fromisoformat(line["at"]))[11:]
            what = f"{line['what']:<11} {line['document'][:20]:<20}"
            dealing.tell(f"    {at} {what} {line['amount']:>13} {line['balance']:>13}")
        dealing.tell(f"  {'':<43} closing {account['closing_balance']:>13}")
    dealing.tell(f"  altogether {month['closing_balance']}")
    owed = sum((_left(bill) for bill in _of_dealer(dealing)), Decimal(0))
    there = sum((Decimal(account["current_balance"]) for account in dealing.dealer()["accounts"]), Decimal(0))
    dealing.expect("the month closes with", Decimal(month["closing_balance"]), EXACT.subtract(there, owed))
    document = ok(dealing.cme.get(f"{path}/pdf")).content
    dealing.expect("its PDF begins with", document[:5], b"%PDF-")
    written = folder / "statement.pdf"
    folder.mkdir(parents=True, exist_ok=True)
    written.write_bytes(document)
    dealing.tell(f"the same as PDF, {len(document)} bytes: {written}")
    return month, written


def _left(bill: View) -> Decimal:
    in_force = EXACT.subtract(Decimal(bill["common_sum"]), Decimal(bill["credited_sum"]))
    return EXACT.subtract(in_force, Decimal(bill["paid_sum"]))
