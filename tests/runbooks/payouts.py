"""Incidents of payouts and of the bank."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.clients import Client, ClientBlocked, ClientKind, ClientStatus
from common.gateways.bank import Adjustment, BankEvent, State
from common.money import Money
from common.owner import Owner
from sandbox.bank.bank import Operation, Outcome
from tests.desk import Desk
from tests.doors import Doors
from tests.payouts.test_events import set_status
from tests.runbooks.on_call import OnCall, Way, nothing_more
from tests.runbooks.page import read
from tests.seen import (
    around,
    attempts,
    awaiting,
    block,
    contradicting,
    payout_failed,
    save_client,
    told,
)

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


def withdrawal_never_got(on_call: OnCall) -> Facts:
    desk = on_call.desk
    owner = desk.customer("ann")
    desk.clients(owner)
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    withdrawal_id = desk.accounts.withdraw(owner, "w", Money(60), "ann-bank").made.transfer_id
    desk.world.machines.run()
    desk.clock.forward(hours=5)
    return {"ID": withdrawal_id}


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
    adjustment = said.adjustment
    return {
        "EVENT": said.event_id,
        "ID": order_id,
        "--reference": adjustment.adjustment_id,
        "--paid": str(adjustment.amount),
    }


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
    facts = paid_after_all(on_call)
    return facts | {"--reference": "letter of November 3rd", "--paid": "0"}


def paid_twice(on_call: OnCall) -> Facts:
    """Five attempts were rejected, it was paid by wire, and now the bank has paid it too."""
    desk = on_call.desk
    order_id = payout_failed(desk, ann(desk))
    event = told(desk, f"{order_id}-05")
    desk.by_hand("mark_paid", order_id)
    said = contradicting(event)
    desk.events.receive(said)
    return {"EVENT": said.event_id}


def paid_twice_at_once(on_call: OnCall) -> Facts:
    """The bank tells of a second payment for an attempt that it has paid."""
    desk = on_call.desk
    order_id = awaiting(desk, ann(desk))
    event = told(desk, f"{order_id}-01", "complete")
    desk.events.receive(event)
    desk.run()
    second = replace(event, event_id="evt_2", adjustment=replace(event.adjustment, adjustment_id="adj_2"))
    desk.events.receive(second)
    return {"EVENT": "evt_2"}


def first_was_paid(on_call: OnCall, *, lost: bool = False) -> Facts:
    """An attempt was rejected, and the next one is on its way; now the bank says that it has paid the first."""
    desk, bank = on_call.desk, on_call.desk.world.simulated
    order_id = awaiting(desk, ann(desk))
    event = told(desk, f"{order_id}-01", "fail")
    desk.events.receive(event)
    if lost:
        bank.fail_before_next(Operation.CREDIT)
    else:
        bank.set_outcome(Outcome.PENDING, times=1)
    desk.run(until=lambda: len(attempts(desk, order_id)) == 2)
    desk.world.machines.run()
    said = contradicting(event)
    desk.events.receive(said)
    told_of = said.adjustment
    paid = {"--reference": told_of.adjustment_id, "--paid": str(told_of.amount)}
    return {"EVENT": said.event_id, "ID": order_id, **paid}


def second_is_refused(on_call: OnCall) -> Facts:
    """The bank, asked to, refuses the one that is on its way."""
    found, desk = first_was_paid(on_call), on_call.desk

    def refused() -> None:
        desk.events.receive(told(desk, f"{found['ID']}-02", "fail"))
        desk.run()

    on_call.mended = refused
    return found


def second_was_lost(on_call: OnCall) -> Facts:
    return first_was_paid(on_call, lost=True)


def other_amount_decided(on_call: OnCall) -> Facts:
    """The bank has told of another amount, and two operators have decided the payout by its statement."""
    desk = on_call.desk
    order_id = awaiting(desk, ann(desk))
    event = told(desk, f"{order_id}-01", "complete")
    less = replace(event, adjustment=replace(event.adjustment, amount=Money("98.90")))
    desk.events.receive(less)
    terms = {"attempt": "1", "paid": "98.90"}
    on_call.mended = lambda: desk.by_two("work decide-payout", order_id, terms, "statement 47, line 11")
    return {"EVENT": less.event_id}


def keeps_its_fee(on_call: OnCall) -> Facts:
    """The bank has booked a dollar less of each payout, of two customers."""
    desk, real = on_call.desk, on_call.desk.world.simulated
    desk.world.bank = around(real, find=lambda find, *asked: replace(find(*asked), amount=Money("98.90")))
    orders = []
    for name in ("ann", "bob"):
        owner = desk.customer(name)
        desk.clients(owner)
        desk.buy(owner, "3")
        orders.append(awaiting(desk, owner))
        real.decide(f"{orders[-1]}-01", Outcome.COMPLETE)
        real.take_events()
    desk.run(days=0.1)
    return {"ID": orders[0], "OTHER": orders[1], "CLIENT": "ann-bank", "--username": "ann"}


def out_of_place(on_call: OnCall) -> Facts:
    """Somebody has changed an order's status in the table when the bank told of its payout; it is put back."""
    desk = on_call.desk
    order_id = awaiting(desk, ann(desk))
    set_status(desk, order_id, "BASE_TXN_COMPLETED")
    event = told(desk, f"{order_id}-01", "complete")
    desk.events.receive(event)
    on_call.mended = lambda: set_status(desk, order_id, "TARGET_TXN_PENDING")
    return {"EVENT": event.event_id, "ID": order_id}


def halted_for_long(on_call: OnCall) -> Facts:
    """Payouts are, and a customer can not wait for his dollars."""
    desk = on_call.desk
    order_id = desk.cash_out(ann(desk), "1").order_id
    desk.halt("payouts")
    desk.run(days=0.1)
    return {"ID": order_id}


def approved_for_another_account(on_call: OnCall) -> Facts:
    """He has moved to another bank since two have approved it."""
    found, desk = over_the_limit(on_call), on_call.desk
    desk.by_two("work approve-payout", found["ID"], {})
    rich = Owner("rich", "sub-rich")
    new = desk.account("rich", "acc-new")
    save_client(desk, Client("rich-bank", ClientKind.BANKING, rich, ClientStatus.ACTIVE, desk.clock(), new))
    desk.run()
    return found | {"APPROVED": desk.mark_of("rich", "acc-rich"), "NOW": desk.mark_of("rich", "acc-new")}


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


def mistaken(on_call: OnCall) -> None:
    """Somebody has proposed that it was paid, and sees that it was another one."""
    propose, *_ = read("payout-pending").step("The bank has paid it").commands
    on_call.types(propose)


def marked_by_two(on_call: OnCall) -> None:
    """Within minutes the second attempt is rejected; then the order is decided as the row for an open one says."""
    desk, found = on_call.desk, on_call.facts
    desk.clock.forward(minutes=20)
    desk.run()
    desk.by_two("work decide-payout", found["ID"], {"paid": found["--paid"]}, found["--reference"])
    desk.interventions.replay(found["EVENT"], "it has paid it", "olga", dry_run=False)
    desk.run()


def knows_why(on_call: OnCall) -> None:
    """Nothing more goes there meanwhile. The bank mends its books, and the client may be paid again."""
    desk, owner = on_call.desk, Owner("ann", "sub-ann")
    with pytest.raises(ClientBlocked):
        desk.cash_out(owner, "1")
    desk.world.bank = desk.world.simulated
    block(desk, owner, ClientKind.BANKING, ClientStatus.ACTIVE)
    for order_id in (on_call.facts["ID"], on_call.facts["OTHER"]):
        desk.interventions.redrive(order_id, "it is mended", "olga", dry_run=False)
    desk.run()


def over(on_call: OnCall) -> None:
    on_call.desk.lift("payouts")
    on_call.desk.run()


def approved_anew(on_call: OnCall) -> None:
    on_call.desk.by_two("work approve-payout", on_call.facts["ID"], {})
    on_call.desk.run()


PERSON = ("WorkNeedsPerson",)
WAYS = [
    Way("payouts-failed", "the bank's reason is gone", failed),
    Way("payouts-failed", "has another account", failed),
    Way("payouts-failed", "by another way", failed),
    Way("payouts-failed", "on the balance here", failed),
    Way("payouts-to-approve", "it is right", over_the_limit),
    Way("payouts-to-approve", "gets his dollars here instead", over_the_limit),
    Way("payout-pending", "The bank has paid it", pending, after=outcome_is_told, rings=PERSON),
    Way(
        "payout-pending",
        "it never got it",
        never_got,
        mistaken,
        leaves=("withdrawals abandon-attempt",),
        rings=PERSON,
        afterwards=True,
        leads_on=1,
    ),
    Way(
        "payout-pending",
        "it never got it",
        withdrawal_never_got,
        leaves=("offramp abandon-attempt",),
        rings=PERSON,
    ),
    Way("bank-mismatch", "ask it again", other_amount_by_answer, after=pays),
    Way("bank-mismatch", "what it has paid to the customer's account", other_amount_by_answer),
    Way("parked-events", "no attempt has this reference", unknown_event, leaves=("work show",)),
    Way("bank-contradictions", "REJECTED, the order open | paid", paid_after_all),
    Way("bank-contradictions", "COMPLETED | taken back", contradicted),
    Way("bank-contradictions", "REJECTED, the order open | not paid", not_paid_after_all, after=given_back, leads_on=1),
    Way("bank-contradictions", "the order paid otherwise since", paid_twice),
    Way(
        "bank-contradictions",
        ("paid, the first one", "REJECTED, the order open | paid"),
        second_is_refused,
        leaves=("offramp abandon-attempt",),
    ),
    Way("bank-contradictions", "paid, the first one", second_was_lost, after=marked_by_two, leads_on=3),
    Way("bank-contradictions", "paid twice | have", paid_twice_at_once),
    Way("bank-mismatch", "More than one payout", keeps_its_fee, after=knows_why, tells=("{ID}", "{OTHER}"), leads_on=4),
    Way("parked-events", "`the bank tells of", other_amount_decided),
    Way("parked-events", "`the order is", out_of_place, tells=("the order is BASE_TXN_COMPLETED",)),
    Way("halted", "It lasts", halted_for_long, after=over, tells=("{ID}", "its first payout attempt")),
    Way(
        "payouts-to-approve",
        "and not as it was approved",
        approved_for_another_account,
        after=approved_anew,
        tells=("may be paid to {APPROVED}", "account_id {NOW}"),
        leads_on=2,
    ),
    Way("parked-events", "is not understood", strange_event),
    Way("payout-pending", "will never pay it", abandoned, after=given_back, rings=("WorkOverdue",), leads_on=1),
    Way("payouts-to-approve", "not the customer's own doing", not_his_doing, after=given_back),
    Way("signatures-refused", "they are a stranger's", unsigned),
    Way("work-overdue", "the bank to pay attempt", never_got),
    Way("bank-off", "When it is dealt with", paid_by_hand, after=nothing_more, afterwards=True),
    Way("needs-person", "and the client may be paid", blocked),
    Way("needs-person", "the client may not be paid", blocked),
    Way("needs-person", "has changed since the attempt", moved_since),
    Way("needs-person", "somebody has proposed", proposed, after=outcome_is_told),
]
