"""The bank's wire, in front of a `SimulatedBank`: `common/gateways/bank/baas.py` tells it, and beside it the controls.

The bank's API, each call with `Authorization: Bearer …` (401 otherwise); an error is {"error": "why"}:

    POST   /v1/accounts/{account_id}/adjustments   with Idempotency-Key
           201, or 200 and `Idempotent-Replayed: true`; 400 for what is no JSON or has no key; 409 for a key that was
           used with other terms; 422 for terms that are not to be booked, kept and replayed like a booking
    GET    /v1/adjustments?reference_id=…          200 {"data": [adjustment]}, or an empty list
    GET    /v1/adjustments?created_on=…            those of a day: 200 {"data": […], "next": null | what after is then}
    GET    /v1/adjustments/{id}                    200 adjustment, or 404

For people and tests; an error says what to do:

    PUT    /sandbox/outcome          {"outcome": "complete" | "fail" | "pending" | "refuse", "account_id": "…",
                                      "times": 2}   only outcome is needed: every account, all credits from now on
    DELETE /sandbox/outcome          the amounts' cents decide again (see sandbox/bank/bank.py)
    POST   /sandbox/decide           {"reference_id": "…", "outcome": "complete" | "fail"}   one that is PENDING, now
    PUT    /sandbox/settle           {"seconds": 1}   from a booking to its outcome
    POST   /sandbox/faults           {"kind": "…", "on": "credit" | "find" | "any", "times": 1}   only kind is needed
                                     kinds: refuse, no_funds, 429, 500, timeout_before, timeout_after, drop_before,
                                     drop_after, maintenance, another; after: it is booked, and the answer is lost
    DELETE /sandbox/faults           those still to come
    PUT    /sandbox/webhooks         {"target_url": "…", "mode": "…", "times": 1, "delay_seconds": 5, "compress": 60}
                                     modes: normal, duplicate, reorder, delay, lose, wrong_signature, old_timestamp
    POST   /sandbox/webhooks/send    {"reference_id": "…"}   its event, now and once; tells what the target said
    GET    /sandbox/state            everything it knows

It listens on 127.0.0.1 only.
"""

import hmac
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from common.clock import text
from common.gateways.bank import State
from sandbox.bank.bank import (
    ID,
    MAINTENANCE_SECONDS,
    PAGE,
    RETRY_AFTER_SECONDS,
    Booked,
    Fault,
    Faulted,
    KeyTaken,
    Outcome,
    Record,
    Refused,
    SimulatedBank,
    Terms,
)
from sandbox.bank.webhooks import Mode, Sender
from sandbox.serving import (
    HANG_SECONDS,
    Answer,
    BadRequest,
    Drop,
    Hang,
    Kinds,
    NoSuchPath,
    Request,
    Running,
    as_json,
    members,
    parsed,
)
from sandbox.serving import serve as serve_http

API_KEY = "sandbox-bank-key"  # of the sandbox only, known to all the world
_TERMS = ("reference_id", "direction", "amount", "currency", "reason", "description")
_WITH_METADATA = {*_TERMS, "metadata"}


# The bank's API


def api(bank: SimulatedBank, request: Request) -> Answer:
    """One request under /v1 by somebody who may. Raises Hang, Drop, Refusal."""
    try:
        match request.method, request.path[1:]:
            case "POST", ["accounts", account_id, "adjustments"]:
                return _credit(bank, account_id, request.headers.get("Idempotency-Key", ""), parsed(request.body))
            case "GET", ["adjustments"]:
                given = parse_qs(request.query, keep_blank_values=True)
                if "created_on" in given:
                    return _listed(bank, {name: values[-1] for name, values in given.items()})
                if "reference_id" not in given:
                    raise BadRequest("reference_id or created_on is missing: this bank lists those of one or a day")
                found = bank.look_up(given["reference_id"][-1])
                return as_json({"data": [] if found is None else [found.resource()]})
            case "GET", ["adjustments", adjustment_id]:
                found = bank.look_up_id(adjustment_id)
                return as_json({"error": "no such adjustment"}, 404) if found is None else as_json(found.resource())
            case _:
                raise NoSuchPath(_elsewhere(request))
    except Faulted as met:
        return _fault(met.fault)


def _listed(bank: SimulatedBank, given: Mapping[str, str]) -> Answer:
    try:
        day, limit = date.fromisoformat(given["created_on"]), int(given.get("limit", PAGE))
    except ValueError:
        raise BadRequest("created_on must be a date such as 2026-11-21, and limit a whole number") from None
    if not 1 <= limit <= PAGE:
        raise BadRequest(f"limit must be from 1 to {PAGE}")
    records, next_ = bank.made_on(day, given.get("after"), limit)
    return as_json({"data": [record.resource() for record in records], "next": next_})


def _credit(bank: SimulatedBank, account_id: str, key: str, body: Any) -> Answer:
    if not ID.fullmatch(key):
        raise BadRequest("Idempotency-Key must be 1 to 128 visible characters of ASCII: the reference")
    if not isinstance(body, dict):
        raise BadRequest(f"there must be a JSON object with {', '.join(_TERMS)}")
    for name in _TERMS:
        if not isinstance(body.get(name), str):
            return as_json({"error": f"{name} must be text"}, 422)
    if unknown := body.keys() - _WITH_METADATA:
        return as_json({"error": f"not known here: {', '.join(sorted(map(ascii, unknown)))}"}, 422)
    metadata = body.get("metadata")
    if metadata is not None and not (isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())):
        return as_json({"error": "metadata must be a JSON object with texts"}, 422)
    terms = Terms(account_id, **{name: body[name] for name in _TERMS}, metadata=metadata)
    match bank.book(key, terms):
        case Booked(record, replayed):
            answer = as_json(record.resource(), 200 if replayed else 201)
        case Refused(words, replayed):
            answer = as_json({"error": words}, 422)
        case KeyTaken(words):
            return as_json({"error": words}, 409)
    headers = {"Idempotent-Replayed": "true"} if replayed else {}
    return Answer(answer.status, answer.body, headers)


def _fault(fault: Fault) -> Answer:
    """Raises Hang, Drop."""
    match fault:
        case Fault.RATE_LIMIT:
            answer = as_json({"error": "too many requests"}, 429)
            return Answer(answer.status, answer.body, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        case Fault.MAINTENANCE:
            page = "<!doctype html><title>Back soon</title><p>We are improving our services for you.</p>"
            return Answer(503, page, {"Retry-After": str(MAINTENANCE_SECONDS)}, "text/html; charset=utf-8")
        case Fault.TIMEOUT_BEFORE | Fault.TIMEOUT_AFTER:
            raise Hang
        case Fault.DROP_BEFORE | Fault.DROP_AFTER:
            raise Drop
        case _:
            return as_json({"error": "internal error"}, 500)


# The controls


def control(bank: SimulatedBank, sender: Sender, request: Request) -> Answer:
    """One request under /sandbox. Raises Refusal."""
    match request.method, request.path[1:]:
        case "GET", ["state"]:
            return as_json(_state(bank, sender))
        case "PUT", ["outcome"]:
            given = _fields(parsed(request.body), ["outcome"], ["account_id", "times"])
            bank.set_outcome(given["outcome"], account_id=given.get("account_id"), times=given.get("times"))
            return as_json({"outcomes": bank.state()["outcomes"]})
        case "DELETE", ["outcome"]:
            bank.forget_outcomes()
            return as_json({"outcomes": bank.state()["outcomes"]})
        case "POST", ["decide"]:
            given = _fields(parsed(request.body), ["reference_id", "outcome"])
            bank.decide(given["reference_id"], given["outcome"])
            return as_json(_shown(bank, bank.record(given["reference_id"])))
        case "PUT", ["settle"]:
            bank.set_settle_seconds(_fields(parsed(request.body), ["seconds"])["seconds"])
            return as_json({"settle_seconds": bank.state()["settle_seconds"]})
        case "POST", ["faults"]:
            given = _fields(parsed(request.body), ["kind"], ["on", "times"])
            bank.fail_next(given["kind"], given.get("on", "any"), given.get("times", 1))
            return as_json({"faults": bank.state()["faults"]})
        case "DELETE", ["faults"]:
            bank.heal()
            return as_json({"faults": bank.state()["faults"]})
        case "PUT", ["webhooks"]:
            sender.set(
                **_fields(parsed(request.body), [], ["target_url", "mode", "times", "delay_seconds", "compress"])
            )
            return as_json(sender.seen())
        case "POST", ["webhooks", "send"]:
            return as_json(sender.send(_fields(parsed(request.body), ["reference_id"])["reference_id"]))
        case _:
            raise NoSuchPath(_elsewhere(request))


def _state(bank: SimulatedBank, sender: Sender) -> dict[str, Any]:
    state, records = bank.state(), bank.records()
    return {
        "now": text(bank.now()),
        "seed": bank.seed,
        "calls": bank.calls,
        "faults": state["faults"],
        "outcomes": state["outcomes"],
        "settle_seconds": state["settle_seconds"],
        "adjustments": [_shown(bank, record) for record in records],
        "credited": {whose: str(bank.credited(whose)) for whose in sorted({r.terms.account_id for r in records})},
        "webhooks": sender.seen(),
    }


def _shown(bank: SimulatedBank, record: Record) -> dict[str, Any]:
    """The adjustment, and the id of its event once there is one."""
    pending = record.state is State.PENDING
    return {**record.resource(), "event_id": None if pending else bank.event_of(record.terms.reference_id).event_id}


_WHOLE: tuple[tuple[type, ...], str] = ((int,), "a whole number")
_NUMBER: tuple[tuple[type, ...], str] = ((int, float), "a number")
_KINDS: Kinds = {
    "outcome": ((str,), f"text, one of {', '.join(Outcome)}"),
    "account_id": ((str,), "text"),
    "reference_id": ((str,), "text"),
    "times": _WHOLE,
    "seconds": _NUMBER,
    "kind": ((str,), f"text, one of {', '.join(Fault)}"),
    "on": ((str,), "text: credit, find or any"),
    "target_url": ((str,), "text such as http://127.0.0.1:4566/webhooks"),
    "mode": ((str,), f"text, one of {', '.join(Mode)}"),
    "delay_seconds": _NUMBER,
    "compress": _NUMBER,
}
_fields = partial(members, _KINDS)


def _elsewhere(request: Request) -> str:
    return (
        f"nothing answers {request.method} {'/' + '/'.join(request.path)!a}; there are POST "
        "/v1/accounts/{id}/adjustments, GET /v1/adjustments?reference_id=…, GET /v1/adjustments/{id}, PUT and DELETE "
        "/sandbox/outcome, POST /sandbox/decide, PUT /sandbox/settle, POST and DELETE /sandbox/faults, PUT "
        "/sandbox/webhooks, POST /sandbox/webhooks/send, GET /sandbox/state"
    )


# The server


def serve(
    bank: SimulatedBank,
    port: int = 0,
    *,
    sender: Sender | None = None,
    api_key: str = API_KEY,
    on_change: Callable[[], None] = lambda: None,
    hang_seconds: float = HANG_SECONDS,
    access_log: bool = False,
) -> Running:
    """Listen on 127.0.0.1 in a thread of its own; port 0 takes a free one. Raises OSError when the port is taken.

    sender: of the bank's webhooks, for the controls; without one there is one that has no target. Nothing here makes
    it run, nor settles a credit.
    on_change is called after each request that may have changed something, before it is answered; what it raises as
    OSError is told to the caller.
    """
    told_by = sender or Sender(bank)
    changing = Lock()  # one at a time, so that what is kept is the last of them
    expected = f"Bearer {api_key}".encode()

    def decide(request: Request) -> Answer:
        match request.path:
            case ["v1", *_]:
                if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
                    answer = as_json({"error": "who asks? Authorization: Bearer … with the bank's key"}, 401)
                    return Answer(answer.status, answer.body, {"WWW-Authenticate": "Bearer"})
                return kept(lambda: api(bank, request), request.method)
            case ["sandbox", "webhooks", "send"]:
                return control(bank, told_by, request)  # it may wait for the target, which may ask us meanwhile
            case ["sandbox", *_]:
                return kept(lambda: control(bank, told_by, request), request.method)
            case _:
                raise NoSuchPath(_elsewhere(request))

    def kept(answer: Callable[[], Answer], method: str) -> Answer:
        if method == "GET":
            return answer()
        with changing:
            try:
                return answer()
            finally:
                on_change()

    return serve_http(decide, port, name="sandbox-bank", hang_seconds=hang_seconds, access_log=access_log)
