"""Whatever anybody sends to any route: an answer of the document, never a 5xx, and books that balance."""

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests import openapi
from tests.calls import CALLS, World, every_route, path
from tests.depth import deep
from tests.doors import Answer, Doors, Token, opened
from tests.openapi import operation

ANY_TEXT = st.text(st.characters(), max_size=30)  # with halves of characters, which JSON can write
TEXT = st.text(max_size=30)
WORDS = st.sampled_from(
    [
        *(
            *("", "0", "1", "-1", "1.5", "100", "1e400", "NaN", "null", "true", "BTC", "AI", "USD", "BUY", "PENDING"),
            "ann",
        ),
        *("2026-11-21", "2026-11", "2026-11-21T12:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"),
        *("9999999999", "0.000000000000000001", "1,2", "#", "%", "é", "\ufeff", "a" * 300, "O" + "A" * 25),
    ]
)
NUMBERS = st.integers() | st.floats() | st.integers(min_value=10**300, max_value=10**310)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | ANY_TEXT | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT | WORDS, inner, max_size=3),
    max_leaves=8,
)
TOKENS = st.sampled_from(
    [
        Token("ann", "sub-ann"),
        Token("ann", "sub-ann"),
        Token("olga", "sub-olga", ("operators", "approvers")),
        Token("olga", "sub-olga", ("operators", "approvers")),
        Token("bob", "sub-bob"),
        Token("eve", "sub-eve"),
        Token(None, "machine", changed={"scope": "billing"}),
        Token(None, "cme", changed={"scope": "cryptodesk/billing"}),
        None,
    ]
)
KINDS = st.sampled_from(
    ["application/json", "application/json; charset=utf-8", "text/plain", "multipart/form-data", ""]
)


@st.composite
def bodies(draw: st.DrawFn, good: dict[str, Any] | None) -> str | bytes | None:
    """The good body with a field changed, added or gone; any JSON; any text; any bytes; nothing."""
    match draw(st.sampled_from(["near", "near", "near", "near", "json", "text", "bytes", "none"])):
        case "near":
            body = dict(good or {})
            for name in draw(st.lists(st.sampled_from(sorted(body)) | ANY_TEXT if body else ANY_TEXT, max_size=2)):
                body[name] = draw(JSON)
            for name in draw(st.lists(st.sampled_from(sorted(body)), max_size=1)) if body else []:
                del body[name]
            return json.dumps(body)
        case "json":
            return json.dumps(draw(JSON))
        case "text":
            return draw(TEXT)
        case "bytes":
            return draw(st.binary(max_size=60))
        case _:
            return None


@st.composite
def queries(draw: st.DrawFn, names: list[str]) -> str:
    """Some of the route's parameters and some others, once or more; now and then no query string at all."""
    if draw(st.integers(0, 9)) == 0:
        return quote(draw(st.binary(max_size=30)), safe="&=%+,;")
    name = st.sampled_from(names) if names else TEXT
    pairs = draw(st.lists(st.tuples(name | TEXT, WORDS | TEXT), max_size=3))
    return "&".join(f"{quote(n)}={quote(v)}" for n, v in pairs)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    route = draw(st.sampled_from(every_route()))
    told = operation(route).get("parameters", [])
    parts = [p["name"] for p in told if p["in"] == "path" and draw(st.integers(0, 3)) == 0]
    others = draw(st.dictionaries(TEXT.filter(bool).map(str.lower), TEXT, max_size=2))
    key = {"idempotency-key": draw(st.sampled_from(["k", "k", "k"]) | TEXT | WORDS)}
    kind = {"content-type": draw(st.just("application/json") | KINDS)} if draw(st.integers(0, 9)) else {}
    return {
        "route": route,
        "parts": {name: quote(draw(TEXT | WORDS) or "x", safe="") for name in parts},
        "token": draw(TOKENS),
        "query": {**CALLS[route].query} if draw(st.booleans()) else draw(queries([p["name"] for p in told])),
        "headers": {**others, **key, **kind},
        "body": draw(bodies(dict(CALLS[route].body or {}) or None)),
    }


@settings(
    database=None,
    max_examples=deep(everyday=10, full=100),
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(requests(), min_size=1, max_size=9))
def test_nothing_that_is_sent_is_answered_with_a_5xx_or_moves_what_it_may_not(sent: list[dict[str, Any]]) -> None:
    world = World.made()
    with opened(world.desk, openapi.check) as doors:
        for request in sent:
            answer = send(doors, world, **request)
            note(f"{answer.status} {answer.text[:200]}")
            assert answer.status < 500, answer.text
            assert answer.status < 400 or answer.problem
    world.desk.check()


def send(doors: Doors, world: World, *, route: Any, parts: dict[str, str], **request: Any) -> Answer:
    return doors.ask(route.method, path(route, world, **parts), **request)
