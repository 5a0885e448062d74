"""Every route × somebody whom it does not concern: other people's things are 404, and stay as they are.

Most of what is asked here changes nothing, so that the next one is asked in the same world; whoever has changed it
leaves it to nobody.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from infra.contexts import Route
from tests import openapi
from tests.calls import OPERATIONS, World, called, every_route, named, routes_with_tokens
from tests.depth import sampled
from tests.doors import Answer, Doors, Token, opened

BOB = Token("bob", "sub-bob")  # has an account
EVE = Token("eve", "sub-eve")  # has none
NEW_ANN = Token("ann", "sub-of-another-ann")  # has taken the username after its user was deleted

OWN, EMPTY, DONE = "his own", "an empty list", "done"

# Good requests of Ann's, made by others: what each of them gets. A new route has to be added here.
OTHERS: dict[Route, tuple[str, str, str]] = {
    #                                               Bob                   Eve                  a new Ann
    Route("POST", "/users"): (OWN, DONE, "AccountExists"),
    Route("GET", "/status"): ("the catalogue",) * 3,
    Route("GET", "/me"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/balance"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("POST", "/balance/deposits"): (DONE, "AccountNotFound", "AccountNotFound"),
    Route("POST", "/balance/withdrawals"): ("ClientNotFound",) * 3,  # to be paid to a client of Ann's
    Route("GET", "/balance/withdrawals/{transfer_id}"): ("WithdrawalNotFound",) * 3,
    Route("GET", "/balance/transactions"): (OWN, EMPTY, EMPTY),
    Route("POST", "/crypto/order/sell"): ("ClientNotFound",) * 3,
    Route("GET", "/crypto/order/sell"): (OWN, EMPTY, EMPTY),
    Route("GET", "/crypto/order/sell/{order_id}"): ("SellOrderNotFound",) * 3,
    Route("POST", "/purchases"): (DONE, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/purchases/pools"): ("the catalogue",) * 3,
    Route("GET", "/purchases/{order_id}"): ("PurchaseNotFound",) * 3,
    Route("POST", "/purchases/{order_id}/cancel"): ("PurchaseNotFound",) * 3,
    Route("POST", "/sales"): ("InsufficientAsset",) * 3,
    Route("GET", "/sales/pools"): ("the catalogue",) * 3,
    Route("GET", "/sales/{order_id}"): ("SaleNotFound",) * 3,
    Route("POST", "/sales/{order_id}/cancel"): ("SaleNotFound",) * 3,
    Route("POST", "/recurring-buys"): (DONE, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/recurring-buys"): (EMPTY, EMPTY, EMPTY),
    Route("GET", "/recurring-buys/{plan_id}"): ("RecurringBuyNotFound",) * 3,
    Route("GET", "/recurring-buys/{plan_id}/dates"): ("RecurringBuyNotFound",) * 3,
    Route("PATCH", "/recurring-buys/{plan_id}"): ("RecurringBuyNotFound",) * 3,
    Route("POST", "/recurring-buys/{plan_id}/pause"): ("RecurringBuyNotFound",) * 3,
    Route("POST", "/recurring-buys/{plan_id}/resume"): ("RecurringBuyNotFound",) * 3,
    Route("POST", "/recurring-buys/{plan_id}/cancel"): ("RecurringBuyNotFound",) * 3,
    Route("POST", "/market-making/orders"): (DONE, DONE, DONE),  # it is paid from outside
    Route("POST", "/market-making/configurations/check"): ("the catalogue",) * 3,
    Route("GET", "/market-making/orders"): (EMPTY, EMPTY, EMPTY),
    Route("GET", "/market-making/orders/{order_id}"): ("MarketMakingOrderNotFound",) * 3,
    Route("PATCH", "/market-making/orders/{order_id}"): ("MarketMakingOrderNotFound",) * 3,
    Route("GET", "/market-making/orders/{order_id}/configuration"): ("MarketMakingOrderNotFound",) * 3,
    Route("GET", "/market-making/orders/{order_id}/performance"): ("MarketMakingOrderNotFound",) * 3,
    Route("GET", "/market-making/orders/{order_id}/performance/history"): ("MarketMakingOrderNotFound",) * 3,
    Route("GET", "/market-making/orders/{order_id}/book"): ("MarketMakingOrderNotFound",) * 3,
    Route("GET", "/market-making/orders/{order_id}/fills"): ("MarketMakingOrderNotFound",) * 3,
    Route("GET", "/market-making/orders/{order_id}/fills.csv"): ("MarketMakingOrderNotFound",) * 3,
    Route("POST", "/market-making/orders/{order_id}/pause"): ("MarketMakingOrderNotFound",) * 3,
    Route("POST", "/market-making/orders/{order_id}/resume"): ("MarketMakingOrderNotFound",) * 3,
    Route("POST", "/market-making/orders/{order_id}/stop"): ("MarketMakingOrderNotFound",) * 3,
    Route("POST", "/market-making/orders/{order_id}/withdraw"): ("MarketMakingOrderNotFound",) * 3,
    Route("GET", "/market-making/pairs"): ("the catalogue",) * 3,
    Route("POST", "/billing/dealers"): ("ScopeMissing",) * 3,  # for the dealers' systems
    Route("GET", "/billing/dealers/{cme_dealer_id}"): ("ScopeMissing",) * 3,
    Route("PUT", "/billing/dealers/{cme_dealer_id}/requisites"): ("ScopeMissing",) * 3,
    Route("GET", "/billing/dealers/{cme_dealer_id}/bills"): ("ScopeMissing",) * 3,
    Route("POST", "/billing/deals"): ("ScopeMissing",) * 3,
    Route("POST", "/billing/bills"): ("ScopeMissing",) * 3,
    Route("GET", "/billing/bills/{bill_id}"): ("ScopeMissing",) * 3,
    Route("GET", "/billing/deals/{deal_id}"): ("ScopeMissing",) * 3,
    Route("PATCH", "/billing/deals/{deal_id}"): ("ScopeMissing",) * 3,
    Route("POST", "/billing/dealers/{cme_dealer_id}/fast-buyout"): ("ScopeMissing",) * 3,
    Route("GET", "/billing/dealers/{cme_dealer_id}/fast-buyout"): ("ScopeMissing",) * 3,
    Route("POST", "/billing/dealers/{cme_dealer_id}/deposit-release"): ("ScopeMissing",) * 3,
    Route("GET", "/billing/segments"): ("ScopeMissing",) * 3,
    Route("GET", "/billing/dealers/{cme_dealer_id}/statements/{month}"): ("ScopeMissing",) * 3,
    Route("GET", "/billing/dealers/{cme_dealer_id}/statements/{month}/csv"): ("ScopeMissing",) * 3,
    Route("GET", "/billing/dealers/{cme_dealer_id}/statements/{month}/pdf"): ("ScopeMissing",) * 3,
    Route("POST", "/webhooks/endpoints"): (DONE,) * 3,
    Route("GET", "/webhooks/endpoints"): (EMPTY,) * 3,
    Route("DELETE", "/webhooks/endpoints/{endpoint_id}"): ("EndpointNotFound",) * 3,
    Route("POST", "/webhooks/endpoints/{endpoint_id}/rotate-secret"): ("EndpointNotFound",) * 3,
    Route("PATCH", "/webhooks/endpoints/{endpoint_id}"): ("EndpointNotFound",) * 3,
    Route("POST", "/webhooks/endpoints/{endpoint_id}/test"): ("EndpointNotFound",) * 3,
    Route("GET", "/webhooks/endpoints/{endpoint_id}/deliveries"): ("EndpointNotFound",) * 3,
    Route("POST", "/webhooks/deliveries/{delivery_id}/replay"): ("DeliveryNotFound",) * 3,
    Route("GET", "/assets"): ("the catalogue",) * 3,
    Route("GET", "/assets/{asset_id}"): ("the catalogue",) * 3,
    Route("GET", "/assets/{asset_id}/prices"): ("the catalogue",) * 3,
    Route("GET", "/assets/{asset_id}/transactions"): (OWN, EMPTY, EMPTY),
    Route("POST", "/orders"): (DONE, "AccountNotFound", "AccountNotFound"),
    Route("POST", "/quotes"): (DONE,) * 3,
    Route("GET", "/quotes/{quote_id}"): ("QuoteNotFound",) * 3,
    Route("GET", "/orders"): (OWN, EMPTY, EMPTY),
    Route("GET", "/orders/{order_id}"): ("OrderNotFound",) * 3,
    Route("POST", "/orders/{order_id}/cancel"): ("OrderNotFound",) * 3,
    Route("POST", "/orders/cancel-all"): (DONE, EMPTY, EMPTY),
    Route("GET", "/balances"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/balances/{asset_id}"): (OWN, "HoldingNotFound", "HoldingNotFound"),
    Route("GET", "/portfolio"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/portfolio/history"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/statements"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/statements.csv"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/statements/{month}"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/balance/holds"): (OWN, "AccountNotFound", "AccountNotFound"),
    Route("GET", "/balance/withdrawals"): (EMPTY, EMPTY, EMPTY),
    Route("GET", "/clients"): (OWN, EMPTY, EMPTY),
    Route("POST", "/clients"): (DONE, "AccountNotFound", "AccountNotFound"),
}
STATUS = {"AccountExists": 409, "InsufficientAsset": 409, "ScopeMissing": 403}


@cache
def unchanged() -> World:
    """The world that nobody has changed yet."""
    return World.made()


@pytest.fixture
def world() -> Iterator[World]:
    world = unchanged()
    before = world.desk.dynamo.writes
    yield world
    if world.desk.dynamo.writes != before:
        unchanged.cache_clear()
        world.desk.check()


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    with opened(world.desk, openapi.check) as doors:
        yield doors


def test_every_route_says_what_others_get() -> None:
    operators = {route for route in routes_with_tokens() if route.path.startswith(OPERATIONS)}
    assert sorted({*OTHERS, *operators}) == routes_with_tokens()


@sampled(10)
@pytest.mark.parametrize("who", [0, 1, 2], ids=["Bob", "Eve", "a new Ann"])
@pytest.mark.parametrize("route", OTHERS, ids=named)
def test_nobody_sees_or_moves_what_is_anothers(doors: Doors, world: World, route: Route, who: int) -> None:
    token, expected = (BOB, EVE, NEW_ANN)[who], OTHERS[route][who]
    before, writes = world.desk.dynamo.items(), world.desk.dynamo.writes
    answer = called(doors, world, route, token)
    if answer.status >= 400:
        assert (answer.status, answer.problem) == (STATUS.get(expected, 404), expected)
    else:
        assert expected in (OWN, EMPTY, DONE, "the catalogue")
    if expected == EMPTY:
        assert answer.json["items"] == []
    if world.desk.dynamo.writes != writes:
        after = world.desk.dynamo.items()
        assert expected == DONE or after == before
        assert mentioning(after, "sub-ann", *world.ids) == mentioning(before, "sub-ann", *world.ids)
    assert told_of(answer, "sub-ann", *(() if "{" in route.path and answer.status == 404 else world.ids)) == []


def mentioning(items: list[Any], *words: str) -> list[Any]:
    """The items that have one of these anywhere in them."""
    return [item for item in items if any(word in repr(item) for word in words)]


def told_of(answer: Answer, *words: str) -> list[str]:
    return [word for word in words if word in answer.text]


def but_for_its_instance(answer: Answer) -> str:
    """The answer without what is of the one request alone."""
    return answer.text.replace(answer.json["instance"], "")


def test_an_id_of_anothers_is_answered_like_one_that_never_was(doors: Doors, world: World) -> None:
    bob, never = doors.as_(BOB), "O" + "A" * 25
    for method, at, known in (
        ("GET", "/orders/{}", world.pending),
        ("POST", "/orders/{}/cancel", world.pending),
        ("GET", "/balance/withdrawals/{}", world.withdrawal),
        ("GET", "/crypto/order/sell/{}", world.cashed_out),
    ):
        there, not_there = bob.send(method, at.format(known)), bob.send(method, at.format(never))
        assert but_for_its_instance(there).replace(known, never) == but_for_its_instance(not_there)


def test_a_client_of_anothers_is_answered_like_one_that_never_was(doors: Doors) -> None:
    bob, never = doors.as_(BOB), "nobody-bank"
    for at, body in (
        ("/balance/withdrawals", {"amount": "1.00", "banking_client_id": "{}"}),
        ("/crypto/order/sell", {**_SALE, "crypto_client_id": "bob-crypto", "banking_client_id": "{}"}),
        ("/crypto/order/sell", {**_SALE, "crypto_client_id": "{}", "banking_client_id": "bob-bank"}),
    ):
        there, not_there = (
            bob.post(at, {name: value.format(client) for name, value in body.items()}) for client in ("ann-bank", never)
        )
        assert there.problem == not_there.problem == "ClientNotFound"
        assert but_for_its_instance(there).replace("ann-bank", never) == but_for_its_instance(not_there)


_SALE = {"asset_id": "BTC", "quantity": "0.1", "estimated_amount": "10.00"}


def test_ids_of_one_kind_are_no_ids_of_another(doors: Doors, world: World) -> None:
    ann, olga = doors.customer(), doors.operator()
    assert ann.get(f"/orders/{world.withdrawal}").problem == "OrderNotFound"
    assert ann.post(f"/orders/{world.withdrawal}/cancel").problem == "OrderNotFound"
    for other in (world.cashed_out, world.unsold):
        assert ann.get(f"/orders/{other}").problem == "OrderNotFound"
        assert ann.post(f"/orders/{other}/cancel").problem == "OrderNotFound"
    body = {"reason": "by mistake"}
    paid = {"reference": "wire 42", **body}
    for other in (world.pending, world.unpaid):
        assert ann.get(f"/balance/withdrawals/{other}").problem == "WithdrawalNotFound"
        assert olga.post(f"/operations/withdrawals/{other}/complete", paid).problem == "NotProposable"
        for act in ("reject", "retry-payout", "abandon-attempt"):
            assert olga.post(f"/operations/withdrawals/{other}/{act}", body).problem == "PayoutNotFound"
    for other in (world.pending, world.withdrawal):
        assert ann.get(f"/crypto/order/sell/{other}").problem == "SellOrderNotFound"
        assert olga.post(f"/operations/sell-orders/{other}/mark-filled", paid).problem == "NotProposable"
        for act in ("retry-payout", "abandon-attempt", "credit-usd"):
            assert olga.post(f"/operations/sell-orders/{other}/{act}", body).problem == "PayoutNotFound"
        assert olga.post(f"/operations/sell-orders/{other}/void", body).problem == "SellOrderNotFound"
    for other in (world.withdrawal, world.unpaid):
        assert olga.post(f"/operations/orders/{other}/fail", body).problem == "OrderNotFound"


@sampled(10)
@pytest.mark.parametrize("token", [BOB, Token("ann", "sub-ann"), EVE], ids=["Bob", "Ann", "Eve"])
@pytest.mark.parametrize("route", [r for r in every_route() if r.path.startswith(OPERATIONS)], ids=named)
def test_operations_are_for_operators(doors: Doors, world: World, route: Route, token: Token) -> None:
    before = world.desk.dynamo.items()
    answer = called(doors, world, route, token)
    assert (answer.status, answer.problem) == (403, "TokenRefused")  # theirs is another user pool
    assert world.desk.dynamo.items() == before


def test_the_same_key_of_two_people_is_two_of_whatever_they_ask_for(doors: Doors) -> None:
    for at, body, named_by in (
        ("/orders", {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.5"}, "order_id"),
        ("/balance/withdrawals", {"amount": "1.00", "banking_client_id": "{}-bank"}, "transfer_id"),
        (
            "/crypto/order/sell",
            {**_SALE, "crypto_client_id": "{}-crypto", "banking_client_id": "{}-bank"},
            "order_id",
        ),
    ):
        one, two = (
            doors.customer(who).post(at, {name: value.format(who) for name, value in body.items()}, key="k")
            for who in ("ann", "bob")
        )
        assert one.status == two.status < 300
        assert (one.replayed, two.replayed) == (False, False)
        assert one.json[named_by] != two.json[named_by]
