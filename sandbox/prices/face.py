"""The price source's wire, in front of an `Oracle`: CoinGecko's, and beside it the controls of the sandbox.

As CoinGecko (docs.coingecko.com; prices in USD only, nothing but price and time):

    GET    /api/v3/ping                    {"gecko_says": "(V3) To the Moon!"}
    GET    /api/v3/simple/price            ids, vs_currencies, include_last_updated_at, precision (0 to 18, or full)
           200 {"bitcoin": {"usd": 67187.3358936566, "last_updated_at": 1711356300}}; unknown ids are missing
           422 {"error": "Missing parameter vs_currencies"}, as public clients record it
           429, 500 {"status": {"error_code": 429, "error_message": "…"}}, 429 with Retry-After
    Not documented there, so our own reading: rounding is half up, and an answer without `precision` has six
    significant digits (an adapter that forgets to ask for `full` is noticed).

For people and tests; money is text, never a JSON number, and an error says what to do:

    PUT    /sandbox/prices/{id}            {"usd": "67000.10", "age_seconds": 0, "walk": false}   only usd is needed
    DELETE /sandbox/prices/{id}            the id becomes unknown
    POST   /sandbox/move/{id}              {"factor": "1.05"}
    POST   /sandbox/faults                 {"kind": "429" | "500" | "timeout" | "garbage" | "drop", "times": 1}
    DELETE /sandbox/faults                 those still to come
    GET    /sandbox/state                  everything it knows

It listens on 127.0.0.1 only.
"""

import calendar
import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from common.clock import text
from common.money import ROUNDING, plain
from sandbox.prices.oracle import RETRY_AFTER_SECONDS, Fault, Faulted, ListingState, Oracle, Tick
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

PRECISION_MAX = 18
DIGITS_WITHOUT_PRECISION = 6
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


# CoinGecko's wire


def simple_price(oracle: Oracle, query: str) -> Answer:
    """`GET /api/v3/simple/price?query`. Raises Hang, Drop."""
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    for name in ("vs_currencies", "ids"):
        if name not in given:
            return Answer(422, json.dumps({"error": f"Missing parameter {name}"}))
    precision = given.get("precision")
    if precision not in {None, "full", *map(str, range(PRECISION_MAX + 1))}:
        return Answer(400, json.dumps({"error": "Invalid value for precision"}))
    try:
        ticks = oracle.ask(_listed(given["ids"]))
    except Faulted as met:
        return _fault(met.fault)
    currencies = _listed(given["vs_currencies"])
    with_time = given.get("include_last_updated_at") == "true"
    entries = (f"{json.dumps(i)}:{_entry(tick, currencies, precision, with_time)}" for i, tick in ticks.items())
    return Answer(200, "{" + ",".join(entries) + "}", {"Cache-Control": "max-age=60"})


def _listed(commas: str) -> list[str]:
    return [part.strip().lower() for part in commas.split(",") if part.strip()]


def _entry(tick: Tick, currencies: list[str], precision: str | None, with_time: bool) -> str:
    """One listing. Written by hand: json.dumps would take a Decimal only by way of a float."""
    parts = []
    if "usd" in currencies:
        parts.append(f'"usd":{_number(tick.usd, precision)}')
    if with_time:
        seconds = "null" if tick.usd is None else calendar.timegm(tick.updated_at.utctimetuple())
        parts.append(f'"last_updated_at":{seconds}')
    return "{" + ",".join(parts) + "}"


def _number(usd: Decimal | None, precision: str | None) -> str:
    if usd is None:
        return "null"
    if precision == "full":
        return plain(usd)
    digits = DIGITS_WITHOUT_PRECISION - 1 - usd.adjusted() if precision is None else int(precision)
    return plain(usd.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, ROUNDING))


def _fault(fault: Fault) -> Answer:
    """Raises Hang, Drop."""
    match fault:
        case Fault.RATE_LIMIT:
            said, headers = "You've exceeded the Rate Limit.", {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return Answer(429, json.dumps({"status": {"error_code": 429, "error_message": said}}), headers)
        case Fault.SERVER_ERROR:
            said = "Internal Server Error"
            return Answer(500, json.dumps({"status": {"error_code": 500, "error_message": said}}))
        case Fault.GARBAGE:
            page = "<!doctype html><title>Just a moment…</title><p>Checking your browser.</p>"
            return Answer(200, page, content_type="text/html; charset=utf-8")
        case Fault.TIMEOUT:
            raise Hang
        case Fault.DROP:
            raise Drop


# The controls


def control(oracle: Oracle, method: str, path: list[str], body: bytes) -> Answer:
    """One request under /sandbox, `path` without that word. Raises Refusal."""
    match method, path:
        case "GET", ["state"]:
            return as_json(_state(oracle))
        case "PUT", ["prices", listing_id]:
            if not _ID.fullmatch(listing_id):
                raise BadRequest(f"{listing_id!r} is not an id: small letters, digits, and .-_ as in usd-coin")
            oracle.restore({listing_id: listing_state(parsed(body))})
            return as_json(_prices(oracle).get(listing_id))
        case "DELETE", ["prices", listing_id]:
            oracle.forget(listing_id)
            return as_json({"forgotten": listing_id})
        case "POST", ["move", listing_id]:
            oracle.move(listing_id, _fields(parsed(body), ["factor"])["factor"])
            return as_json(_prices(oracle).get(listing_id))
        case "POST", ["faults"]:
            given = _fields(parsed(body), ["kind"], ["times"])
            oracle.fail_next(given["kind"], given.get("times", 1))
            return as_json({"faults": oracle.faults()})
        case "DELETE", ["faults"]:
            oracle.heal()
            return as_json({"faults": oracle.faults()})
        case _:
            raise NoSuchPath(_elsewhere(method, "/".join(["/sandbox", *path])))


def _state(oracle: Oracle) -> dict[str, Any]:
    return {
        "now": text(oracle.now()),
        "seed": oracle.seed,
        "calls": oracle.calls,
        "faults": oracle.faults(),
        "prices": _prices(oracle),
    }


def _prices(oracle: Oracle) -> dict[str, Any]:
    """Each listing as it was set (`usd`) and as it is quoted now (`quoted_usd`, `updated_at`)."""
    return {
        listing_id: {
            **state,
            "quoted_usd": None if tick.usd is None else plain(tick.usd),
            "updated_at": text(tick.updated_at),
        }
        for listing_id, (state, tick) in oracle.seen().items()
    }


_KINDS: Kinds = {
    "usd": ((str, type(None)), 'text such as "67000.10" (a JSON number loses digits), or null for no price'),
    "age_seconds": ((int,), "a whole number"),
    "walk": ((bool,), "true or false"),
    "factor": ((str,), 'text such as "1.05"'),
    "kind": ((str,), f"text, one of {', '.join(Fault)}"),
    "times": ((int,), "a whole number"),
}
_fields = partial(members, _KINDS)


def listing_state(given: Any) -> ListingState:
    """What a PUT body, or a listing in the state file, says. Raises BadRequest."""
    told = _fields(given, ["usd"], ["age_seconds", "walk"])
    return ListingState(usd=told["usd"], age_seconds=told.get("age_seconds", 0), walk=told.get("walk", False))


def _elsewhere(method: str, path: str) -> str:
    return (
        f"nothing answers {method} {path}; there are GET /api/v3/ping, GET /api/v3/simple/price, PUT and DELETE "
        "/sandbox/prices/{id}, POST /sandbox/move/{id}, POST and DELETE /sandbox/faults, GET /sandbox/state"
    )


# The server


def serve(
    oracle: Oracle,
    port: int = 0,
    *,
    on_change: Callable[[], None] = lambda: None,
    hang_seconds: float = HANG_SECONDS,
    access_log: bool = False,
) -> Running:
    """Listen on 127.0.0.1 in a thread of its own; port 0 takes a free one. Raises OSError when the port is taken.

    on_change is called after each control that changed something; what it raises as OSError is told to the caller.
    """
    changing = Lock()  # one control at a time, so that what is kept is the last of them

    def decide(request: Request) -> Answer:
        match request.method, request.path:
            case "GET", ["api", "v3", "ping"]:
                return Answer(200, json.dumps({"gecko_says": "(V3) To the Moon!"}))
            case "GET", ["api", "v3", "simple", "price"]:
                return simple_price(oracle, request.query)
            case method, ["sandbox", *rest]:
                with changing:
                    answer = control(oracle, method, rest, request.body)
                    if method != "GET":
                        on_change()
                return answer
            case method, path:
                raise NoSuchPath(_elsewhere(method, "/" + "/".join(path)))

    return serve_http(decide, port, name="sandbox-prices", hang_seconds=hang_seconds, access_log=access_log)
