"""A dealer's life by chance: what he, CME, Lotus, operators, the bank and the clock do, in any order, while the billing
system and the table fail now and then. What always holds is looked at after each of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from common import keys
from common.domain import acts
from common.errors import Refusal
from common.gateways.billing.messages import read
from functions.billing import model, store
from functions.billing.model import AccountType, DealStatus, Operation
from functions.billing.service.corrections import Change
from sandbox.billing import records
from sandbox.billing.faults import Operation as Asked
from tests.billing.dealership import CHEAP, DEAR, Dealership
from tests.common.test_requisites import COMPANY
from tests.desk import Desk
from tests.harness.faults import Crash

ENDPOINT = "https://dynamodb.us-east-1.amazonaws.com/"
DEALERS = ("cme-7", "cme-8")
BANKS = ("Банк «Первый»", "Банк «Второй»", "Банк «Третий»")
SUMS = (1, 99, 100_00, 2_499_99, 25_000_00, 150_000_00)
PRICES = (40, 39_99, 1_000_00, 100_000_00, 1_000_000_00)
LAST = ("payments recall", "payments dismiss", "deposits let-go", "payments retry-refund", "payments agree-total")
ALWAYS = lambda: True  # noqa: E731


class Shaky:
    """A table that fails, or whose caller dies, before a write or after it, by chance."""

    def __init__(self, dynamo: Any, random: Random, share: float) -> None:
        self._dynamo, self._random, self.share = dynamo, random, share
        self.dies = False  # may the process die, of which this is the table?

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dynamo, name)

    def transact_write_items(self, **asked: Any) -> Any:
        fails = self._random.random() < self.share
        kind = self._random.randrange(4) if fails else None
        if kind == 0:
            raise EndpointConnectionError(endpoint_url=ENDPOINT)
        if kind == 1 and self.dies:
            raise Crash("the process")
        answer = self._dynamo.transact_write_items(**asked)
        if kind == 2:
            raise ReadTimeoutError(endpoint_url=ENDPOINT)
        if kind == 3 and self.dies:
            raise Crash("the process")
        return answer


@dataclass
class ByChance:
    """done: what was done, in this order; told where a life is wrong."""

    random: Random
    shaky: float = 0.03
    desk: Desk = field(default_factory=Desk)
    done: list[str] = field(default_factory=list)
    deals: list[str] = field(default_factory=list)
    sent: list[Callable[[], object]] = field(default_factory=list)  # that may be sent again, late
    proposals: list[str] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    number: int = 0

    def __post_init__(self) -> None:
        buyer = self.dealership
        for cme_dealer_id in DEALERS:
            buyer.active(cme_dealer_id)
            buyer.buying(cme_dealer_id=cme_dealer_id)
        buyer.lists(CHEAP, DEAR)
        self.delivered = {payment.payment_id for payment in buyer.system.all(records.Payment)}
        self.client = Shaky(self.desk.dynamo, self.random, self.shaky)
        self.desk.client = self.client

    @property
    def dealership(self) -> Dealership:
        return self.desk.dealership

    @property
    def system(self) -> Any:
        return self.dealership.system

    def step(self) -> None:
        name = self.random.choices(list(MOVES), [weight for weight, _ in MOVES.values()])[0]
        self.done.append(name)
        self.client.dies = True
        before = self.desk.dynamo.items() and len(self.done)
        assert before
        try:
            with suppress(Refusal, Crash):
                MOVES[name][1](self)
                self.counts[name] += 1
        finally:
            self.client.dies = False
        self.check()

    # What is always so

    def check(self) -> None:
        self.dealership.check()
        assert not self.desk.world.bugs, self.desk.world.bugs
        quiet = self.quiet()
        for account in self.accounts(quiet):
            if account.contract_id is None:
                continue
            all_ = [each for each in self.system.all(records.Payment) if each.contract_id == account.contract_id]
            coming = sum(each.kopecks for each in all_ if each.payment_id not in self.delivered)
            came = account.received_kopecks + account.aside_kopecks + self.recalled(account.contract_id)
            paid = sum(each.kopecks for each in all_)
            assert paid - coming <= came <= paid, f"{account.type}: {came} of {paid}, {coming} not told yet"
            back = self.system.refunded(account.contract_id)
            assert back <= account.released_kopecks, f"{account.type}: {back} paid back, {account.released_kopecks} off"

    def recalled(self, contract_id: str) -> int:
        """Of payments of a contract, what is off its account since the bank took them back, or the desk's loss."""
        gone = 0
        for item in self.desk.dynamo.items():
            if item["entity_type"]["S"] == "payment" and item.get("contract_id", {}).get("S") == contract_id:
                status = item["status"]["S"]
                if status == "RECALLED":
                    gone += int(item["kopecks"]["N"])
                elif status == "RECALLING" and "recalled_kopecks" in item:
                    gone += int(item["recalled_kopecks"]["N"])
        return gone

    def quiet(self) -> Dealership:
        return Dealership(self.desk.dynamo, self.desk.clock)

    def accounts(self, quiet: Dealership) -> list[model.Account]:
        return [each for cme in DEALERS for each in store.accounts(quiet.table, model.dealer_id(cme))]

    # How it ends

    def end(self) -> None:
        """Whatever failed works again; who has to decide decides; what is on its way arrives."""
        self.client.share = 0.0
        self.dealership.refuses.clear()
        self.dealership.trouble.down = False
        for _ in range(14):
            self.healed()
            for refund in self.system.all(records.Refund):
                if refund.state == "PENDING":
                    self.system.settle_refund(refund.refund_id, "DONE")
            for payment in self.system.all(records.Payment):
                self.deliver(payment.payment_id)
                if payment.taken_back:
                    self.told_back(payment.payment_id)
            for kind in LAST:
                self.operate(kind)
            for item in self.waiting():
                if item["entity_type"]["S"] == "bill":
                    with suppress(Refusal):
                        self.desk.interventions.redrive(item["PK"]["S"], "on", "olga", dry_run=False)
            self.clock(minutes=70)
        self.check()
        self.over()

    def healed(self) -> None:
        trouble = self.dealership.trouble
        trouble._drops.clear()
        trouble._failures.clear()

    def over(self) -> None:
        quiet = self.quiet()
        for item in self.waiting():
            kind, status = item["entity_type"]["S"], item.get("status", {}).get("S")
            may = kind == "reminder" or (kind == "dealer" and self.waits_for_car(quiet, item))
            assert may or (kind == "proposal"), f"{kind} {item['PK']['S']} is {status}, waits for {item['waits_for']}"
        for account in self.accounts(quiet):
            assert account.contract_id is not None
            on_its_way = self.leaving(quiet, account)
            assert self.system.paid(account.contract_id) == account.received_kopecks + account.aside_kopecks
            there, here = self.system.refunded(account.contract_id), account.released_kopecks - on_its_way
            assert there == here, f"{account.external_id}: {there} were paid back, {here} are booked so"
            asked = [each for each in self.system.all(records.Refund) if each.contract_id == account.contract_id]
            assert len({each.external_id for each in asked}) == len(asked)
        self.deals_add_up(quiet)

    def leaving(self, quiet: Dealership, account: model.Account) -> int:
        dealer = store.dealer(quiet.table, account.dealer_id)
        if account.type is not AccountType.DEPOSIT or dealer.status is not model.DealerStatus.LEAVING:
            return 0
        from functions.billing import deposit_store

        release = deposit_store.release(quiet.table, dealer)
        assert release is not None
        return release.kopecks

    def waits_for_car(self, quiet: Dealership, item: dict[str, Any]) -> bool:
        """His deposit waits until he pays: that is his."""
        owed = list(store.open_bills(quiet.table, item["PK"]["S"], AccountType.SETTLEMENT))
        return bool(owed)

    def deals_add_up(self, quiet: Dealership) -> None:
        """What the billing system has of each deal is what is owed of it."""
        for deal_id in self.deals:
            deal = store.deal(quiet.table, deal_id)
            of_deal = [each for each in self.desk.dynamo.items() if each["entity_type"]["S"] == "bill"]
            ids = {each["PK"]["S"] for each in of_deal if each["deal_id"]["S"] == deal_id}
            there = sum(
                each.kopecks - self.system.credited(each.invoice_id)
                for each in self.system.all(records.Invoice)
                if each.external_id in ids
            )
            owed = 0 if deal.status is DealStatus.CANCELLED else deal.reward_kopecks + deal.settlement_kopecks
            assert there == owed, f"{deal_id}: {there} billed, {owed} owed"

    # What is done

    def dealer(self) -> str:
        return self.random.choice(DEALERS)

    def key(self) -> str:
        self.number += 1
        return f"key-{self.number}"

    def again(self, ask: Callable[[], object]) -> object:
        """Asked for now, and perhaps again much later."""
        self.sent.append(ask)
        return ask()

    def close(self) -> None:
        self.number += 1
        deal_id, dealer, price = f"deal-{self.number}", self.dealer(), self.random.choice(PRICES)
        self.again(lambda: self._close(deal_id, dealer, price))

    def _close(self, deal_id: str, dealer: str, price: int) -> None:
        self.dealership.bills.close_deal(deal_id, dealer, price)
        if deal_id not in self.deals:
            self.deals.append(deal_id)

    def settle(self) -> None:
        if self.deals:
            deal_id, kopecks = self.random.choice(self.deals), self.random.choice(SUMS)
            dealer = self.winner(deal_id)
            self.again(lambda: self.dealership.bills.create(Operation.GET_SETTLEMENT, dealer, deal_id, kopecks))

    def winner(self, deal_id: str) -> str:
        deal = store.deal(self.quiet().table, deal_id)
        return next(each for each in DEALERS if model.dealer_id(each) == deal.dealer_id)

    def change(self) -> None:
        if not self.deals:
            return
        deal_id, key = self.random.choice(self.deals), self.key()
        match self.random.randrange(8):
            case 0 | 1 | 2:
                change = Change(price_kopecks=self.random.choice(PRICES))
            case 3 | 4 | 5:
                change = Change(settlement_kopecks=self.random.choice(SUMS))
            case 6:
                change = Change(cme_dealer_id=self.dealer())
            case _:
                change = Change(cancelled=True)
        self.again(lambda: self.dealership.corrections.change(deal_id, key, change))

    def late(self) -> None:
        if self.sent:
            self.random.choice(self.sent)()

    def pay(self) -> None:
        """Money comes; its message comes now, or later."""
        account = self.random.choice([each for each in self.accounts(self.quiet()) if each.contract_id is not None])
        invoices = list(self.system.invoices(account.contract_id or ""))
        named = self.random.choice(invoices).invoice_id if invoices and self.random.random() < 0.5 else None
        kopecks = self.random.choice(SUMS)
        if named is not None and self.random.random() < 0.5:
            kopecks = self.system.find(records.Invoice, named).kopecks
        payment = self.system.pay(kopecks, account.contract_id, named, "за автомобиль")
        if self.random.random() < 0.7:
            self.deliver(payment.payment_id)

    def message(self) -> None:
        payments = self.system.all(records.Payment)
        self.deliver(self.random.choice(payments).payment_id)

    def deliver(self, payment_id: str) -> None:
        found = next(m for m in self.system.outbox.messages() if payment_id in m.value)
        told = read(found.value.encode())
        if self.random.random() < 0.05:  # its total is wrong
            told = replace(told, paid_total_kopecks=told.paid_total_kopecks + self.random.choice((-1, 1, 500_00)))
        self.delivered.add(payment_id)  # from now on it may be known
        self.dealership.payments.take(told)

    def bank_takes_back(self) -> None:
        payments = [each for each in self.system.all(records.Payment) if not each.taken_back]
        if not payments:
            return
        taken = self.random.choice(payments)
        self.system.take_back(taken.payment_id)
        self.told_back(taken.payment_id)

    def told_back(self, payment_id: str) -> None:
        told = [m for m in self.system.outbox.messages() if payment_id in m.value and "payment_reversed" in m.value]
        self.dealership.payments.receive(told[0].value.encode(), ALWAYS)

    def move(self) -> None:
        dealer = self.dealer()
        has = self.dealership.dealers.dealer(dealer).requisites_version
        new = replace(COMPANY, bank_name=self.random.choice(BANKS))
        self.dealership.dealers.update_requisites(dealer, new, has)

    def leave(self) -> None:
        dealer, key = self.dealer(), self.random.choice((None, self.key()))
        self.again(lambda: self.dealership.fast_buyouts.release(dealer, key))

    def come_back(self) -> None:
        self.dealership.fast_buyouts.add(self.dealer())

    def bank(self) -> None:
        pending = [each for each in self.system.all(records.Refund) if each.state == "PENDING"]
        if pending:
            state = self.random.choice(("DONE", "DONE", "REFUSED"))
            self.system.settle_refund(self.random.choice(pending).refund_id, state)

    def loses(self) -> None:
        asked = self.random.choice((Asked.REFUND, Asked.INVOICE, Asked.CREDIT, Asked.UPDATE))
        self.dealership.trouble.drop_answer_next(asked)

    def down(self) -> None:
        self.dealership.trouble.down = not self.dealership.trouble.down

    def refuses(self) -> None:
        what = self.random.choice(("create_invoice", "create_credit_note"))
        (self.dealership.refuses.discard if what in self.dealership.refuses else self.dealership.refuses.add)(what)

    def machines(self) -> None:
        self.dealership.run(seconds=self.random.choice((60, 600, 7200)))

    def clock(self, minutes: int | None = None) -> None:
        self.dealership.run(seconds=60)
        self.desk.clock.forward(minutes=minutes or self.random.choice((1, 6, 16, 90)))
        self.dealership.rounds.round(ALWAYS)
        self.dealership.refunding.round(ALWAYS)
        self.desk.sweep()
        self.dealership.run(seconds=60)

    def propose(self) -> None:
        """One of all that can be decided; another operator may confirm it now, or much later."""
        found = list(self.possible())
        if not found:
            return
        command, thing_id, given = self.random.choice(found)
        told = self.desk.proposals.propose(command, thing_id, given, "line 12", "so", "olga", dry_run=False)
        self.proposals.append(told.id)
        if self.random.random() < 0.6:
            self.desk.proposals.confirm(told.id, "so it is", "otto", dry_run=False)

    def confirm(self) -> None:
        if self.proposals:
            self.desk.proposals.confirm(self.random.choice(self.proposals), "so it is", "otto", dry_run=False)

    def operate(self, command: str) -> None:
        for found, thing_id, given in list(self.possible()):
            if found == command:
                with suppress(Refusal):
                    told = self.desk.proposals.propose(found, thing_id, given, "line 13", "so", "olga", dry_run=False)
                    self.desk.proposals.confirm(told.id, "so it is", "otto", dry_run=False)
        if command == "payments retry-refund":
            for item in self.waiting():
                if item["entity_type"]["S"] == "refund":
                    with suppress(Refusal):
                        self.desk.asking_again.retry_refund(item["PK"]["S"], "on", "olga", dry_run=False)

    def waiting(self) -> Sequence[dict[str, Any]]:
        return [item for item in self.desk.dynamo.items() if "open_work" in item]

    def is_paid_back(self, item: dict[str, Any]) -> bool:
        """Two who say that he has it say so rightly."""
        named = f"{item['PK']['S']}-release-{item['releases']['N']}"
        return any(each.external_id == named and each.state == "DONE" for each in self.system.all(records.Refund))

    def is_taken_back(self, item: dict[str, Any]) -> bool:
        return bool(self.system.find(records.Payment, item["payment_id"]["S"]).taken_back)

    def possible(self) -> Sequence[tuple[str, str, dict[str, str]]]:
        found: list[tuple[str, str, dict[str, str]]] = []
        for item in self.desk.dynamo.items():
            if item["entity_type"]["S"] not in ("dealer", "billing_account", "payment"):
                continue
            key = keys.PrimaryKey(item["PK"]["S"], item["SK"]["S"])
            row = keys.row_of(key)
            thing_id = row.id_of(key) if row is keys.BILLING_ACCOUNT else key.pk
            known = self.desk.operations.known(thing_id)
            for act in acts.possible(thing_id, self.desk.operations.case(known)):
                if not act.command.startswith(("deposits", "payments")) or act.command == "payments replay":
                    continue
                if act.command == "payments recall" and not self.is_taken_back(item):
                    continue
                if act.command == "deposits paid" and not self.is_paid_back(item):
                    continue
                given: dict[str, str] = {}
                if "sum" in act.asks:
                    if row is not keys.BILLING_ACCOUNT:
                        continue
                    balance = int(item["balance_kopecks"]["N"])
                    if not balance:
                        continue
                    kopecks = self.random.choice((balance, max(1, balance // 2), 1))
                    given["sum"] = f"{kopecks // 100}.{kopecks % 100:02}"
                if "contract" in act.asks:
                    given["contract"] = self.random.choice(
                        [each.contract_id or "" for each in self.accounts(self.quiet())]
                    )
                found.append((act.command, thing_id, given))
        return found


MOVES: dict[str, tuple[int, Callable[[ByChance], object]]] = {
    "close": (4, ByChance.close),
    "settle": (5, ByChance.settle),
    "change": (6, ByChance.change),
    "late": (3, ByChance.late),
    "pay": (10, ByChance.pay),
    "message": (4, ByChance.message),
    "taken back": (2, ByChance.bank_takes_back),
    "move": (2, ByChance.move),
    "leave": (4, ByChance.leave),
    "come back": (3, ByChance.come_back),
    "bank": (4, ByChance.bank),
    "loses": (3, ByChance.loses),
    "down": (1, ByChance.down),
    "refuses": (1, ByChance.refuses),
    "machines": (8, ByChance.machines),
    "clock": (8, ByChance.clock),
    "propose": (8, ByChance.propose),
    "confirm": (2, ByChance.confirm),
}
