"""A desk with something of everything in it, and one good request for every route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.money import Money
from infra.contexts import Route
from tests.desk import Desk
from tests.doors import ROUTES, Answer, Client, Doors, Token

OPERATIONS = "/operations/"


@dataclass(frozen=True)
class World:
    """Ann trades; Bob has an account, too, and nothing to do with her. What is named here is hers.

    `pending` and `sale` rest in the book, `bought` is done, `withdrawal` waits for an operator.
    """

    desk: Desk
    bought: str
    pending: str
    sale: str
    withdrawal: str

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.bought, self.pending, self.sale, self.withdrawal)

    @classmethod
    def made(cls) -> World:
        desk = Desk()
        desk.list_asset("BTC", "100")
        desk.list_asset("AI", "10")
        ann, bob = desk.customer("ann", usd="5000.00"), desk.customer("bob", usd="500.00")
        bought = desk.buy(ann, "2")
        desk.buy(ann, "3", "AI")
        desk.sell(ann, "0.5")
        desk.buy(bob, "1")
        desk.buy(bob, "1", order_price="90")
        return cls(
            desk=desk,
            bought=bought.order_id,
            pending=desk.buy(ann, "1", order_price="90").order_id,
            sale=desk.sell(ann, "0.25", order_price="200").order_id,
            withdrawal=desk.accounts.withdraw(ann, "w", Money("40.00")).transfer.transfer_id,
        )


@dataclass(frozen=True)
class Call:
    """A request that Ann, or for `/operations/` an operator, makes with success in a `World`."""

    status: int = 200
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    thing: str = "pending"  # what of the world an id in the path names


_BECAUSE = {"reason": "wire 4711 received"}

CALLS: Mapping[Route, Call] = {
    Route("POST", "/users"): Call(),
    Route("GET", "/me"): Call(),
    Route("GET", "/balance"): Call(),
    Route("POST", "/balance/deposits"): Call(201, {"amount": "25.00"}),
    Route("POST", "/balance/withdrawals"): Call(202, {"amount": "10.50"}),
    Route("GET", "/balance/withdrawals/{transfer_id}"): Call(thing="withdrawal"),
    Route("GET", "/balance/transactions"): Call(),
    Route("GET", "/operations/users"): Call(),
    Route("POST", "/operations/users/{username}/deposits"): Call(201, {"amount": "70.00", **_BECAUSE}),
    Route("POST", "/operations/withdrawals/{transfer_id}/complete"): Call(body=_BECAUSE, thing="withdrawal"),
    Route("POST", "/operations/withdrawals/{transfer_id}/reject"): Call(body=_BECAUSE, thing="withdrawal"),
    Route("GET", "/assets"): Call(),
    Route("GET", "/assets/{asset_id}"): Call(),
    Route("GET", "/assets/{asset_id}/transactions"): Call(),
    Route("POST", "/orders"): Call(201, {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.5"}),
    Route("GET", "/orders"): Call(),
    Route("GET", "/orders/{order_id}"): Call(),
    Route("POST", "/orders/{order_id}/cancel"): Call(),
    Route("POST", "/orders/cancel-all"): Call(),
    Route("GET", "/balances"): Call(),
    Route("GET", "/balances/{asset_id}"): Call(),
    Route("GET", "/portfolio"): Call(),
    Route("GET", "/statements/{month}"): Call(),
    Route("POST", "/operations/orders/{order_id}/fail"): Call(body=_BECAUSE),
    Route("PUT", "/operations/catalogue/{asset_id}"): Call(
        body={
            "name": "Bitcoin",
            "precision": 8,
            "min_notional": "10.00",
            "max_notional": "100000.00",
            "execution": "INSTANT",
            "active": True,
            "price_source_id": "bitcoin",
            "price_age_max_seconds": 120,
        }
    ),
    Route("GET", "/operations/work"): Call(),
    Route("GET", "/operations/work/{thing_id}"): Call(),
    Route("GET", "/operations/audit"): Call(query={"date": "2026-11-21"}),
    Route("POST", "/operations/reconcile"): Call(body={"username": "ann"}),
}


def named(route: Route) -> str:
    """For the ids of parametrised tests."""
    return f"{route.method} {route.path}"


def every_route() -> list[Route]:
    """As the apps have them."""
    return sorted(ROUTES)


def path(route: Route, world: World, **parts: str) -> str:
    """The route's path with the call's own things in it, or with others."""
    named = getattr(world, CALLS[route].thing)
    given = {"asset_id": "BTC", "username": "ann", "month": "2026-11"} | dict.fromkeys(
        ("order_id", "transfer_id", "thing_id"), named
    )
    return route.path.format(**(given | parts))


def called(doors: Doors, world: World, route: Route, token: Token | None) -> Answer:
    """Make the route's good request under this token."""
    call = CALLS[route]
    return doors.as_(token).send(route.method, path(route, world), call.body, query=call.query)


def entitled(doors: Doors, route: Route) -> Client:
    """Who may make the route's good request."""
    return doors.operator() if route.path.startswith(OPERATIONS) else doors.customer("ann")
