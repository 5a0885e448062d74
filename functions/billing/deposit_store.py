"""Fast buyout in the table: which cars a deposit allows, and the deposit that is paid back.

What is paid back leaves the account before the billing system is asked for it, and the dealer leaves with the same
write. That write, and the one that notes the request, are refused where his accounts have moved since they were looked
at: a settlement or a recall that comes at the same time is before it, and decides, or after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.domain import timeline, work
from common.domain.timeline import MACHINE, TimelineEvent
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.billing import journal, journal_store, store
from functions.billing.journal import EntryKind
from functions.billing.model import (
    Account,
    Dealer,
    DealerStatus,
    Moved,
    Release,
    ReleaseStatus,
    key_of,
)
from functions.billing.store import AccountItem, DealerItem

KEYS_MAX = 50  # of one release: the latest are known
PAID_BACK_BY = timedelta(days=3)  # of a bank; later it is shown as late


class ReleaseItem(Item, discriminator=keys.RELEASE.entity):
    status = UnicodeAttribute()
    kopecks = DecimalAttribute()
    requisites_version = DecimalAttribute()
    asked_by = JSONAttribute()  # the callers' keys, hashed
    reason = UnicodeAttribute(null=True)
    tried_at = InstantAttribute(null=True)


# Accounts for it


def add(dealer: Dealer, accounts: Sequence[Account], at: datetime) -> list[Write]:
    """A dealer gets these accounts, which his machine opens at the billing system; one who has left is back. Refused
    with Moved."""
    item = DealerItem
    status = DealerStatus.ACTIVE if dealer.status is DealerStatus.LEFT else dealer.status
    waits = work.waits(
        keys.DEALER, dealer.dealer_id, now=at, due_at=at + work.SOON, waits_for="his accounts at the billing system"
    )
    return [
        Write.update(
            item(*keys.DEALER(dealer_id=dealer.dealer_id)),
            item.status.set(status),
            item.accounts.add(Decimal(len(accounts))),
            item.updated_at.set(at),
            *([*waits, *work.supersede()] if accounts else []),
            when=(item.status == dealer.status)
            & (item.accounts == Decimal(dealer.accounts))
            & (item.requisites_version == Decimal(dealer.requisites_version))
            & item.forgotten_at.does_not_exist(),
            otherwise=Moved("the dealer has moved", id=dealer.dealer_id),
        ),
        *(store.open_account(account) for account in accounts),
        _event(dealer, status, at, "fast buyout", "CME"),
    ]


# The deposit that is paid back


def ask(dealer: Dealer, deposit: Account, settlement: Account, release: Release, at: datetime) -> list[Write]:
    """The dealer leaves, with all that is on his deposit; or it is held for a person first. Refused with Moved."""
    item = DealerItem
    written = ReleaseItem(
        *_key(release),
        status=release.status,
        kopecks=Decimal(release.kopecks),
        requisites_version=Decimal(release.requisites_version),
        reason=release.reason,
        asked_by=[*release.asked_by],
        created_at=at,
        updated_at=at,
    )
    moved = Moved("the dealer has moved", id=dealer.dealer_id)
    why = release.reason
    waits = (
        work.waits(keys.DEALER, dealer.dealer_id, now=at, due_at=at + work.SOON, waits_for="his deposit's way")
        if why is None
        else work.needs_person(keys.DEALER, dealer.dealer_id, now=at, waits_for=f"an operator: {why}")
    )
    return [
        Write.insert(written, otherwise=moved),
        Write.update(
            item(*keys.DEALER(dealer_id=dealer.dealer_id)),
            item.status.set(DealerStatus.LEAVING),
            item.releases.set(Decimal(release.n)),
            item.leaves_with_kopecks.set(Decimal(release.kopecks)),
            item.leaves_to_version.set(Decimal(release.requisites_version)),
            item.reason.remove() if why is None else item.reason.set(why),
            item.updated_at.set(at),
            *waits,
            *work.supersede(),
            when=(item.status == dealer.status)
            & (item.releases == Decimal(dealer.releases))
            & (item.accounts == Decimal(dealer.accounts))
            & (item.requisites_version == Decimal(release.requisites_version))
            & item.forgotten_at.does_not_exist(),
            otherwise=moved,
        ),
        store.money_moves(deposit, -release.kopecks, 0, at, AccountItem.released_kopecks.add(Decimal(release.kopecks))),
        store.account_is(settlement),
        journal_store.book(journal.refunded(release, EntryKind.REFUND, at)),
        _event(dealer, DealerStatus.LEAVING, at, "his deposit is paid back", "CME"),
    ]


def release(table: Table, dealer: Dealer) -> Release | None:
    """The latest of a dealer; None where there was none."""
    if dealer.releases == 0:
        return None
    key = keys.RELEASE(dealer_id=dealer.dealer_id, n=_number(dealer.releases))
    item = table.get(ReleaseItem, key, consistent=True)
    assert item is not None, f"{dealer.dealer_id} has no release {dealer.releases}"
    return _release(item)


def releases(table: Table, dealer: Dealer) -> list[Release]:
    """Of a dealer, as of now, the oldest first."""
    if dealer.releases == 0:
        return []
    return [_release(item) for item in table.all(ReleaseItem, _releases(dealer.dealer_id))]


def also_asked(release: Release, key: str, at: datetime) -> Write:
    """Under one key more. Refused with Moved."""
    item = ReleaseItem
    return Write.update(
        item(*_key(release)),
        item.asked_by.set([*release.asked_by, key_of(key)][-KEYS_MAX:]),
        item.updated_at.set(at),
        when=item.asked_by == [*release.asked_by],
        otherwise=Moved("the release has moved", id=release.dealer_id),
    )


@prepared
def _releases(dealer_id: str) -> Query:
    return Query(partition(dealer_id) & ReleaseItem.SK.startswith(keys.RELEASE.prefix), consistent=True)


def _release(item: ReleaseItem) -> Release:
    n = int(keys.RELEASE.read(keys.PrimaryKey(item.PK, item.SK))["n"])
    status, kopecks, version = ReleaseStatus(item.status), int(item.kopecks), int(item.requisites_version)
    asked = tuple(item.asked_by)
    return Release(item.PK, n, status, kopecks, item.created_at, version, asked, item.reason, item.tried_at)


def hold(dealer: Dealer, release: Release, why: str, at: datetime) -> list[Write]:
    """It waits for a person. Refused with Moved."""
    waits = work.needs_person(keys.DEALER, dealer.dealer_id, now=at, waits_for=f"an operator: {why}")
    return [
        _becomes(release, ReleaseStatus.HELD, at, ReleaseItem.reason.set(why)),
        _dealer_is(dealer, DealerStatus.LEAVING, at, DealerItem.reason.set(why), *waits),
    ]


def let_go(dealer: Dealer, release: Release, why: str, by: str, at: datetime) -> list[Write]:
    """Two operators have let it go: from now on the billing system may be asked for it. Refused with Moved."""
    waits = work.waits(keys.DEALER, dealer.dealer_id, now=at, due_at=at + work.SOON, waits_for="his deposit's way")
    return [
        _becomes(release, ReleaseStatus.ASKED, at, ReleaseItem.reason.remove()),
        _dealer_is(dealer, DealerStatus.LEAVING, at, DealerItem.reason.remove(), *waits),
        _event(dealer, DealerStatus.LEAVING, at, why, by),
    ]


def wait(dealer: Dealer, release: Release, why: str, at: datetime, due_at: datetime) -> list[Write]:
    """It is not paid back yet, which is told. Refused with Moved."""
    waits = work.waits(keys.DEALER, dealer.dealer_id, now=at, due_at=due_at, waits_for=why)
    return [
        _becomes(release, release.status, at, ReleaseItem.reason.set(why)),
        _dealer_is(dealer, DealerStatus.LEAVING, at, DealerItem.reason.set(why), *waits),
        _event(dealer, DealerStatus.LEAVING, at, why, MACHINE),
    ]


def tries(release: Release, accounts: Sequence[Account], at: datetime) -> list[Write]:
    """The billing system is about to be asked for it, by what is on his accounts. Refused with Moved."""
    return [
        _becomes(release, release.status, at, ReleaseItem.tried_at.set(at)),
        *(store.account_is(account) for account in accounts),
    ]


def is_answered(release: Release, tried_at: datetime, at: datetime) -> Write:
    """The request that was noted last is answered, the one of `tried_at` may still come. Refused with Moved."""
    return _becomes(release, release.status, at, ReleaseItem.tried_at.set(tried_at))


def sent(dealer: Dealer, release: Release, at: datetime) -> list[Write]:
    """The billing system pays it back. Refused with Moved."""
    waits = work.waits(
        keys.DEALER, dealer.dealer_id, now=at, due_at=at + PAID_BACK_BY, waits_for="the bank to pay his deposit back"
    )
    return [
        _becomes(release, ReleaseStatus.SENT, at, ReleaseItem.reason.remove()),
        _dealer_is(dealer, DealerStatus.LEAVING, at, DealerItem.reason.remove(), *waits),
    ]


def paid_back(dealer: Dealer, release: Release, at: datetime, why: str, by: str = MACHINE) -> list[Write]:
    """He has it. Refused with Moved."""
    return [
        _becomes(release, ReleaseStatus.DONE, at, ReleaseItem.reason.remove()),
        _dealer_is(dealer, DealerStatus.LEFT, at, DealerItem.reason.remove(), *_over(dealer, release, at)),
        _event(dealer, DealerStatus.LEFT, at, why, by),
    ]


def refused(dealer: Dealer, deposit: Account, release: Release, why: str, at: datetime) -> list[Write]:
    """It is on his deposit again, and he stays. Refused with Moved."""
    back = AccountItem.released_kopecks.add(Decimal(-release.kopecks))
    return [
        _becomes(release, ReleaseStatus.REFUSED, at, ReleaseItem.reason.set(why)),
        _dealer_is(dealer, DealerStatus.ACTIVE, at, DealerItem.reason.set(why), *_over(dealer, release, at)),
        store.money_moves(deposit, release.kopecks, 0, at, back),
        journal_store.book(journal.refunded(release, EntryKind.REFUND_REFUSED, at)),
        _event(dealer, DealerStatus.ACTIVE, at, why, MACHINE),
    ]


def _over(dealer: Dealer, release: Release, at: datetime) -> list[Action]:
    """His machine has nothing more to do, unless his requisites have changed since: the payers had to wait for them."""
    if dealer.requisites_version == release.requisites_version:
        return work.done()
    what = "his requisites at the billing system"
    return work.waits(keys.DEALER, dealer.dealer_id, now=at, due_at=at + work.SOON, waits_for=what)


def _becomes(release: Release, status: ReleaseStatus, at: datetime, *more: Action) -> Write:
    item, tried_at = ReleaseItem, release.tried_at
    as_tried = item.tried_at.does_not_exist() if tried_at is None else item.tried_at == tried_at
    return Write.update(
        item(*_key(release)),
        item.status.set(status),
        item.updated_at.set(at),
        *more,
        when=(item.status == release.status) & as_tried,
        otherwise=Moved("the release has moved", id=release.dealer_id),
    )


def _dealer_is(dealer: Dealer, status: DealerStatus, at: datetime, *more: Action) -> Write:
    item = DealerItem
    return Write.update(
        item(*keys.DEALER(dealer_id=dealer.dealer_id)),
        item.status.set(status),
        item.updated_at.set(at),
        *more,
        when=(item.status == dealer.status)
        & (item.releases == Decimal(dealer.releases))
        & (item.requisites_version == Decimal(dealer.requisites_version)),
        otherwise=Moved("the dealer has moved", id=dealer.dealer_id),
    )


def _key(release: Release) -> keys.PrimaryKey:
    return keys.RELEASE(dealer_id=release.dealer_id, n=_number(release.n))


def _number(n: int) -> str:
    """As text that sorts."""
    return f"{n:04}"


def _event(dealer: Dealer, status: DealerStatus, at: datetime, why: str, actor: str) -> Write:
    return timeline.record(dealer.dealer_id, TimelineEvent(at, dealer.status, status, why, actor))
