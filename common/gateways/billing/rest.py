"""The billing system's HTTP API.

    POST {base_url}/v1/clients                      {external_id, name}: {client_id, external_id}
    POST …/v1/clients/{client_id}/persons           {external_id, type: "ur" | "ip", name, inn, kpp (null of "ip"),
                                                     ogrn, legal_address, post_address, bik, account, corr_account,
                                                     bank_name}: {person_id, client_id, external_id}
    PUT  …/v1/persons/{person_id}                   the same without external_id: {person_id}
    POST …/v1/clients/{client_id}/contracts         {external_id, person_id, service: "COMMISSION" | "DEPOSIT" |
                                                     "SETTLEMENT", currency, payment_type, start_date}:
                                                    {contract_id, client_id, external_id, external_number}
    POST …/v1/invoices                              {external_id, contract_id, amount, currency, description, due_date}:
                                                    invoice
    GET  …/v1/invoices/{invoice_id}                 invoice: {invoice_id, external_id, contract_id, number, amount,
                                                     paid_total, credited_total, currency, pdf_url}
    GET  …/v1/contracts/{contract_id}/invoices?limit=…[&after=…]    {data: [invoice], has_more}; the oldest first
    POST …/v1/invoices/{invoice_id}/credit-notes    {external_id, amount, currency, reason}:
                                                    {credit_note_id, external_id, invoice_id, amount, currency}
    POST …/v1/contracts/{contract_id}/refunds       {external_id, amount, currency, reason}: {refund_id, external_id,
                                                     contract_id, amount, currency, state: "PENDING" | "DONE" |
                                                     "REFUSED"}
    GET  …/v1/contracts/{contract_id}/payments?limit=…[&after=…]    {data: [{payment_id, contract_id, invoice_id (null
                                                     where none is named), amount, currency, occurred_at}], has_more}
    GET  …/v1/contracts/{contract_id}               {contract_id, paid_total, refunded_total, currency}

    Authorization: Bearer …
    Idempotency-Key: the external_id               of every POST
    201                the first time; 200 with what it has become when it is asked again
    400, 422 {"error": "why"}     the definite no
    404 {"error": "why"}          there is no such thing
    409                the key was used with other terms

    429, 503 may say Retry-After: seconds. Sums are text, in roubles with two decimals.

Source of the wire format: our contract with the billing system, modelled on those of billing systems with clients,
persons and contracts. More members than these are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode

from common.gateways.billing import (
    PAGE_MAX,
    TEXT_MAX,
    BillingUnavailable,
    BillingUnknown,
    Contract,
    CreditNote,
    Invoice,
    Page,
    PayerKind,
    Payment,
    Refund,
    Requisites,
    Service,
    Standing,
    not_sent,
    said_no,
)
from common.gateways.billing import reading as read
from common.gateways.billing.reading import CURRENCY, ID, Garbage, NotBelieved
from common.gateways.transport import Answer, NoAnswer, NotSent, Transport, header_value
from common.requisites import violations
from common.roubles import KOPECKS_MAX, roubles

BODY_BYTES_MAX = 256 * 1024  # a page of invoices is about 60 KiB
_BELIEVED = frozenset({200, 201, 400, 404, 422})  # the statuses that may decide something
_TYPES = {PayerKind.COMPANY: "ur", PayerKind.ENTREPRENEUR: "ip"}
PAYMENT_TYPES = {Service.COMMISSION: "postpay", Service.DEPOSIT: "prepay", Service.SETTLEMENT: "postpay"}

E = TypeVar("E", Invoice, Payment)


class _NoDecision(Exception):
    """An answer whose status decides nothing."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.status = answer.status
        self.retry_after_seconds = answer.retry_after_seconds


class RestBilling:
    """The port `Billing`.

    base_url: scheme, host and perhaps the beginning of a path, for example https://billing.example
    connect_seconds, read_seconds: a call ends after both, whatever holds it up (`common.gateways.transport`).

    Raises ValueError for a base_url, api_key or time-out that can not be one.

    BillingUnavailable has the facts
        what                  "timeout"       no answer, or not all of it, in time
                              "connection"    not reached, or the connection broke
                              "rate_limit"    we ask too often
                              "billing_error" it says that it has a fault, or is not ready
                              "denied"        our key, or what we may do, is wrong: a person has to look
                              "conflict"      the external id was used with other terms: a person has to look
                              "missing"       it has not what we named, which it told us: a person has to look
                              "garbage"       an answer that can not be read
                              "not_believed"  one that can not be
        retry_after_seconds   when it said how long to wait: a whole number, otherwise absent
    """

    def __init__(self, base_url: str, api_key: str, *, connect_seconds: float = 2.0, read_seconds: float = 7.0) -> None:
        self._headers = {"Authorization": "Bearer " + header_value("the billing system's API key", api_key)}
        self._transport = Transport(
            base_url, connect_seconds=connect_seconds, read_seconds=read_seconds, body_bytes_max=BODY_BYTES_MAX
        )

    def create_client(self, external_id: str, name: str) -> str:
        """See `Billing.create_client`."""
        _check_text(name=name)
        said = self._make(external_id, "/clients", {"name": name})
        with _told():
            return read.text(said, "client_id")

    def create_payer(self, external_id: str, client_id: str, requisites: Requisites) -> str:
        """See `Billing.create_payer`. Requisites that violate something are refused without asking."""
        details = person(requisites)
        said = self._make(external_id, f"/clients/{_id(client_id)}/persons", details, client_id=client_id)
        with _told():
            return read.text(said, "person_id")

    def update_payer(self, payer_id: str, requisites: Requisites) -> None:
        """See `Billing.update_payer`."""
        details = person(requisites)
        said = self._change("PUT", f"/persons/{_id(payer_id)}", details, {})
        with _told():
            read.about(said, person_id=payer_id)

    def create_contract(
        self, external_id: str, client_id: str, payer_id: str, service: Service, starts_on: date
    ) -> Contract:
        """See `Billing.create_contract`."""
        terms = {
            "person_id": _id(payer_id),
            "service": service,
            "currency": CURRENCY,
            "payment_type": PAYMENT_TYPES[service],
            "start_date": starts_on.isoformat(),
        }
        said = self._make(external_id, f"/clients/{_id(client_id)}/contracts", terms, client_id=client_id)
        with _told():
            return Contract(read.text(said, "contract_id"), read.number(said, "external_number"))

    def create_invoice(
        self, external_id: str, contract_id: str, amount_kopecks: int, description: str, due_on: date
    ) -> Invoice:
        """See `Billing.create_invoice`."""
        _check_text(description=description)
        terms = {"contract_id": _id(contract_id), "description": description, "due_date": due_on.isoformat()}
        said = self._make(external_id, "/invoices", terms, amount_kopecks, contract_id=contract_id)
        with _told():
            return read.invoice(said)

    def create_credit_note(self, external_id: str, invoice_id: str, amount_kopecks: int, reason: str) -> CreditNote:
        """See `Billing.create_credit_note`."""
        _check_text(reason=reason)
        path = f"/invoices/{_id(invoice_id)}/credit-notes"
        said = self._make(external_id, path, {"reason": reason}, amount_kopecks, invoice_id=invoice_id)
        with _told():
            return read.credit_note(said)

    def refund(self, external_id: str, contract_id: str, amount_kopecks: int, reason: str) -> Refund:
        """See `Billing.refund`."""
        _check_text(reason=reason)
        path = f"/contracts/{_id(contract_id)}/refunds"
        said = self._make(external_id, path, {"reason": reason}, amount_kopecks, contract_id=contract_id)
        with _told():
            return read.refund(said)

    def invoice(self, invoice_id: str) -> Invoice:
        """See `Billing.invoice`."""
        said = self._look_up(f"/invoices/{_known(invoice_id)}", invoice_id=invoice_id)
        with _told():
            return read.invoice(said)

    def invoices(self, contract_id: str, after: str | None = None) -> Page[Invoice]:
        """See `Billing.invoices`."""
        said = self._look_up(f"/contracts/{_known(contract_id)}/invoices{_query(after)}")
        with _told():
            return _page(said, contract_id, after, [(i.invoice_id, i) for i in map(read.invoice, _listed(said))])

    def payments(self, contract_id: str, after: str | None = None) -> Page[Payment]:
        """See `Billing.payments`."""
        said = self._look_up(f"/contracts/{_known(contract_id)}/payments{_query(after)}")
        with _told():
            return _page(said, contract_id, after, [(p.payment_id, p) for p in map(read.payment, _listed(said))])

    def standing(self, contract_id: str) -> Standing:
        """See `Billing.standing`."""
        said = self._look_up(f"/contracts/{_known(contract_id)}", contract_id=contract_id)
        with _told():
            paid, refunded = (read.total(said, f"{name}_total") for name in ("paid", "refunded"))
            if refunded > paid:
                raise NotBelieved("more is refunded than has come")
            return Standing(paid, refunded)

    def _make(
        self,
        external_id: str,
        path: str,
        terms: Mapping[str, Any],
        amount_kopecks: int | None = None,
        **about: str,
    ) -> dict[str, Any]:
        """What was made, once it is certain to be what was asked for. Raises BillingRefused, BillingUnavailable."""
        if not ID.fullmatch(external_id):
            raise not_sent("an external id is 1 to 64 letters, digits and _ . : -, a letter or digit first")
        asked: dict[str, Any] = {"external_id": external_id, **terms}
        if amount_kopecks is not None:
            if not 0 < amount_kopecks <= KOPECKS_MAX:
                raise not_sent(f"{amount_kopecks} kopecks are no sum above zero that can be told")
            asked |= {"amount": roubles(amount_kopecks), "currency": CURRENCY}
        said = self._change("POST", path, asked, {"Idempotency-Key": external_id})
        with _told():
            read.about(said, external_id=external_id, **about)
            if amount_kopecks is not None and read.amount(said) != amount_kopecks:
                raise NotBelieved("amount is another than was asked for")
        return said

    def _change(self, method: str, path: str, asked: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """Raises BillingRefused, BillingUnavailable."""
        body = json.dumps(asked).encode()
        with _told():
            answer = self._ask(method, path, body, {"Content-Type": "application/json", **headers})
            said = _answered(answer)
            if answer.status in (400, 422) and isinstance(said.get("error"), str):
                raise said_no(read.words(said["error"]))
            if answer.status in (400, 404, 422):  # of somebody between us, or of another route
                raise _NoDecision(answer)
            return said

    def _look_up(self, path: str, **about: str) -> dict[str, Any]:
        """Raises BillingUnknown, BillingUnavailable."""
        with _told():
            answer = self._ask("GET", path)
            said = _answered(answer)
            if answer.status == 404 and "error" in said:
                raise BillingUnknown(f"the billing system does not know it: {read.words(said.get('error'))}")
            if answer.status != 200:
                raise _NoDecision(answer)
            read.about(said, **about)
            return said

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Raises _NoDecision, NoAnswer."""
        answer = self._transport.ask(
            method, f"{self._transport.path}/v1{path}", {**self._headers, **(headers or {})}, body, believed=_BELIEVED
        )
        if answer.status not in _BELIEVED:
            raise _NoDecision(answer)
        return answer


def person(requisites: Requisites) -> dict[str, str | None]:
    """As it crosses the wire. Raises BillingRefused."""
    if wrong := violations(requisites):
        raise not_sent(f"the requisites are wrong: {', '.join(wrong)}")
    return {
        "type": _TYPES[requisites.kind],
        "name": requisites.name,
        "inn": requisites.inn,
        "kpp": requisites.kpp,
        "ogrn": requisites.ogrn,
        "legal_address": requisites.legal_address,
        "post_address": requisites.post_address,
        "bik": requisites.bik,
        "account": requisites.account,
        "corr_account": requisites.correspondent_account,
        "bank_name": requisites.bank_name,
    }


def _check_text(**texts: str) -> None:
    """Raises BillingRefused."""
    for name, written in texts.items():
        if not (0 < len(written) <= TEXT_MAX and written.isprintable() and written.strip()):
            raise not_sent(f"{name} must be 1 to {TEXT_MAX} printable characters")


def _id(theirs: str) -> str:
    """One that they gave. Raises BillingRefused for what they never give."""
    if not ID.fullmatch(theirs):
        raise not_sent("there is no such id")
    return theirs


def _known(theirs: str) -> str:
    """The same, where it is looked up. Raises BillingUnknown."""
    if not ID.fullmatch(theirs):
        raise BillingUnknown("the billing system gives no such ids")
    return theirs


def _query(after: str | None) -> str:
    return "?" + urlencode({"limit": PAGE_MAX} | ({} if after is None else {"after": _known(after)}))


def _answered(answer: Answer) -> dict[str, Any]:
    """Raises Garbage."""
    if answer.is_page:
        raise Garbage("a web page")
    return read.json_object(answer.body)


def _listed(said: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return read.listed(said, PAGE_MAX)


def _page(said: dict[str, Any], contract_id: str, after: str | None, found: Sequence[tuple[str, E]]) -> Page[E]:
    """Raises Garbage, NotBelieved: also where going on would never come to an end."""
    ids = {after, *(each_id for each_id, _ in found)}
    if len(ids) <= len(found):
        raise NotBelieved("the same is told twice")
    if any(entry.contract_id != contract_id for _, entry in found):
        raise NotBelieved("something of another contract is among them")
    more = said.get("has_more")
    if not isinstance(more, bool) or (more and not found):
        raise Garbage("has_more is neither true, with something before it, nor false")
    return Page([entry for _, entry in found], found[-1][0] if more else None)


@contextmanager
def _told() -> Iterator[None]:
    """The one place where their errors become ours. Raises BillingUnavailable."""
    try:
        yield
    except (NoAnswer, _NoDecision, Garbage) as trouble:
        detail, what = _in_our_words(trouble)
        facts: dict[str, int] = {}
        if isinstance(trouble, _NoDecision) and trouble.retry_after_seconds is not None:
            facts["retry_after_seconds"] = trouble.retry_after_seconds
        raise BillingUnavailable(detail, what=what, **facts) from trouble


def _in_our_words(trouble: NoAnswer | _NoDecision | Garbage) -> tuple[str, str]:
    match trouble:
        case _NoDecision(status=429):
            return "the billing system says that we ask too often", "rate_limit"
        case _NoDecision(status=409):
            return "the billing system has this external id with other terms (HTTP 409): compare them", "conflict"
        case _NoDecision(status=404):
            return "the billing system has not what we named (HTTP 404): compare its books with ours", "missing"
        case _NoDecision(status=status) if status in {408, 425} or status >= 500:
            return f"the billing system has a fault (HTTP {status})", "billing_error"
        case _NoDecision(status=status):
            return f"the billing system does not let us ask this (HTTP {status}): check its address and key", "denied"
        case NotBelieved():
            return f"what the billing system tells can not be: {trouble}", "not_believed"
        case Garbage() | NoAnswer(what="garbage"):
            return f"the billing system's answer can not be read: {trouble}", "garbage"
        case NoAnswer(what="timeout"):
            return "the billing system did not answer in time", "timeout"
        case NotSent():
            return "the billing system can not be reached; nothing was sent", "connection"
        case _:
            return "the connection to the billing system broke before its answer was whole", "connection"
