"""Incidents of payouts and of the bank."""

from __future__ import annotations

from dataclasses import replace

from common.domain.clients import Client, ClientKind, ClientStatus
from common.gateways.bank import Adjustment, BankEvent, State
from common.money import Money
from common.owner import Owner
from sandbox.bank.bank import Operation, Outcome
from tests.desk import Desk
from tests.doors import Doors
from tests.runbooks.on_call import OnCall, Way, nothing_more
from tests.seen import around, awaiting, block, contradicting, payout_failed, save_client, told

Facts = dict[str, str]
NO_MONEY = "insufficient funds"


def ann(desk: Desk) -> Owner:
    """She may sell her three coins, and be paid."""
    owner = desk.customer("ann")
    desk.clients(owner)
    desk.buy(owner, "3")
    return owner


def failed(on_call: OnCall) -> Facts:
    """The bank rejects five attempts of a payout, and is well again."""
    desk = on_call.desk
    order_id = payout_failed(desk, ann(desk))
    desk.clock.forward(minutes=3)
    return {"ID": order_id, "CLIENT": "ann-bank", "--username": "ann", "--account": "acc-new"}


def over_the_limit(on_call: OnCall) -> Facts:
    desk = on_call.desk
    desk.rules = replace(desk.rules, withdrawal_limit=Money(20_000))
    rich = desk.customer("rich", usd="11000.00")
    desk.clients(rich)
    desk.buy(rich, "101")
    order_id = desk.cash_out(rich, "101").order_id
    desk.run()
    return {"ID": order_id}


def pending(on_call: OnCall) -> Facts:
    """The bank has booked it, and neither pays nor refuses."""
    desk = on_call.desk
    order_id = awaiting(desk, ann(desk))
    desk.clock.forward(hours=5)
    desk.run(days=0.01)
    return {"ID": order_id}


def never_got(on_call: OnCall) -> Facts:
    """What was sent was lost on its way, and nobody has asked since."""
    desk = on_call.desk
    owner = ann(desk)
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    order_id = desk.cash_out(owner).order_id
    desk.world.machines.run()
    desk.clock.forward(hours=5)
    return {"ID": order_id}


def other_amount_by_answer(on_call: OnCall) -> Facts:
    """The same, told when it is asked; no event of it is parked."""
    desk = on_call.desk
    order_id = awaiting(desk, ann(desk))
    real = desk.world.simulated
    desk.world.bank = around(real, find=lambda find, *asked: replace(find(*asked), amount=Money("98.90")))
    real.decide(f"{order_id}-01", Outcome.COMPLETE)
    real.take_events()
    desk.run(days=0.1)
    return {"ID": order_id}


def unknown_event(on_call: OnCall) -> Facts:
    desk = on_call.desk
    stray = Adjustment("adj_9", "S" + "A" * 25 + "-01", "acc-ann", Money(5), State.FAILED, "ACCOUNT_CLOSED")
    desk.events.receive(BankEvent("evt_9", stray, desk.clock()))
    return {"EVENT": "evt_9"}


def contradicted(on_call: OnCall) -> Facts:
    """It was paid, and now the bank says that it was not."""
    desk = on_call.desk
    order_id = awaiting(desk, ann(desk))
    event = told(desk, f"{order_id}-01", "complete")
    desk.events.receive(event)
    other = contradicting(event)
    desk.events.receive(other)
    desk.run()
    return {"EVENT": other.event_id, "USERNAME": "ann", "--amount": "99.90"}


def paid_after_all(on_call: OnCall) -> Facts:
    """Five attempts were rejected, and now the bank says that it has paid the last."""
    desk = on_call.desk
    order_id = payout_failed(desk, ann(desk))
    said = contradicting(told(desk, f"{order_id}-05"))
    desk.events.receive(said)
    return {"EVENT": said.event_id, "ID": order_id}


def blocked(on_call: OnCall) -> Facts:
    """The customer's client at the bank was blocked between his order and its payout."""
    desk = on_call.desk
    owner = ann(desk)
    order_id = desk.cash_out(owner).order_id
    block(desk, owner, ClientKind.BANKING)
    desk.run(days=0.01)
    return {"ID": order_id, "CLIENT": "ann-bank", "--username": "ann"}


def moved_since(on_call: OnCall) -> Facts:
    """Another account, since an attempt was begun that the bank has never got."""
    desk = on_call.desk
    owner = ann(desk)
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    order_id = desk.cash_out(owner).order_id
    desk.world.machines.run()
    new = Client(
        "ann-bank", ClientKind.BANKING, owner, ClientStatus.ACTIVE, desk.clock(), desk.account("ann", "acc-new")
    )
    save_client(desk, new)
    desk.run(days=0.05)
    return {"ID": order_id}


def proposed(on_call: OnCall) -> Facts:
    """One operator has marked a payout as paid by evidence, and asks another to look."""
    desk = on_call.desk
    order_id = awaiting(desk, ann(desk))
    terms = {"attempt": "1", "paid": "99.90"}
    told = desk.proposals.propose("work decide-payout", order_id, terms, "line-11", "so it is", "olga", dry_run=False)
    return {"PROPOSAL": told.id}


def not_paid_after_all(on_call: OnCall) -> Facts:
    """The event was a mistake of the bank's: its books have nothing."""
    return paid_after_all(on_call)


def paid_twice(on_call: OnCall) -> Facts:
    """Five attempts were rejected, it was paid by wire, and now the bank has paid it too."""
    desk = on_call.desk
    order_id = payout_failed(desk, ann(desk))
    event = told(desk, f"{order_id}-05")
    desk.by_hand("mark_paid", order_id)
    said = contradicting(event)
    desk.events.receive(said)
    return {"EVENT": said.event_id}


def strange_event(on_call: OnCall) -> Facts:
    on_call.desk.events.park(
        "evt_new", '{"type": "adjustment.returned"}', "the bank's event is not understood: its type"
    )
    return {"EVENT": "evt_new"}


def abandoned(on_call: OnCall) -> Facts:
    """And the bank has it pending still, and says that it will never pay it."""
    found = pending(on_call)
    on_call.desk.by_hand("abandon", found["ID"])
    on_call.desk.clock.forward(minutes=20)
    return found


def not_his_doing(on_call: OnCall) -> Facts:
    return over_the_limit(on_call) | {"CLIENT": "rich-bank", "--username": "rich"}


def unsigned(on_call: OnCall) -> Facts:
    """A stranger, three times."""
    for _ in range(3):
        assert Doors(on_call.desk).bank(b"{}", secret="whsec_c29tZWJvZHkgZWxzZSdzIGtleQ==").status == 403
    return {}


def given_back(on_call: OnCall) -> None:
    """The dollars go to the customer's balance, as the story offers."""
    on_call.desk.world.simulated.settle()
    on_call.desk.world.simulated.take_events()
    on_call.desk.by_hand("give_back", on_call.facts["ID"])
    on_call.desk.run()


def paid_by_hand(on_call: OnCall) -> Facts:
    """Somebody has paid in our name, and the day is over."""
    desk = on_call.desk
    date = desk.clock.at.date().isoformat()
    desk.world.simulated.credit("by-hand", "acc-of-somebody", Money(77), "who knows")
    desk.clock.forward(days=1)
    desk.world.simulated.settle()
    desk.world.simulated.take_events()  # its webhook is lost
    desk.comparing_bank.round(lambda: True)
    (stray,) = (item["PK"]["S"] for item in desk.dynamo.items(having="open_work"))
    return {"Z…": stray, "--date": date}


def pays(on_call: OnCall) -> None:
    """The bank is well again."""
    on_call.desk.world.bank = on_call.desk.world.simulated
    on_call.desk.run()


def outcome_is_told(on_call: OnCall) -> None:
    """What the bank tells at last is what was decided."""
    on_call.desk.world.simulated.settle()
    on_call.desk.world.simulated.take_events()
    on_call.desk.run()


PERSON = ("WorkNeedsPerson",)
WAYS = [
    Way("payouts-failed", "the reason is gone", failed),
    Way("payouts-failed", "has another account", failed),
    Way("payouts-failed", "by another way", failed),
    Way("payouts-failed", "on the balance here", failed),
    Way("payouts-to-approve", "it is right", over_the_limit),
    Way("payouts-to-approve", "gets his dollars here instead", over_the_limit),
    Way("payout-pending", "The bank has paid it", pending, after=outcome_is_told, rings=PERSON),
    Way("payout-pending", "it never got it", never_got, leaves=("withdrawals abandon-attempt",), rings=PERSON),
    Way("bank-mismatch", "ask it again", other_amount_by_answer, after=pays),
    Way("bank-mismatch", "what it has paid to the customer's account", other_amount_by_answer),
    Way("parked-events", "no attempt has this reference", unknown_event, leaves=("work show",)),
    Way("bank-contradictions", "REJECTED, the order open | paid", paid_after_all),
    Way("bank-contradictions", "COMPLETED | taken back", contradicted),
    Way("bank-contradictions", "REJECTED, the order open | not paid", not_paid_after_all),
    Way("bank-contradictions", "REJECTED, paid otherwise since", paid_twice),
    Way("parked-events", "is not understood", strange_event),
    Way("payout-pending", "will never pay it", abandoned, after=given_back, rings=("WorkOverdue",)),
    Way("payouts-to-approve", "not the customer's own doing", not_his_doing, after=given_back),
    Way("signatures-refused", "they are a stranger's", unsigned),
    Way("work-overdue", "the bank to pay attempt", never_got),
    Way("bank-off", "When it is seen to", paid_by_hand, after=nothing_more),
    Way("needs-person", "and the client may be paid", blocked),
    Way("needs-person", "the client may not be paid", blocked),
    Way("needs-person", "has changed since the attempt", moved_since),
    Way("needs-person", "somebody has proposed", proposed, after=outcome_is_told),
]
