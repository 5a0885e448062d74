"""Dealers: registered once, then opened at the billing system step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common import keys
from common.clock import text
from common.errors import Conflict
from common.gateways.billing import Billing, BillingRefused, Service
from common.machines import Machines, Standing
from common.requisites import Requisites
from common.table.table import Table
from common.table.transaction import Write
from functions.billing import model, store
from functions.billing.model import Account, AccountStatus, AccountType, Dealer, DealerStatus, Offer, Stage

_NEXT = {
    AccountStatus.NEW: Stage.CLIENT,
    AccountStatus.CLIENT: Stage.PAYER,
    AccountStatus.PAYER: Stage.CONTRACT,
}


class DealerExists(Conflict):
    """The dealer is registered. Carries him as he is."""

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

    def register(self, cme_dealer_id: str, requisites: Requisites, offer: Offer) -> Dealer:
        """Raises RequisitesWrong; DealerExists, whatever the requisites are now; Busy."""
        model.check_requisites(requisites)
        at = self.now()
        dealer = Dealer(
            dealer_id=model.dealer_id(cme_dealer_id),
            cme_dealer_id=cme_dealer_id,
            status=DealerStatus.REGISTERED,
            offer=offer,
            commission_percent=self.commission_percent,
            requisites_version=1,
            created_at=at,
        )
        account = Account(dealer.dealer_id, AccountType.COMMISSION, AccountStatus.NEW, 1, at)
        try:
            self.table.write(*store.register(dealer, requisites, account))
        except store.DealerKnown as known:
            raise DealerExists(known.dealer) from None
        self.machines.begin(keys.DEALER.machines[0], dealer.dealer_id)
        return dealer

    def dealer(self, cme_dealer_id: str) -> Dealer:
        """Raises DealerNotFound."""
        return store.dealer(self.table, model.dealer_id(cme_dealer_id))

    def accounts(self, dealer: Dealer) -> Sequence[Account]:
        return store.accounts(self.table, dealer.dealer_id)


@dataclass(frozen=True)
class Onboarding:
    """Each step asks for one thing under an id of ours, and may be asked for again whatever became of its answer.

    All raise DealerNotFound, BillingUnavailable, Busy.
    """

    table: Table
    billing: Callable[[], Billing]
    now: Callable[[], datetime]

    def read(self, dealer_id: str) -> Standing:
        return _standing(store.dealer(self.table, dealer_id), store.accounts(self.table, dealer_id))

    def create_client(self, dealer_id: str) -> Standing:
        return self._step(dealer_id, AccountStatus.NEW, self._client)

    def create_payer(self, dealer_id: str) -> Standing:
        return self._step(dealer_id, AccountStatus.CLIENT, self._payer)

    def create_contract(self, dealer_id: str) -> Standing:
        return self._step(dealer_id, AccountStatus.PAYER, self._contract)

    def _step(self, dealer_id: str, at: AccountStatus, ask: Callable[[Dealer, Account], Sequence[Write]]) -> Standing:
        """The first account that is not ready takes its next step, if that is the one that is asked for."""
        dealer, accounts = store.dealer(self.table, dealer_id), store.accounts(self.table, dealer_id)
        account = _unready(accounts)
        if account is not None and account.status is at and not dealer.needs_person:
            try:
                self.table.write(*ask(dealer, account))
            except (BillingRefused, store.TakenTwice) as refused:
                self.table.write(store.dealer_stops(dealer, self.now(), refused.detail))
            except store.Moved:
                pass  # by another execution, to where this one reads next
        return self.read(dealer_id)

    def _client(self, dealer: Dealer, account: Account) -> Sequence[Write]:
        name = store.requisites(self.table, dealer.dealer_id, account.requisites_version).name
        client_id = self.billing().create_client(account.external_id, name)
        at = self.now()
        writes = [store.opened(account, AccountStatus.CLIENT, at, client_id=client_id)]
        if dealer.status is DealerStatus.REGISTERED:
            writes += store.dealer_moves(dealer, DealerStatus.ONBOARDING, at, "the billing system knows him")
        return writes

    def _payer(self, dealer: Dealer, account: Account) -> Sequence[Write]:
        assert account.client_id is not None
        requisites = store.requisites(self.table, dealer.dealer_id, account.requisites_version)
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
            account.created_at.date(),
        )
        at, why = self.now(), f"contract {contract.number} for {account.type}"
        others = [other for other in store.accounts(self.table, dealer.dealer_id) if other.type is not account.type]
        last = _unready(others) is None
        status = DealerStatus.ACTIVE if last else dealer.status
        return [
            *store.contracted(account, contract, at),
            *store.dealer_moves(dealer, status, at, why, over=last),
        ]


def _unready(accounts: Sequence[Account]) -> Account | None:
    """The first, in the order of their types."""
    order = [*AccountType]
    unready = [account for account in accounts if account.status is not AccountStatus.READY]
    return min(unready, key=lambda account: order.index(account.type), default=None)


def _standing(dealer: Dealer, accounts: Sequence[Account]) -> Standing:
    facts = {"status": str(dealer.status), "reason": dealer.reason or ""}
    account = _unready(accounts)
    leaves = account is None and dealer.status is DealerStatus.LEAVING
    if account is None and not leaves:
        return Standing(Stage.DONE, facts=facts)
    if dealer.needs_person:
        return Standing(Stage.STOPPED, facts=facts)
    if account is None:
        return Standing(Stage.RELEASE, facts=facts)
    return Standing(_NEXT[account.status], facts=facts | {"reason": f"{account.type} is {account.status}"})
