"""A bank that keeps accounts for others (banking as a service): its adjustments, and the webhooks about them.

    POST {base_url}/v1/accounts/{account_id}/adjustments
    Authorization: Bearer …
    Idempotency-Key: the reference
        {"reference_id": "…", "direction": "CREDIT", "amount": "123.45", "currency": "USD", "reason": "PAYOUT",
         "description": "…"}

    201 {"id": "…", "reference_id": "…", "account_id": "…", "direction": "CREDIT", "amount": "123.45",
         "currency": "USD", "status": "PENDING" | "COMPLETED" | "FAILED", "failure_code": null | "…",
         "created_at": "…", "updated_at": "…"}
    200 the same with `Idempotent-Replayed: true`: what the first request under this key has become
    400, 422 {"error": "why"}   the definite no; "insufficient funds …" are the desk's, of the account that it pays from
    409                         the key was used with other terms

    GET {base_url}/v1/adjustments?reference_id=…
    200 {"data": [adjustment, …]}   one, or none

    GET {base_url}/v1/adjustments?created_on=2026-11-21&limit=50&after=…
    200 {"data": [adjustment, …], "next": "…" | null}   those of a day, UTC; `next` is the `after` of the next part

    Webhook: Standard Webhooks, `v1` (HMAC-SHA256 over "{webhook-id}.{webhook-timestamp}.{raw body}")
        {"type": "adjustment.completed" | "adjustment.failed", "timestamp": "2026-11-21T09:30:00Z", "data": adjustment}
        Other types may come. What may be an outcome is for a person; a ping, or news of a credit that is on its way,
        is for nobody.

    429, 503 may say Retry-After: seconds. Amounts are text; a JSON number, and zeros at the end, are read as well.

Source of the wire format: our contract with the bank, a resource as Marqeta's credit adjustments have it, idempotency
as Increase's documentation tells it, and the specification of Standard Webhooks. More members than these are ignored.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from standardwebhooks.webhooks import Webhook

from common import clock
from common.errors import Rejected
from common.gateways.bank import (
    Adjustment,
    Adjustments,
    AdjustmentUnknown,
    BankEvent,
    BankRefused,
    BankUnavailable,
    SignatureRefused,
    State,
)
from common.gateways.transport import Answer, NoAnswer, NotSent, Transport, header_value
from common.money import INTEGER_DIGITS_MAX, Money, fraction_digits, told_number
from common.requisites import HIDDEN, without_numbers

BODY_BYTES_MAX = 64 * 1024
PAGE = 50  # adjustments: these are within BODY_BYTES_MAX
WORDS_MAX = 200  # characters of what the bank says
WINDOW = timedelta(seconds=300)  # Standard Webhooks: how far a webhook's time may be from ours, both ways
_SECRET_BYTES_MIN = 24  # Standard Webhooks: 24 to 64
_REASON = "PAYOUT"
_BELIEVED = frozenset({200, 201, 400, 422})  # the statuses that may decide something
_ID = re.compile(r"[\x21-\x7e]{1,128}")
_TOO_MUCH = Decimal(1).scaleb(INTEGER_DIGITS_MAX)
_WEBHOOK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WEBHOOK_SECONDS = re.compile(r"[1-9][0-9]{0,10}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")
_OUTCOMES = {"adjustment.completed": State.COMPLETED, "adjustment.failed": State.FAILED}
_OUTLINED = ("id", "reference_id", "direction", "amount", "currency", "status", "failure_code")
_ON_ITS_WAY = {"PENDING", "CREATED", "NEW", "QUEUED", "SUBMITTED", "PROCESSING", "IN_PROGRESS", "INITIATED"}
# A type with one of these in it may tell of money that moved, whatever else it says.
_DECIDED = re.compile(r"COMPLET|FAIL|RETURN|REVERS|REJECT|DECLIN|CANCEL|REFUND|SETTLE|CHARGEBACK|CLAW|RECALL|VOID|LOST")


class EventNotUnderstood(Rejected):
    """Signed by the bank, and not an event that we know what to do with.

    Facts: `webhook_id`, the same at every retry, at most 64 characters of A-Za-z0-9_- (a hash of it where the bank's
    own is not of that kind).
    """


class NoNews(Exception):
    """Signed by the bank, and nothing that anybody has to do anything about."""


class _NoDecision(Exception):
    """An answer whose status decides nothing."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.status = answer.status
        self.retry_after_seconds = answer.retry_after_seconds


class _Garbage(Exception):
    """An answer or event that is not what the top of this module shows."""


class _NotBelieved(_Garbage):
    """It can be read, and can not be: it is about something else than was asked, or of an impossible amount."""


class BaasBank:
    """The port `Bank`.

    base_url: scheme, host and perhaps the beginning of a path, for example https://api.bank.example
    currency: what the bank calls our dollars. An answer in another currency is not believed.
    connect_seconds, read_seconds: a call ends after both, whatever holds it up (`common.gateways.transport`), and no
        credit leaves later than `connect_seconds` after `credit` was called.

    Raises ValueError for a base_url, api_key or time-out that can not be one.

    BankUnavailable has the facts
        what                  "timeout"     no answer, or not all of it, in time
                              "connection"  not reached, or the connection broke
                              "rate_limit"  we ask too often
                              "bank_error"  the bank says that it has a fault, or is not ready
                              "denied"      our key, our address, or what we may do is wrong: a person has to look
                              "conflict"    the reference was used with other terms: a person has to look
                              "garbage"     an answer that can not be read
                              "not_believed"  one that can not be: about something else than was asked, or of no amount
        retry_after_seconds   when the bank said how long to wait: a whole number, otherwise absent
    and BankRefused has `bank_said`, at most 200 characters.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        currency: str = "USD",
        *,
        connect_seconds: float = 2.0,
        read_seconds: float = 7.0,
    ) -> None:
        self._headers = {"Authorization": "Bearer " + header_value("the bank's API key", api_key)}
        self._currency = currency
        self._transport = Transport(
            base_url,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            body_bytes_max=BODY_BYTES_MAX,
        )

    def credit(self, reference_id: str, account_id: str, amount: Money, description: str) -> Adjustment:
        """See `Bank.credit`. A credit without ids, or not of whole cents above zero, is refused without asking."""
        wrong = _unsendable(reference_id, account_id, amount)
        if wrong is not None:
            raise BankRefused(f"the credit was not sent to the bank: {wrong}", bank_said="")
        terms = {
            "reference_id": reference_id,
            "direction": "CREDIT",
            "amount": str(amount),
            "currency": self._currency,
            "reason": _REASON,
            "description": description,
        }
        try:
            answer = self._ask(
                "POST",
                f"/accounts/{quote(account_id, safe='')}/adjustments",
                json.dumps(terms).encode(),
                {"Idempotency-Key": reference_id, "Content-Type": "application/json"},
            )
            if answer.status in {400, 422}:
                said = _words(answer, account_id)
                ours = said.casefold().replace("_", " ").startswith("insufficient funds")
                raise BankRefused(
                    f"the bank refuses the credit: {said or 'it does not say why'}", ours=ours, bank_said=said
                )
            adjustment = _adjustment(_answered(answer), self._currency)
            asked = (reference_id, account_id, amount)
            if (adjustment.reference_id, adjustment.account_id, adjustment.amount) != asked:
                raise _NotBelieved("it is about another reference, account or amount than was asked for")
            return adjustment
        except (NoAnswer, _NoDecision, _Garbage) as trouble:
            raise _in_our_words(trouble) from trouble

    def find(self, reference_id: str) -> Adjustment:
        """See `Bank.find`."""
        if not _ID.fullmatch(reference_id):
            raise AdjustmentUnknown("nothing is ever sent under such a reference")
        try:
            answer = self._ask("GET", f"/adjustments?{urlencode({'reference_id': reference_id})}")
            if answer.status != 200:
                raise _NoDecision(answer)
            found = _answered(answer).get("data")
            if not isinstance(found, list) or len(found) > 1:
                raise _Garbage("data is not a list of one or none")
            if not found:
                raise AdjustmentUnknown("the bank knows nothing under this reference", reference_id=reference_id)
            adjustment = _adjustment(found[0], self._currency)
            if adjustment.reference_id != reference_id:
                raise _NotBelieved("it is about another reference than was asked for")
            return adjustment
        except (NoAnswer, _NoDecision, _Garbage) as trouble:
            raise _in_our_words(trouble) from trouble

    def adjustments(self, day: date, after: str | None = None) -> Adjustments:
        """See `Bank.adjustments`."""
        asked = {"created_on": day.isoformat(), "limit": str(PAGE)} | ({} if after is None else {"after": after})
        try:
            answer = self._ask("GET", f"/adjustments?{urlencode(asked)}")
            if answer.status != 200:
                raise _NoDecision(answer)
            told = _answered(answer)
            found, next_ = told.get("data"), told.get("next")
            if not isinstance(found, list) or len(found) > PAGE:
                raise _Garbage(f"data is not a list of {PAGE} at most")
            if next_ is not None and (not isinstance(next_, str) or not _ID.fullmatch(next_) or not found):
                raise _Garbage("next is neither null nor where a part begins that follows another")
            if next_ is not None and next_ == after:
                raise _NotBelieved("the next part of a list is the same again")
            return Adjustments([_adjustment(each, self._currency) for each in found], next_)
        except (NoAnswer, _NoDecision, _Garbage) as trouble:
            raise _in_our_words(trouble) from trouble

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Raises _NoDecision, NoAnswer."""
        answer = self._transport.ask(
            method, f"{self._transport.path}/v1{path}", self._headers | (headers or {}), body, believed=_BELIEVED
        )
        if answer.status not in _BELIEVED:
            raise _NoDecision(answer)
        return answer


def _unsendable(reference_id: str, account_id: str, amount: Money) -> str | None:
    if not _ID.fullmatch(reference_id) or not _ID.fullmatch(account_id) or account_id in {".", ".."}:
        return "a reference and an account are 1 to 128 visible characters of ASCII"
    if not 0 < amount.usd < _TOO_MUCH or fraction_digits(amount.usd) > 2:
        return f"{amount} is not an amount in whole cents above zero with at most {INTEGER_DIGITS_MAX} digits"
    return None


def _words(answer: Answer, account_id: str) -> str:
    """Why the bank says no, without the number of the account. Raises _Garbage where a machine between the bank and us
    said it, with a web page."""
    said = _answered(answer).get("error")
    if isinstance(said, dict):
        said = said.get("message")
    return _short(without_numbers(said, account_id)) if isinstance(said, str) else ""


def _short(said: str) -> str:
    return "".join(c if c.isprintable() else " " for c in said[:WORDS_MAX]).strip()


def _answered(answer: Answer) -> dict[str, Any]:
    """Raises _Garbage."""
    if answer.is_page:
        raise _Garbage("a web page")
    return _object(answer.body)


def _object(body: bytes | str) -> dict[str, Any]:
    """Raises _Garbage."""
    try:
        answer = json.loads(body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as unreadable:
        raise _Garbage("not JSON") from unreadable
    if not isinstance(answer, dict):
        raise _Garbage("not a JSON object")
    return answer


def _adjustment(given: Any, currency: str) -> Adjustment:
    """Raises _Garbage."""
    if not isinstance(given, dict):
        raise _Garbage("an adjustment is not a JSON object")
    amount = _amount(given.get("amount"))
    if given.get("direction") != "CREDIT":
        raise _NotBelieved("direction is not CREDIT")
    if given.get("currency") != currency:
        raise _NotBelieved(f"currency is not {currency}")
    status, failure_code = given.get("status"), given.get("failure_code")
    if not isinstance(status, str) or status not in [*State]:
        raise _Garbage(f"status is not one of {', '.join(State)}")
    if not isinstance(failure_code, str | None) or (failure_code is not None and status != State.FAILED):
        raise _Garbage("failure_code is neither null nor why a failed adjustment failed")
    account_id = _text(given, "account_id", _ID)
    return Adjustment(
        adjustment_id=_text(given, "id", _ID),
        reference_id=_text(given, "reference_id", _ID),
        account_id=account_id,
        amount=amount,
        state=State(status),
        failure_code=_short(without_numbers(failure_code or "", account_id)) or None,
    )


def _amount(told: Any) -> Money:
    """Whole cents above zero, however the bank writes them: "99.90", "99.9000" or 99.9. Raises _Garbage."""
    if isinstance(told, bool) or not isinstance(told, str | int | Decimal):
        raise _Garbage("amount is neither text nor a number")
    amount = told_number(told)
    if amount is None or not 0 < amount < _TOO_MUCH or fraction_digits(amount) > 2:
        raise _NotBelieved(f"amount is {without_numbers(_short(str(told)))!r}")
    return Money(amount)


def _text(given: dict[str, Any], name: str, kind: re.Pattern[str]) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not kind.fullmatch(value):
        raise _Garbage(f"{name} is not text of the expected form")
    return value


def _in_our_words(trouble: NoAnswer | _NoDecision | _Garbage) -> BankUnavailable:
    """The one place where their errors become ours."""
    facts: dict[str, int] = {}
    if isinstance(trouble, _NoDecision) and trouble.retry_after_seconds is not None:
        facts["retry_after_seconds"] = trouble.retry_after_seconds
    match trouble:
        case _NoDecision(status=429):
            detail, what = "the bank says that we ask too often", "rate_limit"
        case _NoDecision(status=409):
            detail, what = "the bank has this reference with other terms (HTTP 409): compare them", "conflict"
        case _NoDecision(status=status) if status in {408, 425} or status >= 500:
            detail, what = f"the bank has a fault (HTTP {status})", "bank_error"
        case _NoDecision(status=status):
            detail, what = f"the bank does not let us ask this (HTTP {status}): check its address and our key", "denied"
        case _NotBelieved():
            detail, what = f"what the bank tells can not be: {trouble}", "not_believed"
        case _Garbage() | NoAnswer(what="garbage"):
            detail, what = f"the bank's answer can not be believed: {trouble}", "garbage"
        case NoAnswer(what="timeout"):
            detail, what = "the bank did not answer in time", "timeout"
        case NotSent():
            detail, what = "the bank can not be reached; nothing was sent", "connection"
        case _:
            detail, what = "the connection to the bank broke before its answer was whole", "connection"
    return BankUnavailable(detail, what=what, **facts)


# Webhooks


def event(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    *,
    currency: str = "USD",
    now: Callable[[], datetime] = clock.now,
) -> BankEvent:
    """What a webhook of the bank says, once its signature is checked; nothing is read before.

    headers: as they came, names in any case. body: as it came, byte for byte.
    secrets: `whsec_` and base64 of at least 24 bytes. One of them must have signed: while the bank's secret is
        changed, there are two.

    That an event comes again is for the caller to see, by its `event_id`.

    Raises SignatureRefused, NoNews, EventNotUnderstood; and ValueError when a secret is none, which is our fault and
    not the caller's.
    """
    webhook_id, text = _signed(headers, body, [_webhook(secret) for secret in secrets], now())
    if not _WEBHOOK_ID.fullmatch(webhook_id):
        stand_in = f"sha256-{hashlib.sha256(webhook_id.encode()).hexdigest()[:56]}"
        raise EventNotUnderstood("the bank's event has an id of a kind that we can not keep", webhook_id=stand_in)
    try:
        said = _object(text.removeprefix("\ufeff"))
        if _is_no_news(said):
            raise NoNews
        return _event(webhook_id, said, currency)
    except _Garbage as trouble:
        raise EventNotUnderstood(f"the bank's event is not understood: {trouble}", webhook_id=webhook_id) from trouble


def outline(body: bytes) -> str:
    """What of a webhook's body may be kept, be it understood or not: the members that the top of this module shows, but
    no account, and no number that could be one. Nobody can tell where else one is written."""
    try:
        said = _object(body.decode().removeprefix("\ufeff"))
    except (_Garbage, UnicodeError):
        return f"{len(body)} bytes that are no JSON object"
    data = said.get("data")
    told: dict[str, Any] = {name: _harmless(name, said[name]) for name in ("type", "timestamp") if name in said}
    if isinstance(data, dict):
        told["data"] = {name: _harmless(name, data[name]) for name in _OUTLINED if name in data}
    return json.dumps(told, ensure_ascii=False)


def _harmless(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str | int | Decimal):
        return HIDDEN
    written = _short(str(value))
    its_own = {"id": _ID, "reference_id": _ID, "timestamp": _TIME}.get(name)  # as they are kept of what is understood
    return written if its_own is not None and its_own.fullmatch(written) else without_numbers(written)


def _webhook(secret: str) -> Webhook:
    """Raises ValueError, without the secret in it."""
    encoded = secret.removeprefix("whsec_").rstrip("=")
    with suppress(ValueError):
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        if len(key) >= _SECRET_BYTES_MIN:
            return Webhook(key)
    raise ValueError(f"the bank's webhook secret is not whsec_ and base64 of at least {_SECRET_BYTES_MIN} bytes")


def _signed(headers: Mapping[str, str], body: bytes, webhooks: Sequence[Webhook], now: datetime) -> tuple[str, str]:
    """The webhook's id and its body. Raises SignatureRefused; ValueError when there are no secrets.

    The library computes the signature; its own `verify` would look at no clock but the machine's.
    """
    if not webhooks:
        raise ValueError("there is no secret that the bank's webhooks could be signed with")
    named = {name.lower(): value for name, value in headers.items()}
    webhook_id = named.get("webhook-id", "")
    seconds = named.get("webhook-timestamp", "")
    signatures = named.get("webhook-signature", "")
    if not (webhook_id and seconds and signatures):
        raise SignatureRefused("a webhook has the headers webhook-id, webhook-timestamp and webhook-signature")
    if not _WEBHOOK_SECONDS.fullmatch(seconds):
        raise SignatureRefused("webhook-timestamp is not a time in whole seconds since 1970")
    at = datetime.fromtimestamp(int(seconds), UTC)
    if abs(now - at) > WINDOW:
        raise SignatureRefused(f"webhook-timestamp is more than {WINDOW.seconds} s from now")
    try:
        text = body.decode()
        expected = [webhook.sign(webhook_id, at, text).encode() for webhook in webhooks]
    except UnicodeError:
        raise SignatureRefused("the webhook is not UTF-8") from None
    # Entries are apart by a space. A header that was sent twice comes as one, with a comma between the two.
    given = [entry.encode(errors="replace") for entry in re.split(r" |, ?(?=v[0-9]+a?,)", signatures)]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise SignatureRefused("the webhook is not signed with the secret that the bank and we share")
    return webhook_id, text


def _is_no_news(said: dict[str, Any]) -> bool:
    """Whether it is neither an outcome nor anything that may be one: a ping, a credit that is on its way, a thing that
    is no credit and was not decided."""
    kind, data = said.get("type"), said.get("data")
    if not isinstance(kind, str) or _DECIDED.search(kind.upper()):
        return False
    status = data.get("status") if isinstance(data, dict) else None
    if status is None:
        return True
    if not isinstance(status, str):
        return False
    is_about_a_credit = isinstance(data, dict) and "reference_id" in data
    return status.upper() in _ON_ITS_WAY or not (is_about_a_credit or _DECIDED.search(status.upper()))


def _event(webhook_id: str, said: dict[str, Any], currency: str) -> BankEvent:
    """Raises _Garbage."""
    kind = said.get("type")
    outcome = _OUTCOMES.get(kind) if isinstance(kind, str) else None
    if outcome is None:
        raise _Garbage(f"type is not one of {', '.join(_OUTCOMES)}")
    adjustment = _adjustment(said.get("data"), currency)
    if adjustment.state is not outcome:
        raise _Garbage("type and status do not agree")
    try:
        at = clock.instant(_text(said, "timestamp", _TIME))
    except (ValueError, OverflowError):
        raise _Garbage("timestamp is not a time") from None
    return BankEvent(webhook_id, adjustment, at)
