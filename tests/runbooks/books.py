"""Incidents of the books, of prices, accounts, halts and the audit."""

from __future__ import annotations

import pytest

from common.clock import text
from common.domain.catalogue.model import Quote
from common.money import Price
from common.owner import Owner
from functions.operations.model import NotProposable
from functions.orders.service import marks
from tests.notifications.hooks import URL, Hooks, change_of
from tests.operations.drifts import put
from tests.operations.test_reconciliation import change, spoil
from tests.runbooks.on_call import OnCall, Way, nothing_more
from tests.runbooks.payouts import Facts, ann
from tests.seen import awaiting


def drifted(on_call: OnCall) -> Facts:
    """Somebody has changed a balance in the table; it is put back from a copy."""
    desk = on_call.desk
    ann(desk)
    change(desk, "ann", "BALANCE", current_balance=5)
    on_call.mended = lambda: change(desk, "ann", "BALANCE", current_balance=-5)
    return {"USERNAME": "ann", "ASSET": "BTC"}


def unreadable(on_call: OnCall) -> Facts:
    desk = on_call.desk
    ann(desk)
    line = spoil(desk, "ann")
    on_call.mended = lambda: put(desk, line)
    return {"USERNAME": "ann"}


def halted(on_call: OnCall) -> Facts:
    on_call.desk.halt("orders")
    return {}


def hold_gone(on_call: OnCall) -> Facts:
    """A limit order rests in the book; what it holds was taken in the table, and is put back."""
    desk = on_call.desk
    owner = ann(desk)
    order_id = desk.buy(owner, "1", order_price="90").order_id
    change(desk, "ann", "BALANCE", held_balance=-50)
    desk.mark("BTC", "89")
    desk.match()
    on_call.mended = lambda: change(desk, "ann", "BALANCE", held_balance=50)
    return {"ID": order_id, "USERNAME": "ann"}


class Source:
    """A price source that says this."""

    def __init__(self, quote: Quote) -> None:
        self._quote = quote

    def latest(self, _: object) -> dict[str, Quote]:
        return {"BTC": self._quote}


def jumped(on_call: OnCall) -> Facts:
    """The source says 75.25 after 100, and it is so."""
    desk = on_call.desk
    source = Source(Quote(Price("75.25"), "test", desk.clock()))
    marks.refresh(desk.catalogue, lambda _: source)  # type: ignore[arg-type,return-value]
    return {"ASSET": "BTC", "--price": "75.25"}


def made_anew(on_call: OnCall) -> Facts:
    desk = on_call.desk
    desk.clients(desk.customer("ann"))
    return {"USERNAME": "ann", "SUB": "sub-of-the-new-login", "CLIENT": "ann-bank"}


def never_anchored(on_call: OnCall) -> Facts:
    """Who may sign is denied to; operators have acted meanwhile."""
    desk = on_call.desk
    desk.halt("orders")
    desk.lift("orders")
    return {}


def made_anew_while_he_sells(on_call: OnCall) -> Facts:
    """With his old login he has asked for a cash-out, which is not paid yet."""
    desk = on_call.desk
    found, owner = made_anew(on_call), Owner("ann", "sub-ann")
    desk.buy(owner, "3")
    order_id = awaiting(desk, owner)
    terms = {"sub": found["SUB"]}
    with pytest.raises(NotProposable, match="its open orders, purchases and payouts have to end first"):
        desk.proposals.propose("users move", "ann", terms, "ticket 4719", "seen", "olga", dry_run=False)

    def paid() -> None:
        desk.world.simulated.decide(f"{order_id}-01", "complete")
        desk.run()

    on_call.mended = paid
    return found | {"ID": order_id}


def made_anew_and_moved(on_call: OnCall) -> Facts:
    found = made_anew(on_call)
    on_call.desk.by_two("users move", "ann", {"sub": found["SUB"]}, "ticket 4719")
    return found | {"--status": "ACTIVE", "--account": "acc-ann"}


def lifted(on_call: OnCall) -> None:
    """What it was halted for is over."""
    flow = "all" if on_call.typed[-1][:2] == ("halt", "all") else "orders"
    on_call.desk.lift(flow)


def nothing_halted(on_call: OnCall) -> Facts:
    """The bank is said to book twice."""
    return {}


def change_unread(on_call: OnCall) -> Facts:
    """An order has ended, and its item has its time otherwise than the code reads it; a program wants to know."""
    desk = on_call.desk
    ann = desk.customer("ann")
    desk.endpoints.register(ann, "e", URL, [])
    desk.deliveries.receive(change_of(1, ann, "yesterday"))
    return {}


def change_read(on_call: OnCall) -> None:
    """The code that reads it is deployed; here, what it reads is as it should be."""
    desk = on_call.desk
    (kept,) = desk.dynamo.items(having="record")
    record = kept["record"]["S"].replace("yesterday", text(desk.clock()))
    desk.dynamo.put_item(TableName=desk.table.name, Item={**kept, "record": {"S": record}})
    for _ in range(2):
        desk.clock.forward(hours=1)
        desk.deliveries.deliver(lambda: True)
    assert len(desk.receivers.at[URL].received) == 1


def not_taken(on_call: OnCall) -> Facts:
    """What has happened to a customer with an endpoint is in the stream, and the stream's function takes nothing."""
    hooks, owner = Hooks(on_call.desk), ann(on_call.desk)
    hooks.register(owner)
    on_call.desk.buy(owner, "1")
    on_call.mended = lambda: hooks.take()
    on_call.clocks.append(lambda: hooks.round())
    return {}


def anchored(on_call: OnCall) -> None:
    on_call.desk.anchoring.round()


WAYS = [
    Way("drift", ("Stop it from growing", "It is put right"), drifted),
    Way("books-unreadable", "says at once whether the books balance", unreadable, nothing_more),
    Way("halted", "The cause is gone", halted, nothing_more),
    Way("halted", "You want to halt something", nothing_halted, lifted, rings=()),
    Way("halted", "A single asset is to stay off", halted, lifted),
    Way("hold-missing", "No drift", hold_gone, nothing_more),
    Way("price-jump", "The market is there", jumped, nothing_more),
    Way("login-made-anew", "One operator proposes it", made_anew, nothing_more, rings=()),
    Way(
        "login-made-anew",
        ("Save his clients again", "reconcile USERNAME"),
        made_anew_and_moved,
        nothing_more,
        rings=(),
    ),
    Way("changes-late", "unread | the line", change_unread, change_read, rings=("ChangesUnread",)),
    Way(
        "login-made-anew",
        ("have to end first", "One operator proposes it"),
        made_anew_while_he_sells,
        nothing_more,
        rings=(),
        tells=("{ID}",),
    ),
    Way(
        "changes-late",
        "late | mend the cause first",
        not_taken,
        nothing_more,
        rings=(),
        tells=("webhooks G",),
        afterwards=True,
    ),
    Way("none-anchored", "As the table says", never_anchored, anchored, rings=()),
]
