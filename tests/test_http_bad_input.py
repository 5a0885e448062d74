"""Bad input: a problem of a stable type, 4xx, and nothing written. Never a 5xx.

Fields, parameters and lists are those of the OpenAPI document: a new one is tested without being named here.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pytest

from common.http import BODY_BYTES_MAX
from common.keys import USERNAME_PATTERN
from infra.contexts import Route
from tests import openapi
from tests.calls import APART, CALLS, World, called, entitled, every_route, named, path, routes_with_tokens
from tests.depth import sampled
from tests.doors import ROUTES, Answer, Doors, event, handled, opened
from tests.openapi import Field

JSON_TYPE = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Of all tests here: each shows that it changes nothing."""
    world = World.made()
    yield world
    world.desk.check()


@pytest.fixture(scope="module")
def doors(world: World) -> Iterator[Doors]:
    with opened(world.desk, openapi.check) as doors:
        yield doors


OTHER_TYPES = (
    *("text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "application/json5", ""),
    *("multipart/form-data; boundary=x", "multipart/form-data", "application/octet-stream", "application/jsonl"),
    *("application/merge-patch+json", "text/plain; application/json", "application /json", "json", "*/*", ";"),
)


class Bad:
    """Sends what must be refused, and sees that it is, and that nothing is written."""

    def __init__(self, doors: Doors, world: World) -> None:
        self.doors, self.world = doors, world

    def body(self, route: Route, body: Any) -> Answer:
        """A body that is JSON."""
        return self.raw(route, json.dumps(body))

    def raw(self, route: Route, body: str | bytes | None, headers: Mapping[str, str] = JSON_TYPE) -> Answer:
        return self.request(route, body=body, headers={"idempotency-key": next(self.world.desk.keys), **headers})

    def request(self, route: Route, at: str | None = None, **request: Any) -> Answer:
        before = self.world.desk.dynamo.writes
        token = entitled(self.doors, route).token
        answer = self.doors.ask(route.method, at or path(route, self.world), token=token, **request)
        assert 400 <= answer.status < 500, answer.text
        assert answer.problem
        assert self.world.desk.dynamo.writes == before
        return answer


@pytest.fixture(scope="module")
def bad(doors: Doors, world: World) -> Bad:
    return Bad(doors, world)


def of_field(field: Field) -> str:
    return f"{field.route.method} {field.route.path} {field.name}"


def in_place(field: Field, value: Any) -> dict[str, Any]:
    """The route's good body with this in the field, and without what would contradict it."""
    good = dict(CALLS[field.route].body or {})
    if field.name == "quote_amount":
        del good["quantity"]
    return {**good, field.name: value}


def about(answer: Answer, where: str) -> bool:
    """The problem is that the request has not its form, there."""
    wheres = [error["where"] for error in answer.json.get("errors", [])]
    return (answer.status, answer.problem, wheres) == (422, "InvalidRequest", [where])


FIELDS = list(openapi.fields())
# Amounts with their coins are another form: "0.001 SOL, 0.0002 BNB".
AMOUNTS = [field for field in FIELDS if field.is_amount and field.name != "fees_in_coins"]
TIMES = [field for field in FIELDS if field.is_time]
WITH_BODY = [route for route in every_route() if CALLS[route].body is not None]
EACH = pytest.mark.parametrize("route", WITH_BODY, ids=named)

REQUISITES = Route("PUT", "/billing/dealers/{cme_dealer_id}/requisites")
ANY_LETTERS = {(REQUISITES, name) for name in ("name", "bank_name", "legal_address", "post_address")}
MAY_BE_NOTHING = {
    "base",
    "credited",
    "desk_buys_max",
    "executed",
    "fee",
    "gross",
    "paid",
    "quote",
}  # what has come of something may be nothing
NOTHING = ("0", "0.0", "0.00")
MAY_BE_EMPTY = {"fee_coin"}  # "" takes away what was said before

NOT_AMOUNTS: list[Any] = [
    *("NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf", "1e400", "1e-400", "1E1", "1e1", "0x10", "1_000"),
    *("-1", "-0", "+1", *NOTHING, "00", "01", "1.", ".5", ".", "1,000", "1.2.3", "1 000", "$1", "1USD"),
    *("", " ", " 1", "1 ", "1\n", "\t1", "1\0", "\ufeff1", "1\u200b", "\u22121", "½", "²", "一"),
    *("1234567890123456", "0.1234567890123456789", "٣", "٠.١", "１", "1.٥", "9" * 5000, "0." + "1" * 5000),
    *(1, 0, -1, 1.5, True, False, [], ["1"], {}, {"value": "1"}),
]


def test_the_amounts_and_times_of_the_document_are_found() -> None:
    """Else the tests below would hold for nothing."""
    assert {field.name for field in AMOUNTS} == {
        *("amount", "estimated_amount", "max_notional", "max_price", "min_notional", "min_price", "order_price"),
        *("min_pooled", "price", "price_step", "quantity", "quote_amount"),
        *("base_min", "base_quantity", "quote_min", "quote_quantity"),
        *MAY_BE_NOTHING,
    }
    assert {field.name for field in TIMES} == {"expires_at", "offer_accepted_at", "starts_at", "ends_at"}
    assert WITH_BODY == sorted({field.route for field in FIELDS})


@pytest.mark.parametrize("amount", NOT_AMOUNTS, ids=lambda amount: repr(amount)[:30])
def test_what_is_no_amount_is_refused_wherever_there_is_one(bad: Bad, amount: Any) -> None:
    for field in AMOUNTS:
        if amount in NOTHING and field.name in MAY_BE_NOTHING:
            continue
        answer = bad.body(field.route, in_place(field, amount))
        assert about(answer, f"body.{field.name}"), (of_field(field), answer.text)


@pytest.mark.parametrize("amount", ["1.001", "0.009", "0.011", "9999999999.999", "0.000000000000000001"])
def test_dollars_have_two_decimals(bad: Bad, amount: str) -> None:
    names = (
        "amount",
        "quote_amount",
        "estimated_amount",
        "min_notional",
        "max_notional",
        "min_pooled",
        "desk_buys_max",
        "gross",
        "fee",
        "paid",
    )
    dollars = [field for field in AMOUNTS if field.name in names]
    for field in dollars:
        answer = bad.body(field.route, in_place(field, amount))
        assert about(answer, f"body.{field.name}"), (of_field(field), answer.text)


@pytest.mark.parametrize("amount", ["999999999999999", "999999999999999.999999999999999999", "0.000000000000000001"])
def test_the_largest_and_the_smallest_amounts_are_refused_by_the_rules(bad: Bad, amount: str) -> None:
    base = {"asset_id": "BTC", "order_type": "BUY"}
    place = Route("POST", "/orders")
    for body in (
        {**base, "quantity": amount},
        {**base, "quantity": amount, "order_price": amount},
        {**base, "quantity": "1", "order_price": amount},
        {**base, "order_type": "SELL", "quantity": amount},
        {**base, "order_type": "SELL", "quantity": amount, "order_price": amount},
        {**base, "order_type": "SELL", "quantity": "3", "min_price": amount},
    ):
        assert bad.body(place, body).problem in (
            *("PrecisionExceeded", "AboveMaximum", "BelowMinimum", "AmountTooLarge"),
            *("InsufficientFunds", "InsufficientAsset", "PriceMoved"),
        )
    sell = Route("POST", "/crypto/order/sell")
    dollars = "9999999999.99" if amount[0] == "9" else "0.01"
    for fields in (
        {"quantity": amount},
        {"estimated_amount": dollars},
        {"quantity": amount, "estimated_amount": dollars},
    ):
        assert bad.body(sell, {**(CALLS[sell].body or {}), **fields}).problem in (
            *("PrecisionExceeded", "AmountTooLarge", "EstimateOutOfBand", "AboveMaximum", "BelowMinimum"),
        )


@sampled(20)
@pytest.mark.parametrize("field", FIELDS, ids=of_field)
def test_a_field_of_a_wrong_type_is_refused(bad: Bad, field: Field) -> None:
    kind = field.schema["type"]
    wrong: list[Any] = [[], {}, [[]], {"a": 1}, ["BTC"], 1.5, "", "\ud800", "\0", "x" * 5000, "é", "١"]
    wrong += [1, 0, -1, 10**40] if kind != "integer" else [-1, 10**40, "8", " 8", "8.0"]
    wrong += [True, False] if kind != "boolean" else ["true", "yes", "on", "1"]
    wrong += [None] if field.required else []
    wrong = [one for one in wrong if kind != "object" or type(one) is not dict]  # names within have their own words
    wrong = [one for one in wrong if one != "" or field.name not in MAY_BE_EMPTY]
    if (field.route, field.name) in ANY_LETTERS:
        wrong = [one for one in wrong if one not in ("é", "١")]
    for value in wrong:
        answer = bad.body(field.route, in_place(field, value))
        named = about(answer, f"body.{field.name}") or about(answer, "body")  # text that is none is the whole body's
        named = named or (answer.problem, [*answer.json.get("fields", ())]) == ("RequisitesWrong", [field.name])
        named = named or about(answer, f"body.{field.name}.0")
        named = named or (answer.problem, field.name) in {("AddressRefused", "url"), ("UnknownEventType", "events")}
        assert named, (value, answer.text)


@sampled(20)
@pytest.mark.parametrize("field", [field for field in FIELDS if field.required], ids=of_field)
def test_a_missing_field_is_refused_and_named(bad: Bad, field: Field) -> None:
    body = {name: value for name, value in in_place(field, "x").items() if name != field.name}
    assert about(bad.body(field.route, body), f"body.{field.name}")


@sampled(20)
@EACH
def test_an_unknown_field_is_refused_and_named(bad: Bad, route: Route) -> None:
    for name in ("username", "sub", "id", "status", "Amount", "amount ", "__proto__", "", "é"):
        body = {**(CALLS[route].body or {}), name: "x"}
        if name not in {field.name for field in FIELDS if field.route == route}:
            assert about(bad.body(route, body), f"body.{name}"), name


@sampled(20)
@EACH
def test_a_field_that_is_there_twice_is_refused(bad: Bad, route: Route) -> None:
    """Which of two amounts was meant? Whoever stands between us may have read the other one."""
    for name, value in (CALLS[route].body or {}).items():
        text = json.dumps(CALLS[route].body)
        twice = f"{text[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}"
        assert bad.raw(route, twice).problem in ("BodyRefused", "InvalidRequest")


@sampled(20)
@EACH
def test_a_body_that_is_no_object_no_json_or_nested_deeply_is_refused(bad: Bad, route: Route) -> None:
    good = json.dumps(CALLS[route].body)
    for text in (
        *("null", "true", "0", "1", "1.5", "NaN", '""', '"x"', "[]", "[[]]", "[1]", f"[{good}]", f"[{good}, 1]"),
        *(None, "", " ", "{", "}", "nope", "{'amount': '1'}", "amount=1.00", "<a/>", "\0", "\ufeff" + good, good * 2),
        *(good[:-1], good + ",", good[:-1] + ",}", good + " x", f"/**/{good}", good[:-1] + ', "a": \x01"x"}'),
        *("[" * 16_000, "[" * 8_000 + "]" * 8_000, '{"a":' * 3_000 + "1" + "}" * 3_000),
        *('{"amount":' + "[" * 500 + "]" * 500 + "}", '{"amount":' + '{"a":' * 200 + "1" + "}" * 201),
    ):
        assert bad.raw(route, text).problem in ("BodyRefused", "InvalidRequest"), text


@sampled(20)
@EACH
def test_a_number_that_no_machine_holds_is_refused(bad: Bad, route: Route) -> None:
    for number in ("1" * 5000, "-" + "1" * 5000, "1e400", "-1e400", "1e-400", "1." + "1" * 5000, "NaN", "-Infinity"):
        for field in FIELDS:
            if field.route == route:
                text = json.dumps(in_place(field, "here")).replace('"here"', number)
                assert bad.raw(route, text).problem in ("BodyRefused", "InvalidRequest")


@sampled(20)
@EACH
def test_a_body_that_is_not_utf_8_is_refused(bad: Bad, route: Route) -> None:
    good = json.dumps(CALLS[route].body).encode()
    for raw in (b"\xff", b"\xff" + good, good[:-1] + b',"\xc3":1}', b"\xed\xa0\x80", b'{"\xed\xa0\x80":1}'):
        assert bad.raw(route, raw).problem == "BodyRefused"
    for encoding in ("utf-16", "utf-32", "utf-16-le", "utf-8-sig"):
        assert bad.raw(route, good.decode().encode(encoding)).problem in ("BodyRefused", "InvalidRequest")


@sampled(20)
@EACH
def test_half_a_character_is_refused_in_a_value_and_in_a_name(bad: Bad, route: Route) -> None:
    """JSON can write the half of a surrogate pair, which is no text, and no database takes it."""
    for text in ('{"\\ud800": "1"}', '{"amount": "\\udfff"}', '"\\ud800"', '{"a": {"b": ["\\udead"]}}'):
        assert bad.raw(route, text).problem in ("BodyRefused", "InvalidRequest")
    for field in FIELDS:
        if field.route == route:
            assert bad.body(route, in_place(field, "BTC\ud800")).problem in ("BodyRefused", "InvalidRequest")


@sampled(20)
@EACH
def test_a_body_of_another_content_type_is_refused(bad: Bad, route: Route) -> None:
    good = json.dumps(CALLS[route].body)
    for kind in OTHER_TYPES:
        assert bad.raw(route, good, {"content-type": kind}).problem == "BodyRefused", kind
        assert bad.raw(route, b"\xff\0", {"content-type": kind}).problem == "BodyRefused", kind


@sampled(20)
@EACH
def test_nothing_is_refused_whatever_it_calls_itself(bad: Bad, route: Route) -> None:
    for kind in OTHER_TYPES:
        for nothing in (None, "", b""):
            assert bad.raw(route, nothing, {"content-type": kind}).problem in ("BodyRefused", "InvalidRequest"), kind


def filled(route: Route, size: int) -> bytes:
    """The route's good body with as many spaces as make it this long."""
    return json.dumps(CALLS[route].body).encode().ljust(size)


@sampled(20)
@EACH
def test_a_body_of_one_byte_over_16_kib_is_refused(bad: Bad, doors: Doors, world: World, route: Route) -> None:
    assert bad.raw(route, filled(route, BODY_BYTES_MAX + 1)).problem == "BodyRefused"
    assert bad.raw(route, "é" * (BODY_BYTES_MAX // 2) + "x").problem == "BodyRefused"
    assert bad.raw(route, filled(route, 2_000_000)).problem == "BodyRefused"
    before = world.desk.dynamo.items()
    assert sent_as_base64(doors, world, route, filled(route, BODY_BYTES_MAX + 1)).problem == "BodyRefused"
    assert sent_as_base64(doors, world, route, filled(route, 2_000_000)).problem == "BodyRefused"
    assert world.desk.dynamo.items() == before


@APART
@sampled(20)
@EACH
def test_a_body_of_16_kib_is_read(route: Route) -> None:
    world, body = World.kept(), filled(route, BODY_BYTES_MAX)
    with opened(world.desk, openapi.check) as doors:
        headers = {**JSON_TYPE, "idempotency-key": "as-text"}
        token = entitled(doors, route).token
        as_text = doors.ask(route.method, path(route, world), token=token, headers=headers, body=body)
        assert as_text.status == CALLS[route].status, as_text.text


@APART
@sampled(20)
@EACH
def test_a_body_of_16_kib_is_read_as_base64_too(route: Route) -> None:
    world = World.kept()
    with opened(world.desk, openapi.check) as doors:
        as_base64 = sent_as_base64(doors, world, route, filled(route, BODY_BYTES_MAX))
        assert as_base64.status == CALLS[route].status, as_base64.text


def sent_as_base64(doors: Doors, world: World, route: Route, body: bytes) -> Answer:
    """API Gateway may encode any body."""
    now, token = world.desk.clock.at, entitled(doors, route).token
    assert token is not None
    headers = {**JSON_TYPE, "idempotency-key": "as-base64"}
    sent = event(
        route.method, path(route, world), claims=token.claims(now), headers=headers, body="", route=route, now=now
    )
    sent |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return handled(ROUTES[route], sent)


# Words that have not the form of what they stand for. In a path "{}" is a good id, and some are another route.
NOT_ASSETS = (
    "btc",
    "b",
    "ABCDEFGHIJKLMNOPQRSTU",
    "BTC#X",
    "BTC-USD",
    "BTC ",
    " BTC",
    "B\nC",
    "ВТС",
    "ＢＴＣ",
    "٣٣",
    "*",
    "..",
)
NOT_CLIENTS = ("", "ab", "a" * 41, "-ann", "ann#bank", "ann bank", "ann-bank\n", "änn-bank", "../ann")
NOT_USERNAMES = ("Ann", "an", "a" * 33, "ann#x", "ann\n", "1ann", "änn", "CATALOGUE", "ann/../bob")
NOT_IDS = ("x", "o" + "a" * 25, "{}AAAAAAAAAA", "O" + "A" * 15, "{}#", "{} ", " {}", "TRANS#ann#BTC")
NOT_GIVEN_IDS = ("x" * 65, "a#b", "ann bank", " ann-bank", "ann-bank ", "ann.bank", "änn", "CLIENT#ann", "a\0b", "%")
IN_BODIES: Mapping[str, Sequence[Any]] = {
    "asset_id": (*NOT_ASSETS, "", "BTC\n"),
    "crypto_client_id": NOT_CLIENTS,
    "banking_client_id": NOT_CLIENTS,
    "account_id": ("", "a b", "a/b", "../x", "acc#1", "é", "a" * 65, "acc\n"),
    "sub": ("", "a b", "a/b", "sub_1", "sub#1", "é", "a" * 65, "sub\n"),
    "reason": ("", "ab", "a" * 201, "wire\n4711", "Überweisung", "wire\x7f", "\twire"),
    "username": NOT_USERNAMES,
    "order_type": ("buy", "Buy", "HOLD", "BUY ", "", None, 1, [], ["BUY"]),
}
IN_PATHS: Mapping[str, Sequence[str]] = {
    "asset_id": NOT_ASSETS,
    **dict.fromkeys(
        ("order_id", "transfer_id", "snapshot_id", "tie_id", "shortage_id", "outgoing_id", "halt_id", "plan_id"),
        NOT_IDS,
    ),
    "account_id": ("M", "MM1", "mm 1", "mm_1", "m", "m" * 22, "mm#1", "1mm", "é"),
    "pair_id": ("x", "BTC-USDT", "0776B00F-95C0-46F9-85E4-7B8E7CA51E94", "0776b00f95c046f985e47b8e7ca51e94", "#"),
    "thing_id": [word for word in NOT_IDS if re.fullmatch(USERNAME_PATTERN, word) is None],  # a user has a life, too
    **dict.fromkeys(("client_id", "webhook_id"), NOT_GIVEN_IDS),
    "kind": ("CRYPTO", "loan", "banking ", "*"),
    "username": NOT_USERNAMES,
    "month": ("2026-13", "2026-00", "2026-1", "26-11", "1999-11", "2026-11-01", "20٢٦-11", "x"),
}
IN_QUERIES: Mapping[str, Sequence[str]] = {
    "asset_id": (*NOT_ASSETS, "", "BTC\n", "BTC,AI"),
    "limit": ("0", "-1", "x", "", " ", "1.5", "1e1", "0x1", "NaN", "inf", "null", "٣", "9" * 5000, "1,2"),
    "date": ("", "2026-11", "2026-13-01", "2026-02-30", "yesterday", "2026-11-21T00:00:00Z", "٢٠٢٦-١١-٢١", "#"),
    "status": ("pending", "DONE", "", "PENDING,FAILED"),
    "context": ("cash-outs",),
    "overdue": ("perhaps",),
}


@pytest.mark.parametrize("name", IN_BODIES)
def test_a_word_of_a_body_that_has_not_its_form_is_refused(bad: Bad, name: str) -> None:
    fields = [field for field in FIELDS if field.name == name]
    assert fields
    for field in fields:
        for word in IN_BODIES[name]:
            assert about(bad.body(field.route, in_place(field, word)), f"body.{name}"), (of_field(field), word)


@pytest.mark.parametrize("name", IN_PATHS)
def test_a_word_of_a_path_that_has_not_its_form_is_refused(bad: Bad, world: World, name: str) -> None:
    routes = openapi.parameters("path", name)
    assert routes
    for route in routes:
        body = None if CALLS[route].body is None else json.dumps(CALLS[route].body)
        headers = {**JSON_TYPE, "idempotency-key": "k"} if body else {}
        for word in IN_PATHS[name]:
            at = path(route, world, **{name: quote(word.format(getattr(world, CALLS[route].thing)), safe="")})
            answer = bad.request(route, at, body=body, headers=headers, query=CALLS[route].query)
            is_of_another = answer.problem == "RouteNotFound" or about(
                answer, "query.amount"
            )  # behind a # there is no path
            assert about(answer, f"path.{name}") or is_of_another, (named(route), word)


@pytest.mark.parametrize("name", IN_QUERIES)
def test_a_word_of_a_query_that_has_not_its_form_or_comes_twice_is_refused(bad: Bad, name: str) -> None:
    routes = openapi.parameters("query", name)
    assert routes
    for route in routes:
        others = CALLS[route].query
        (schema,) = [one["schema"] for one in openapi.operation(route)["parameters"] if one["name"] == name]
        too_many = (str(schema["maximum"] + 1),) if "maximum" in schema else ()
        for word in (*IN_QUERIES[name], *too_many):
            assert about(bad.request(route, query={**others, name: word}), f"query.{name}"), (named(route), word)
    for query in ("asset_id=BTC&asset_id=AI", "limit=1&limit=2"):
        assert about(bad.request(Route("GET", "/orders"), query=query), f"query.{query.partition('=')[0]}")


@pytest.mark.parametrize("route", routes_with_tokens(), ids=named)
def test_a_parameter_that_a_route_does_not_know_is_refused(bad: Bad, route: Route) -> None:
    """With the names of those that it knows: a filter that is misspelt would else be no filter."""
    call = CALLS[route]
    body = None if call.body is None else json.dumps(call.body)
    query = {**call.query, "colour": "red", "Limit": "5"}
    answer = bad.request(route, query=query, body=body, headers={"idempotency-key": "k", **(JSON_TYPE if body else {})})
    assert [error["where"] for error in answer.json["errors"]] == ["query.Limit", "query.colour"]
    known = [one["name"] for one in openapi.operation(route).get("parameters", []) if one["in"] == "query"]
    assert (answer.status, answer.json["known_parameters"]) == (422, sorted(known))


def test_the_address_of_a_webhook_may_have_anything_behind_it(doors: Doors, world: World) -> None:
    """Its signature is over its body; a bank that appends something to the address is heard."""
    url = Route("POST", "/webhooks/baas", open=True).path
    answer = doors.ask("POST", url, query={"attempt": "2"}, body=world.told, headers=JSON_TYPE)
    assert answer.problem == "SignatureRefused"  # and not InvalidRequest


def test_a_day_has_to_be_said(bad: Bad) -> None:
    assert about(bad.request(Route("GET", "/operations/audit"), query={}), "query.date")


def test_the_longest_and_the_shortest_words_are_fine(doors: Doors, world: World) -> None:
    for asset_id in ("W", "AI", "1INCH", "1000000BABYDOGE", "ABCDEFGHIJABCDEFGHIJ", "00"):
        assert doors.customer().get("/orders", asset_id=asset_id).status == 200
    for route in openapi.parameters("query", "limit"):
        for limit in ("1", "20" if route.path.endswith("/executions") else "100"):  # each is a request elsewhere
            token, query = entitled(doors, route).token, {**CALLS[route].query, "limit": limit}
            assert doors.ask(route.method, path(route, world), token=token, query=query).status == 200


AS_CSV = Route("GET", "/statements.csv")


class TestTimes:
    NOT_TIMES = (
        *("2026-11-21T09:30:00", "2026-11-21", "2026-11-21 09:30", "tomorrow", "now", "", " ", "1795262400", "0", "-1"),
        *("1795262400000", "1e9", "1.5", "inf", "NaN", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "09:30:00Z"),
        *("2026-11-21T24:01:00Z", "2026-11-21T09:30:00+25:00", "2026-11-21T09:30:00Z ", "٢٠٢٦-11-21T09:30:00Z"),
        *("20261121T093000Z", "2026-W47-6T09:30:00Z", "12026-11-21T09:30:00Z", "0000-01-01T00:00:00Z"),
    )
    # Times that are none in UTC: before year 1, after year 9999.
    OUTSIDE = (
        *("0001-01-01T00:00:00+00:01", "0001-01-01T00:00:00+14:00", "0001-01-01T23:58:59+23:59"),
        *("9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59-14:00", "9999-12-31T00:01:00-23:59"),
    )

    @pytest.mark.parametrize("time", [*NOT_TIMES, *OUTSIDE])
    def test_what_is_no_time_is_refused(self, bad: Bad, time: str) -> None:
        for field in TIMES:
            resting = {"order_price": "50.00"} if field.name == "expires_at" else {}
            body = in_place(field, time) | resting
            assert about(bad.body(field.route, body), f"body.{field.name}"), time
        for name in ("from", "to"):
            for route in openapi.parameters("query", name):
                assert about(bad.request(route, query={name: time}), f"query.{name}"), (named(route), time)

    @pytest.mark.parametrize("time", [1795262400, 1795262400.5, True, [2026, 11, 21], {"at": "now"}])
    def test_a_time_is_a_text(self, bad: Bad, time: Any) -> None:
        for field in TIMES:
            assert about(bad.body(field.route, in_place(field, time)), f"body.{field.name}"), time

    @pytest.mark.parametrize(
        "expires_at",
        ["0001-01-01T00:00:00Z", "2026-11-21T11:59:59Z", "2027-02-20T00:00:00Z", "9999-12-31T23:59:59.999999Z"],
    )
    def test_an_order_ends_after_now_and_within_ninety_days(self, bad: Bad, expires_at: str) -> None:
        body = {"asset_id": "BTC", "order_type": "BUY", "quantity": "1", "order_price": "50", "expires_at": expires_at}
        assert bad.body(Route("POST", "/orders"), body).problem == "ExpiryOutOfRange"

    def test_spans_at_the_ends_of_time_or_backwards_are_lists_of_nothing(self, doors: Doors) -> None:
        routes = openapi.parameters("query", "from")
        assert routes == openapi.parameters("query", "to")
        for route in routes:
            for filters in ({}, {"asset_id": "BTC"}):
                if "asset_id" in filters and route not in openapi.parameters("query", "asset_id"):
                    continue
                for since, until in (
                    ("2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z"),
                    ("2026-11-21T12:00:00.000001Z", "2026-11-21T12:00:00Z"),
                    ("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"),
                    ("9999-12-31T23:59:59.999999Z", None),
                    ("9000-01-01T00:00:00Z", None),
                    (None, "0001-01-01T00:00:00Z"),
                    (None, "1000-01-01T00:00:00Z"),
                ):
                    span = {"from_": since, "to": until}
                    asked = {name: value for name, value in span.items() if value} | filters
                    answer = doors.customer().get(route.path.format(asset_id="BTC"), **asked)
                    if route == AS_CSV:
                        assert (answer.status, {line.split(",")[1] for line in answer.text.splitlines()[1:]}) == (
                            200,
                            {"OPENING", "CLOSING"},
                        )
                        continue
                    assert (answer.status, answer.json.get("items")) == (200, []), (named(route), asked, answer.text)

    def test_all_of_time_is_everything(self, doors: Doors) -> None:
        ann = doors.customer()
        for route in openapi.parameters("query", "from"):
            at = route.path.format(asset_id="BTC")
            everything = ann.get(at, from_="0001-01-01T00:00:00Z", to="9999-12-31T23:59:59.999999Z")
            if route == AS_CSV:
                assert len(everything.text) == len(ann.get(at).text) > 1000
                continue
            if route in openapi.parameters("query", "step"):
                assert everything.problem == "TooManySteps"
                continue
            assert everything.json["items"] == ann.get(at).json["items"] != []


class TestTerms:
    """The fields of an order that do not go together."""

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"quantity": None, "quote_amount": None},
            {"quantity": "1", "quote_amount": "1.00"},
            {"quantity": "1", "min_price": "1"},
            {"quantity": "1", "order_price": "1", "max_price": "1"},
            {"quantity": "1", "order_price": "1", "min_price": "1"},
            {"quote_amount": "1.00", "order_price": "1"},
            {"quantity": "1", "expires_at": "2026-11-22T00:00:00Z"},
        ],
        ids=str,
    )
    def test_are_refused(self, bad: Bad, fields: dict[str, Any]) -> None:
        answer = bad.body(Route("POST", "/orders"), {"asset_id": "BTC", "order_type": "BUY", **fields})
        assert (answer.status, answer.problem) == (422, "ContradictoryTerms")

    @pytest.mark.parametrize(
        ("body", "status", "problem"),
        [
            ({"asset_id": "XYZ", "order_type": "BUY", "quantity": "1"}, 404, "AssetNotFound"),
            ({"asset_id": "USD", "order_type": "BUY", "quantity": "1"}, 404, "AssetNotFound"),
            ({"asset_id": "BTC", "order_type": "BUY", "quantity": "0.0099"}, 422, "BelowMinimum"),
            ({"asset_id": "BTC", "order_type": "BUY", "quantity": "10000"}, 409, "InsufficientFunds"),
            (
                {"asset_id": "BTC", "order_type": "BUY", "quantity": "10", "order_price": "1000"},
                409,
                "InsufficientFunds",
            ),
            ({"asset_id": "BTC", "order_type": "SELL", "quantity": "10", "order_price": "1"}, 409, "InsufficientAsset"),
        ],
        ids=lambda value: str(value),
    )
    def test_what_the_rules_forbid_is_refused_by_name(
        self, bad: Bad, body: dict[str, Any], status: int, problem: str
    ) -> None:
        answer = bad.body(Route("POST", "/orders"), body)
        assert (answer.status, answer.problem) == (status, problem)

    def test_the_rules_of_an_asset_must_be_possible(self, bad: Bad) -> None:
        route = Route("PUT", "/operations/catalogue/{asset_id}")
        good = CALLS[route].body or {}
        assert bad.body(route, {**good, "min_notional": "2", "max_notional": "1"}).problem == "ImpossibleAsset"
        dollars = bad.request(route, "/operations/catalogue/USD", body=json.dumps(good), headers=JSON_TYPE)
        assert dollars.problem == "ImpossibleAsset"
        for name, value in (
            ("precision", 19),
            ("price_age_max_seconds", 9),
            ("price_age_max_seconds", 86_401),
            ("estimate_band_bps", 0),
            ("estimate_band_bps", 5_001),
            ("fill_band_bps", 0),
            ("fill_band_bps", 5_001),
            ("spread_bps", -1),
            ("spread_bps", 5_001),
            ("min_pooled", "0"),
            ("price_step", "0"),
            ("exchange_symbol", "sol"),
        ):
            assert about(bad.body(route, {**good, name: value}), f"body.{name}")


class TestKeys:
    @pytest.mark.parametrize("route", openapi.parameters("header", "Idempotency-Key"), ids=named)
    def test_a_key_that_is_missing_empty_too_long_or_not_plain_is_refused(self, bad: Bad, route: Route) -> None:
        body = json.dumps(CALLS[route].body)
        needed = route in openapi.parameters("header", "Idempotency-Key", required=True)
        for key in (
            *((None,) if needed else ()),
            *("", "x" * 129, "x" * 8000, "ключ", "a b", " a", "a ", "a, b", "a\tb", "a\n", "\x7f", "é", "\0"),
        ):
            headers = JSON_TYPE if key is None else {**JSON_TYPE, "idempotency-key": key}
            answer = bad.request(route, body=body, headers=headers)
            assert about(answer, "header.idempotency-key"), repr(key)

    @APART
    def test_a_key_of_128_characters_and_one_with_commas_are_fine(self) -> None:
        world = World.kept()
        with opened(world.desk, openapi.check) as doors:
            made = [
                doors.customer().post("/balance/deposits", {"amount": "1.00"}, key=key)
                for key in ("x" * 128, "~" * 128, "a,b", "a", "a,", ",", "a,,b", '"a"', "!")
            ]
        assert [(answer.status, answer.replayed) for answer in made] == [(201, False)] * len(made)
        assert len({answer.json["transfer_id"] for answer in made}) == len(made)


def test_what_has_no_route_is_not_found(world: World, doors: Doors) -> None:
    """API Gateway sends no such request; whoever calls the function otherwise gets a problem, too. Of a path that there
    is he is told the methods."""
    now = world.desk.clock.at
    token = doors.customer().token
    assert token is not None
    for context in sorted({*ROUTES.values()}):
        for method, at in (
            ("GET", "/"),
            ("GET", "/nope"),
            ("DELETE", "/orders"),
            ("PATCH", "/me"),
            ("GET", "/orders/a/b"),
        ):
            sent = event(method, at, claims=token.claims(now), now=now)
            answer = handled(context, sent)
            methods = sorted({route.method for route, of in ROUTES.items() if (of, route.path) == (context, at)})
            expected = (405, "MethodNotAllowed", ", ".join(methods)) if methods else (404, "RouteNotFound", None)
            assert (answer.status, answer.problem, answer.headers.get("allow")) == expected
            assert answer.json["instance"] == "/requests/request"


def test_every_request_of_a_world_still_works(doors: Doors, world: World) -> None:
    """What was refused above was refused for what was bad about it: the rest of it was good."""
    leaving = Route("POST", "/billing/dealers/{cme_dealer_id}/fast-buyout")  # his deposit is released before
    for route in sorted(
        every_route(), key=lambda route: (route.path.endswith("{flow}/halt"), route.method == "DELETE")
    ):
        status = called(doors, world, route, entitled(doors, route).token).status
        assert (
            status < 300
            or (route == leaving and status == 409)
            or route.path.endswith(
                (
                    "/cancel",
                    "/fail",
                    "/reject",
                    "/complete",
                    "/retry-payout",
                    "/mark-filled",
                    "{proposal_id}/dismiss",
                    "/snooze",
                    "{flow}/lift",  # by who has halted it
                )
            )
        )
