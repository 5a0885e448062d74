"""Dealers' accounts: their bills, what was paid of those, and what is on them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from common import keys
from common.clock import text
from common.domain.comparisons import BILLING, Verdict, line_of
from common.idempotency import derived_id
from common.keys import Key
from functions.operations.entries import ZERO, Entry, Reads, said_by

NEW, PENDING, PARTIAL, PAID, CANCELLED = "NEW", "PENDING", "PARTIAL", "PAID", "CANCELLED"
TAKEN, SPREAD = "TAKEN", "SPREAD"
RECALLING, RECALLED = "RECALLING", "RECALLED"
AGREED, ASKED, SENT, DONE, REFUSED = "AGREED", "ASKED", "SENT", "DONE", "REFUSED"
LISTS = {PAID: keys.PAID_BILL, CANCELLED: keys.CANCELLED_BILL}  # else it is open
ENTRIES_MAX = 5_000  # of an account's journal: one that has more is not added up


def bill(reads: Reads, bill: Entry) -> Iterator[str]:
    list_ = LISTS.get(str(bill.status), keys.OPEN_BILL)
    if reads.get(_listed(bill, list_)) is None:
        yield f"it is {bill.status}, and not in that list of its dealer's"
    if bill.invoice_id is not None:
        invoice = reads.get(keys.INVOICE(invoice_id=bill.invoice_id))
        if invoice is None or invoice.bill_id != bill.PK:
            yield f"invoice {bill.invoice_id} is {said_by(invoice, 'bill_id', 'nobody')}'s"
    due = (bill.common_kopecks or ZERO) - (bill.credited_kopecks or ZERO)
    paid = bill.paid_kopecks or ZERO
    if not 0 <= paid <= due:
        yield f"{paid} of {due} kopecks are paid"
    elif (bill.status == PAID and paid != due) or (
        bill.status in (PENDING, PARTIAL) and _is_partly(paid) != bill.status
    ):
        yield f"it is {bill.status}, and {paid} of {due} kopecks are paid"
    yield from _notes(reads, bill)
    if reads.get(keys.BILLING_ACCOUNT(dealer_id=str(bill.dealer_id), type=str(bill.type))) is None:
        yield "its dealer has no such account"


def _is_partly(paid: Decimal) -> str:
    return PARTIAL if paid else PENDING


def _listed(bill: Entry, row: Key) -> keys.PrimaryKey:
    return row(
        dealer_id=str(bill.dealer_id), type=str(bill.type), created_at=text(bill.created_at), bill_id=str(bill.PK)
    )


def _notes(reads: Reads, bill: Entry) -> Iterator[str]:
    if not (bill.notes or bill.credited_kopecks):
        return
    notes = list(reads.beside(bill.PK, keys.CREDIT_NOTE))
    credited = sum((note.kopecks or ZERO for note in notes), ZERO)
    if len(notes) != int(bill.notes or 0) or credited != bill.credited_kopecks:
        yield f"{bill.credited_kopecks} kopecks of it are taken back, by its notes {credited}"


def pointer(reads: Reads, pointer: Entry) -> Iterator[str]:
    bill = reads.get(keys.BILL(bill_id=str(pointer.bill_id)))
    if bill is None or LISTS.get(str(bill.status), keys.OPEN_BILL) is not pointer.row:
        yield f"a list of its dealer's has it among {pointer.entity}s, and it is {said_by(bill, 'status', 'not there')}"


def invoice(reads: Reads, invoice: Entry) -> Iterator[str]:
    bill, invoice_id = reads.get(keys.BILL(bill_id=str(invoice.bill_id))), invoice.parts["invoice_id"]
    if bill is None or bill.invoice_id != invoice_id:
        yield f"invoice {invoice_id} is claimed by it, which does not know that"


def contract(reads: Reads, contract: Entry) -> Iterator[str]:
    contract_id = contract.parts["contract_id"]
    account = reads.get(keys.BILLING_ACCOUNT(dealer_id=str(contract.dealer_id), type=str(contract.type)))
    if account is None or account.contract_id != contract_id:
        yield f"contract {contract_id} is claimed by his account {contract.type}, which does not know that"


def payment(reads: Reads, payment: Entry) -> Iterator[str]:
    if payment.status not in (TAKEN, SPREAD, RECALLING, RECALLED):
        return
    left, recalled = payment.left_kopecks or ZERO, payment.recalled_kopecks
    if (payment.status == TAKEN) != (left != 0):
        yield f"it is {payment.status}, and {left} kopecks of it are left"
    spread = _applied(reads, payment)
    if spread + left > (payment.kopecks or ZERO):
        yield f"{spread} of its {payment.kopecks} kopecks are given to bills, and {left} left"
    if (recalled is None and payment.status == RECALLED) or (recalled or ZERO) > (payment.kopecks or ZERO):
        yield f"it is {payment.status}, and {recalled} of its {payment.kopecks} kopecks were taken back"
    account = reads.get(keys.BILLING_ACCOUNT(dealer_id=str(payment.dealer_id), type=str(payment.type)))
    if account is None:
        yield "it came for an account that is not there"
    elif payment.status == RECALLING and recalled is not None and not account.recalls:
        yield "a part of it is taken back, and something may go back to its dealer"


def _applied(reads: Reads, payment: Entry) -> Decimal:
    return sum((each.kopecks or ZERO for each in reads.beside(payment.PK, keys.APPLICATION)), ZERO)


def application(reads: Reads, application: Entry) -> Iterator[str]:
    receipt_id, bill_id = application.parts["receipt_id"], application.parts["bill_id"]
    if reads.get(keys.PAYMENT(receipt_id=receipt_id)) is None:
        yield f"it has paid {bill_id}, and is not there"
    bill = reads.get(keys.BILL(bill_id=bill_id))
    if bill is None:
        yield f"it has paid {bill_id}, which is not there"


def refund(reads: Reads, refund: Entry) -> Iterator[str]:
    """Its sum is off the account as long as the billing system pays it back, and for good once it has."""
    account = reads.get(keys.BILLING_ACCOUNT(dealer_id=str(refund.dealer_id), type=str(refund.type)))
    if account is None:
        yield "it is of an account that is not there"
        return
    is_named, on_its_way = account.refund_id == refund.PK, refund.status in (ASKED, SENT)
    if is_named is not on_its_way:
        named = "names it" if is_named else "does not name it"
        yield f"it is {refund.status}, and its account {named} as on its way"
    if refund.waits is not (on_its_way or refund.status == AGREED):
        yield f"it is {refund.status}, and {'waits' if refund.waits else 'nobody sees to it'}"
    if refund.status != AGREED and (account.refunds or ZERO) < (refund.n or ZERO):
        yield f"it is the {refund.n}. of its account, which has had {account.refunds or ZERO}"


def _gone(reads: Reads, about: str) -> Decimal | None:
    """Of a refund, or of a deposit that is released, what is off the account; None where there is none."""
    dealer_id, _, n = about.partition("-release-")
    found = reads.get(keys.RELEASE(dealer_id=dealer_id, n=f"{int(n):04}") if n else keys.REFUND(refund_id=about))
    if found is None:
        return None
    return ZERO if found.status in (AGREED, REFUSED) else found.kopecks or ZERO


def comparison(_: Reads, comparison: Entry) -> Iterator[str]:
    """What two looks have found at the billing system, or have not, until the next comparison finds it mended."""
    if comparison.parts["of"] != BILLING:
        return
    for line in map(line_of, json.loads(comparison.lines or "[]")):
        if line.verdict is Verdict.OFF:
            yield f"billing system: {line}: {line.why}"


def account(reads: Reads, account: Entry) -> Iterator[str]:
    """Its journal is what is on it and not spread yet, less what is owed; and its bills got what its payments and its
    balance gave. Whatever moves money counts the account's version up: all is of its moment if that has not moved."""
    if account.contract_id is not None and reads.get(keys.CONTRACT(contract_id=account.contract_id)) is None:
        yield f"contract {account.contract_id} of his account {account.type} is nobody's"
    journal = owed = unspread = paid = given = ZERO
    gone, recalled = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    prefix = f"{keys.JOURNAL_ENTRY.prefix}{account.type}#"
    for number, entry in enumerate(reads.under(account.PK, prefix)):
        if number == ENTRIES_MAX:
            return
        journal += entry.kopecks or ZERO
        if entry.kind == "BILL":
            bill = reads.get(keys.BILL(bill_id=str(entry.about)))
            if bill is None:
                yield f"his journal has bill {entry.about}, which is not there"
                continue
            owed += (bill.common_kopecks or ZERO) - (bill.credited_kopecks or ZERO) - (bill.paid_kopecks or ZERO)
            paid += (bill.paid_kopecks or ZERO) + (bill.returned_kopecks or ZERO) + (bill.recalled_kopecks or ZERO)
            given += bill.from_balance_kopecks or ZERO
        elif entry.kind == "PAYMENT":
            payment = reads.get(keys.PAYMENT(receipt_id=derived_id(keys.PAYMENT, str(entry.about))))
            if payment is None:
                yield f"his journal has payment {entry.about}, which is not there"
                continue
            unspread += payment.left_kopecks or ZERO
            given += _applied(reads, payment)
            recalled[str(entry.about)] += payment.recalled_kopecks or ZERO
        elif entry.kind == "RECALL":
            recalled[str(entry.about)] += entry.kopecks or ZERO
        elif entry.kind in ("REFUND", "REFUND_REFUSED"):
            gone[str(entry.about)] -= entry.kopecks or ZERO
    now = reads.get(account.key)
    if now is None or now.version != account.version:
        return
    balance = now.balance_kopecks or ZERO
    if journal != balance + unspread - owed:
        yield (
            f"the journal of his account {account.type} makes {journal} kopecks, there are {balance} on it, "
            f"{unspread} not spread yet, and {owed} owed"
        )
    if sum(gone.values(), ZERO) != (now.released_kopecks or ZERO):
        off = sum(gone.values(), ZERO)
        yield f"{off} kopecks of his account {account.type} are off it by its journal, and {now.released_kopecks} told"
    for about, kopecks in gone.items():
        if kopecks != _gone(reads, about):
            yield f"{kopecks} kopecks are off his account {account.type} for {about}, which says otherwise"
    for about in (about for about, kopecks in recalled.items() if kopecks):
        yield f"payment {about} of his account {account.type} has been taken back of otherwise than his journal says"
    if account.refund_id is not None and reads.get(keys.REFUND(refund_id=account.refund_id)) is None:
        yield f"refund {account.refund_id} of his account {account.type} is on its way, and not there"
    if paid != given:
        yield f"bills of his account {account.type} were paid {paid} kopecks, and got {given}"
