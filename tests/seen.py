"""What became of a cash-out or a withdrawal, as tests look at it; and what the fakes' own controls can not do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import count, takewhile
from typing import Any

from common import keys
from common.domain.audit import AuditEntry
from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import Asset
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.exchange_orders import strays
from common.domain.payouts import store as payouts
from common.domain.payouts.model import Attempt, Stage
from common.gateways.bank import Adjustment, BankEvent, State
from common.gateways.exchange import ExchangeUnavailable
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from functions.offramp.model import Status, Terms
from functions.operations.model import Waiting
from sandbox.bank.bank import Outcome
from sandbox.exchange.orders import Order
from tests.desk import NOON, Desk
from tests.harness.executions import Execution
from tests.outside import ACCOUNT, ARN_PREFIX
from tests.raw import plain

SYMBOL = "BTCUSDT"


def terms(quantity: str = "1", estimate: str = "100.00", username: str = "ann", **changed: str) -> Terms:
    return Terms(
        asset_id=changed.get("asset_id", "BTC"),
        quantity=Decimal(quantity),
        estimated_amount=Money(estimate),
        crypto_client_id=changed.get("crypto_client_id", f"{username}-crypto"),
        banking_client_id=changed.get("banking_client_id", f"{username}-bank"),
    )


def coins(desk: Desk, owner: Owner, asset_id: str = "BTC") -> tuple[Decimal | int, Decimal | int]:
    """Free and held."""
    _, holdings = desk.orders.holdings(owner)
    (holding,) = [h for h in holdings if h.asset_id == asset_id]
    return holding.quantity.amount, holding.held_quantity.amount


def dollars(desk: Desk, owner: Owner) -> tuple[Money, Money]:
    """Free and held."""
    balance = desk.accounts.balance(owner)
    return balance.current, balance.held


def status(desk: Desk, thing_id: str) -> str | None:
    """Also of what its customer does not see."""
    return desk.operations.story(thing_id).status


def intent(desk: Desk) -> str:
    """The id of the only cash-out there is, seen by its customer or not."""
    (item,) = [item for item in desk.dynamo.items() if item["entity_type"]["S"] == "sell_order"]
    return str(item["PK"]["S"])


def raw(desk: Desk, pk: str, sk: str) -> dict[str, Any]:
    """An item of the table."""
    (found,) = [item for item in desk.dynamo.items() if (item["PK"]["S"], item["SK"]["S"]) == (pk, sk)]
    return plain(found)


def desks_own(desk: Desk, asset_id: str = "USD") -> Decimal:
    """What the desk itself has been left of sales, or has borne."""
    lines = [item for item in desk.dynamo.items() if item["PK"]["S"] == f"DESK#{asset_id}"]
    return sum((Decimal(line["amount"]["N"]) for line in lines), Decimal(0))


def attempts(desk: Desk, thing_id: str) -> list[Attempt]:
    """Oldest first."""
    numbered = (payouts.attempt(desk.table, thing_id, number) for number in count(1))
    return [attempt for attempt in takewhile(bool, numbered) if attempt is not None]


def strays_of(desk: Desk) -> list[Waiting]:
    """The orders at the exchange that nobody waits for, as operators see them."""
    return desk.operations.work((keys.STRAY_ORDER.backlog,), overdue_only=True, limit=9)


def a_stray(desk: Desk, thing_id: str) -> str:
    """The id of an order that the exchange has besides the one of this."""
    order = desk.at_exchange.existing(thing_id, 1)
    desk.table.write(*strays.insert(order, "4711", desk.clock()))
    return strays.stray_id_of(order, "4711")


def decided(desk: Desk, thing_id: str) -> list[str]:
    """The statuses of the attempts, in order."""
    return [attempt.status for attempt in attempts(desk, thing_id)]


def at_the_exchange(desk: Desk) -> list[Order]:
    """Every order that the desk has there, the oldest first."""
    return desk.world.venue.history(ACCOUNT)[::-1]


def executions(desk: Desk, thing_id: str, machine: str | None = None) -> list[Execution]:
    """Of one order, in order: those of a machine, or of the one that moves it now."""
    found = [e for e in desk.world.machines.executions if e.name.partition("-")[0] == thing_id]
    arn = found[-1].machine_arn if found and machine is None else f"{ARN_PREFIX}{machine}"
    return [e for e in found if e.machine_arn == arn]


def waits_for_person(desk: Desk, thing_id: str) -> str | None:
    """What an operator is asked to look at; None when nobody is."""
    story = desk.operations.story(thing_id)
    return story.waits_for if story.needs_person else None


def overdue(desk: Desk) -> list[str]:
    """The ids of cash-outs and withdrawals that should have moved, as operators see them."""
    return [w.id for w in desk.operations.work(("offramp", "accounts"), overdue_only=True, limit=100)]


def audited(desk: Desk) -> list[AuditEntry]:
    """What operators have done, the newest first."""
    days = [(NOON + timedelta(days=n)).date().isoformat() for n in (3, 2, 1, 0)]
    return [entry for day in days for entry in desk.operations.audit(day, limit=100, after=None).items]


def moves(desk: Desk, thing_id: str) -> list[tuple[str | None, str]]:
    """Every change of status, in order."""
    told = [(event.before, event.after) for event in desk.operations.story(thing_id).events]
    return [(before, after) for before, after in told if before != after]


def paid(desk: Desk, thing_id: str) -> list[tuple[str, Money]]:
    """Every credit that the bank has made for it."""
    return [(c.reference_id, c.amount) for c in desk.world.simulated.credits(f"{thing_id}-")]


def told(desk: Desk, reference_id: str, outcome: Outcome | str | None = None) -> BankEvent:
    """The bank decides, unless it has, and this is its event, which nobody has delivered yet."""
    bank = desk.world.simulated
    if outcome is None:
        desk.world.simulated.settle()
    else:
        bank.decide(reference_id, outcome)
    bank.take_events()
    return bank.event_of(reference_id)


def awaiting(desk: Desk, owner: Owner, quantity: str = "1", **more: Any) -> str:
    """The id of a cash-out whose payout the bank has booked and not decided, its machine waiting for the webhook."""
    desk.mark("BTC", "100")
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    order_id = desk.cash_out(owner, quantity, **more).order_id
    desk.world.machines.run()
    assert status(desk, order_id) == Status.TARGET_TXN_PENDING
    assert executions(desk, order_id)[-1].waits_for_token
    return order_id


def begin(desk: Desk, thing_id: str) -> Stage:
    """As the machine does, which waits for the time of the next attempt."""
    standing = desk.payouts.read(thing_id)
    if standing.stage == Stage.BACK_OFF:
        desk.clock.forward(seconds=standing.wait_seconds)
    return Stage(desk.payouts.create(thing_id).stage)


def payout_failed(desk: Desk, owner: Owner, quantity: str = "1", **more: Any) -> str:
    """The id of a cash-out whose five payout attempts were rejected."""
    desk.mark("BTC", "100")
    desk.world.simulated.set_outcome(Outcome.FAIL, times=5)
    order_id = desk.cash_out(owner, quantity, **more).order_id
    desk.run()
    assert status(desk, order_id) == Status.SELL_PAYOUT_FAILED
    return order_id


def block(desk: Desk, owner: Owner, kind: ClientKind, status: ClientStatus = ClientStatus.BLOCKED) -> None:
    """Or unblock, which takes two: operators change one of the owner's clients."""
    name = "crypto" if kind is ClientKind.CRYPTO else "bank"
    client_id = f"{owner.username}-{name}"
    save = desk.interventions.save_client
    desk.confirmed(save(kind, client_id, owner, "ticket 4716", "olga", dry_run=False, status=status))


def save_client(desk: Desk, client: Client, reason: str = "ticket 4716", operator: str = "olga") -> OperatorOutcome:
    """Operators write a client, and say all of it; another one confirms what may be used then."""
    kind, client_id, owner = client.kind, client.client_id, client.owner
    account_id = desk.account_id(owner.username, client.account)
    saved = desk.interventions.save_client(
        kind, client_id, owner, reason, operator, dry_run=False, status=client.status, account_id=account_id
    )
    return desk.confirmed(saved)


def save_asset(desk: Desk, asset: Asset, reason: str = "ticket 4716", operator: str = "olga") -> OperatorOutcome:
    """Operators write an asset, new or changed, and say all of it; another one confirms it, unless that is off."""
    rules = {name: rule for name, rule in vars(asset).items() if name != "asset_id"}
    rules["fees_bps"] = asset.fees_bps.named
    known = catalogue.find(desk.table, asset.asset_id) is not None
    save = desk.interventions.change_asset if known else desk.interventions.list_asset
    return desk.confirmed(save(asset.asset_id, rules, reason, operator, dry_run=False))


def an_event(desk: Desk, reference_id: str, state: State = State.COMPLETED, **changed: Any) -> BankEvent:
    """One that the bank's own books know nothing of: of $99.90 for ann, unless `changed`."""
    event_id = changed.pop("event_id", f"evt_{reference_id}_{state}")
    code = "ACCOUNT_CLOSED" if state is State.FAILED else None
    made = Adjustment("adj_1", reference_id, "acc-ann", Money("99.90"), state, code)
    return BankEvent(event_id, replace(made, **changed), desk.clock.at)


def contradicting(event: BankEvent) -> BankEvent:
    """The same adjustment with the other outcome."""
    succeeded = event.adjustment.state is State.COMPLETED
    other, code = (State.FAILED, "ACCOUNT_CLOSED") if succeeded else (State.COMPLETED, None)
    adjustment = replace(event.adjustment, state=other, failure_code=code)
    return replace(event, event_id=f"{event.event_id}_other", adjustment=adjustment)


# Things that happen in between


class Around:
    """Something, some methods of which are done otherwise: `f(the method, *its arguments)` instead."""

    def __init__(self, of: Any, **otherwise: Callable[..., Any]) -> None:
        self._of, self._otherwise = of, otherwise

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._of, name)
        return partial(self._otherwise[name], method) if name in self._otherwise else method


def around(of: Any, **otherwise: Callable[..., Any]) -> Any:
    return Around(of, **otherwise)


def before_next_write(desk: Desk, act: Callable[[], object], *, containing: str = "") -> None:
    """`act` happens between what the next transaction has read and its write; of those that contain this, if said."""
    waiting = [act]

    def write(real: Callable[..., Any], **request: Any) -> Any:
        if waiting and containing in repr(request):
            desk.client = None
            waiting.pop()()
        return real(**request)

    desk.client = around(desk.dynamo, transact_write_items=write)


class OnItsWay:
    """An exchange whose next order is on its way until it arrives: nobody knows of it before, and its sender gets no
    answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._sent = desk, list[Callable[[], str]]()
        desk.world.exchange = around(desk.world.fake, place=self._place)

    def _place(self, place: Callable[..., str], *asked: Any) -> str:
        self._sent.append(partial(place, *asked))
        self._desk.world.exchange = self._desk.world.fake
        raise ExchangeUnavailable("no answer", what="timeout")

    def arrives(self) -> str:
        """Its id at the exchange."""
        return self._sent.pop()()
