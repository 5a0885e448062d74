"""Dealers: registered once, then opened at the billing system step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from common import keys
from common.clock import text
from common.domain import work
from common.errors import Conflict
from common.gateways.billing import Billing, BillingRefused, Service
from common.machines import Machines, Standing
from common.requisites import Requisites
from common.table.table import Table
from common.table.transaction import Busy, Write
from functions.billing import model, moscow, requisite_store, store
from functions.billing.model import (
    Account,
    AccountStatus,
    AccountType,
    Dealer,
    DealerForgotten,
    DealerStatus,
    Moved,
    Offer,
    RequisitesMoved,
    Stage,
)
from functions.billing.sealing import Sealing

MOVES_MAX = 5  # of others, in between
NAMED_MAX = 10  # dealers of one taxpayer
_NEXT = {
    AccountStatus.NEW: Stage.CLIENT,
    AccountStatus.CLIENT: Stage.PAYER,
    AccountStatus.PAYER: Stage.CONTRACT,
}


class DealerExists(Conflict):
    """The dealer is registered already. The facts are the dealer as he is."""

    def __init__(self, dealer: Dealer) -> None:
        super().__init__(
            "this dealer is registered already",
            dealer_id=dealer.dealer_id,
            cme_dealer_id=dealer.cme_dealer_id,
            dealer_status=dealer.status,
            offer_version=dealer.offer.version,
            created_at=text(dealer.created_at),
        )
        self.dealer = dealer


@dataclass(frozen=True)
class Dealers:
    table: Table
    machines: Machines
    now: Callable[[], datetime]
    commission_percent: Decimal  # of a new dealer
    sealing: Sealing

    def register(self, cme_dealer_id: str, requisites: Requisites, offer: Offer) -> Dealer:
        """Who was forgotten, and has agreed to the offer since, is back with these requisites; what was sent before is
        a late repeat. Raises RequisitesWrong; DataKeysUnavailable; DealerExists, whatever the requisites are now;
        Busy.
        """
        model.check_requisites(requisites)
        at, dealer_id = self.now(), model.dealer_id(cme_dealer_id)
        wrapped, sealed = self.sealing.first(dealer_id, requisites)
        dealer = Dealer(
            dealer_id=dealer_id,
            cme_dealer_id=cme_dealer_id,
            status=DealerStatus.REGISTERED,
            offer=offer,
            commission_percent=self.commission_percent,
            requisites_version=1,
            taxpayer=self.sealing.mark(requisites.inn),
            created_at=at,
        )
        account = Account(dealer.dealer_id, AccountType.COMMISSION, AccountStatus.NEW, 1, at)
        try:
            self.table.write(*store.register(dealer, wrapped, sealed, account))
        except store.DealerKnown as known:
            before = known.dealer
            if not before.is_back_with(offer, at):
                raise DealerExists(before) from None
            try:
                return self._come_back(before, requisites, offer)
            except Moved:
                raise DealerExists(self.dealer(cme_dealer_id)) from None
        self.machines.begin(keys.DEALER.machines[0], dealer.dealer_id)
        return dealer

    def dealer(self, cme_dealer_id: str) -> Dealer:
        """Raises DealerNotFound."""
        return store.dealer(self.table, model.dealer_id(cme_dealer_id))

    def update_requisites(self, cme_dealer_id: str, requisites: Requisites, replaces: int | None = None) -> Dealer:
        """The next version of them, which a machine brings to his payers; none, where they are those that he has.

        replaces: the version that he has, as the caller knows it. Without it, requisites that he had once are taken for
        a late repeat; so are any of who was forgotten, since nobody can tell what he had. Raises DealerNotFound,
        DealerForgotten, RequisitesWrong, RequisitesMoved, DataKeysUnavailable, Busy.
        """
        dealer_id = model.dealer_id(cme_dealer_id)
        for _ in range(MOVES_MAX):
            dealer = store.dealer(self.table, dealer_id)
            if dealer.forgotten_at is not None and replaces == dealer.version_to_replace:
                with suppress(Moved):
                    model.check_requisites(requisites)
                    return self._come_back(dealer, requisites, dealer.offer)
                continue
            dealer.must_be_known()
            before = self.sealing.requisites(dealer_id, dealer.requisites_version)
            model.check_requisites(requisites, before)
            if requisites == before:
                return dealer
            self._check_replaces(dealer, requisites, replaces)
            sealed = self.sealing.sealed(dealer_id, dealer.requisites_version + 1, requisites)
            mark, accounts, at = self.sealing.mark(requisites.inn), self.accounts(dealer), self.now()
            try:
                self.table.write(*store.change_requisites(dealer, sealed, mark, accounts, at))
            except Moved:
                continue
            work.drive_now(self.table, self.machines, keys.DEALER(dealer_id=dealer_id), at)
            return store.dealer(self.table, dealer_id)
        raise Busy("others are changing this dealer; send it again", retry_after_seconds=1)

    def _come_back(self, dealer: Dealer, requisites: Requisites, offer: Offer) -> Dealer:
        """Raises Moved, DataKeysUnavailable, Busy."""
        at, dealer_id = self.now(), dealer.dealer_id
        wrapped, sealed = self.sealing.first(dealer_id, requisites, dealer.version_to_replace + 1)
        self.table.write(*store.come_back(dealer, wrapped, sealed, self.sealing.mark(requisites.inn), offer, at))
        work.drive_now(self.table, self.machines, keys.DEALER(dealer_id=dealer_id), at)
        return store.dealer(self.table, dealer_id)

    def _check_replaces(self, dealer: Dealer, requisites: Requisites, replaces: int | None) -> None:
        """Raises RequisitesMoved, DealerForgotten, DataKeysUnavailable."""
        has = dealer.requisites_version
        if replaces not in (None, has):
            raise RequisitesMoved(f"he has requisites {has} by now, and not {replaces}", requisites_version=has)
        if replaces is None:
            had = self.sealing.had_before(dealer.dealer_id, has, requisites)
            if had is not None:
                why = f"these were his requisites {had}, and he has {has}: if he is back to them, `replaces` is {has}"
                raise RequisitesMoved(why, requisites_version=has)

    def of_same_taxpayer(self, dealer: Dealer) -> Sequence[str]:
        """Other dealers with his number, as CME calls them: no more than NAMED_MAX."""
        if dealer.taxpayer is None:
            return []
        known = requisite_store.of_taxpayer(self.table, dealer.taxpayer, limit=NAMED_MAX + 1)
        return [cme_dealer_id for cme_dealer_id in known if cme_dealer_id != dealer.cme_dealer_id][:NAMED_MAX]

    def accounts(self, dealer: Dealer) -> Sequence[Account]:
        return store.accounts(self.table, dealer.dealer_id)


@dataclass(frozen=True)
class Onboarding:
    """Each step asks for one thing under an id of ours, and may be asked for again whatever became of its answer.

    All raise DealerNotFound, BillingUnavailable, DataKeysUnavailable, Busy.
    """

    table: Table
    billing: Callable[[], Billing]
    now: Callable[[], datetime]
    sealing: Sealing

    def read(self, dealer_id: str) -> Standing:
        return _standing(store.dealer(self.table, dealer_id), store.accounts(self.table, dealer_id))

    def create_client(self, dealer_id: str) -> Standing:
        return self._step(dealer_id, AccountStatus.NEW, self._client)

    def create_payer(self, dealer_id: str) -> Standing:
        return self._step(dealer_id, AccountStatus.CLIENT, self._payer)

    def create_contract(self, dealer_id: str) -> Standing:
        return self._step(dealer_id, AccountStatus.PAYER, self._contract)

    def update_payer(self, dealer_id: str) -> Standing:
        """Of the first account whose payer has not the latest requisites."""
        dealer, accounts = store.dealer(self.table, dealer_id), store.accounts(self.table, dealer_id)
        if _next(dealer, accounts) is Stage.UPDATE and not dealer.needs_person:
            self._try(dealer, lambda: self._update(dealer, accounts))
        return self.read(dealer_id)

    def _step(self, dealer_id: str, at: AccountStatus, ask: Callable[[Dealer, Account], Sequence[Write]]) -> Standing:
        """The first account that is not ready takes its next step, if that is the one that is asked for."""
        dealer, accounts = store.dealer(self.table, dealer_id), store.accounts(self.table, dealer_id)
        account = _unready(accounts)
        if account is not None and account.status is at and not dealer.needs_person:
            self._try(dealer, lambda: ask(dealer, account))
        return self.read(dealer_id)

    def _try(self, dealer: Dealer, ask: Callable[[], Sequence[Write]]) -> None:
        with suppress(Moved):  # by another execution, to where this one reads next
            try:
                self.table.write(*ask())
            except (BillingRefused, store.TakenTwice, DealerForgotten) as refused:
                self.table.write(store.dealer_stops(dealer, self.now(), refused.detail))

    def _client(self, dealer: Dealer, account: Account) -> Sequence[Write]:
        requisites = self.sealing.requisites(dealer.dealer_id, account.requisites_version)
        with _told_nowhere(requisites):
            client_id = self.billing().create_client(account.external_id, requisites.name)
        at = self.now()
        writes = [store.opened(account, AccountStatus.CLIENT, at, client_id=client_id)]
        if dealer.status is DealerStatus.REGISTERED:
            writes += store.dealer_moves(dealer, DealerStatus.ONBOARDING, at, "the billing system knows him")
        return writes

    def _payer(self, dealer: Dealer, account: Account) -> Sequence[Write]:
        assert account.client_id is not None
        requisites = self.sealing.requisites(dealer.dealer_id, account.requisites_version)
        with _told_nowhere(requisites):
            payer_id = self.billing().create_payer(account.external_id, account.client_id, requisites)
        return [store.opened(account, AccountStatus.PAYER, self.now(), payer_id=payer_id)]

    def _contract(self, dealer: Dealer, account: Account) -> Sequence[Write]:
        assert account.client_id is not None
        assert account.payer_id is not None
        contract = self.billing().create_contract(
            account.external_id,
            account.client_id,
            account.payer_id,
            Service(account.type),
            moscow.day(account.created_at),
        )
        at, why = self.now(), f"contract {contract.number} for {account.type}"
        ready = replace(account, status=AccountStatus.READY)
        others = [other for other in store.accounts(self.table, dealer.dealer_id) if other.type is not account.type]
        last = _next(dealer, [*others, ready]) is Stage.DONE
        status = DealerStatus.ACTIVE if _unready(others) is None else dealer.status
        return [
            *store.contracted(account, contract, at),
            *store.dealer_moves(dealer, status, at, why, over=last),
        ]

    def _update(self, dealer: Dealer, accounts: Sequence[Account]) -> Sequence[Write]:
        first, *more = _stale(dealer, accounts)
        assert first.payer_id is not None
        requisites = self.sealing.requisites(dealer.dealer_id, dealer.requisites_version)
        with _told_nowhere(requisites):
            self.billing().update_payer(first.payer_id, requisites)
        at, why = self.now(), f"the payer of {first.type} has requisites {dealer.requisites_version}"
        over = store.dealer_moves(dealer, dealer.status, at, why, over=not more)
        return [store.updated(first, dealer, at), *over]


@contextmanager
def _told_nowhere(requisites: Requisites) -> Iterator[None]:
    """What the billing system repeats of them in its refusal."""
    try:
        yield
    except BillingRefused as refused:
        said = requisites.hidden_in(refused.facts.get("billing_said", ""))
        raise BillingRefused(requisites.hidden_in(refused.detail), billing_said=said) from None


def _unready(accounts: Sequence[Account]) -> Account | None:
    """The first, in the order of their types."""
    order = [*AccountType]
    unready = [account for account in accounts if account.status is not AccountStatus.READY]
    return min(unready, key=lambda account: order.index(account.type), default=None)


def _stale(dealer: Dealer, accounts: Sequence[Account]) -> list[Account]:
    """Those whose payers have not the latest requisites."""
    return [each for each in accounts if each.requisites_version != dealer.requisites_version]


def _next(dealer: Dealer, accounts: Sequence[Account]) -> Stage:
    """Without what a person has to look at. Accounts are opened first: with the requisites that each was begun with,
    since what is asked for again under the same id has to be the same. A deposit on its way back goes to the payer that
    there was when it was asked for: who has other requisites since has them once it is over."""
    account = _unready(accounts)
    if account is not None:
        return _NEXT[account.status]
    if dealer.status is DealerStatus.LEAVING:
        return Stage.RELEASE
    return Stage.UPDATE if _stale(dealer, accounts) else Stage.DONE


def _standing(dealer: Dealer, accounts: Sequence[Account]) -> Standing:
    facts, stage = {"status": str(dealer.status), "reason": dealer.reason or ""}, _next(dealer, accounts)
    if stage is Stage.DONE:
        return Standing(stage, facts=facts)
    if dealer.needs_person:
        return Standing(Stage.STOPPED, facts=facts)
    if stage is Stage.RELEASE:
        return Standing(stage, facts=facts)
    account = _unready(accounts) or _stale(dealer, accounts)[0]
    why = f"{account.type} is {account.status}" if stage is not Stage.UPDATE else f"{account.type} has older requisites"
    return Standing(stage, facts=facts | {"reason": why})
