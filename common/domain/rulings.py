"""What two operators have decided of something that its own context carries out.

Contexts do not know each other, so the confirmation of a proposal does not move another context's order. It writes down
beside the order what was decided, and lets the order's machine go on; that does it, each write under its own
condition. A ruling decides nothing where the outside says by now what can be believed.

    {order_id}   RULING#{matter}#{about}   the terms, the reference, by whom
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from common import keys
from common.errors import Refusal
from common.money import plain
from common.table.items import Item, RawItem
from common.table.table import Query, Table, partition
from common.table.transaction import Write

WHOLE = "ORDER"  # what a ruling is about that is about no part of an order


class Matter(StrEnum):
    """What is ruled on, and what it is about."""

    PAYS = "PAYS"  # a snapshot, by its id, pays for the order
    CREDITED = "CREDITED"  # so much of an asset was credited by the exchange
    HOME = "HOME"  # the order has failed, and what of it is at the exchange comes home
    AGAIN = "AGAIN"  # the exchange has refused an asset's withdrawal: it is withdrawn under the next id
    CAME_HOME = "CAME_HOME"  # an asset has come home as the snapshot that is named
    FILLS = "FILLS"  # what the order has at the exchange, where its trades are not told, or not as they can be
    ACCOUNT = "ACCOUNT"  # a payment of a dealer came for the contract that is named
    PAYMENT = "PAYMENT"  # a message of a payment that can not be read tells of the one that is named
    NOTHING = "NOTHING"  # nothing is to be done about a payment
    TOTAL = "TOTAL"  # what is told of the contract of a dealer's account rightly is not what has come: by its type
    DEPOSIT = "DEPOSIT"  # what becomes of a dealer's deposit that is to be paid back: by the number of his release
    KEPT = "KEPT"  # what of an asset is left at the exchange, and can not be withdrawn, is the desk's
    # That is no ruling yet: one operator says, of an asset by its symbol, that its payer has it otherwise. It stays
    # when another one dismisses that, until a further one lets the order go on.
    SAID = "SAID"


class Deposit(StrEnum):
    """What two operators say of a dealer's deposit."""

    PAY = "PAY"  # it may go to the requisites that he has
    KEEP = "KEEP"  # it is not paid back, and stays
    PAID = "PAID"  # he has it


def ledger_told(base: Decimal, quote: Decimal) -> str:
    """What an order has by its own ledger: a ruling on FILLS is about an order that has so much."""
    return f"{plain(base)} of base and {plain(quote)} of quote"


class RulingItem(Item, discriminator=keys.RULING.entity):
    terms = JSONAttribute()
    reference = UnicodeAttribute(null=True)
    operators = UnicodeAttribute()
    dismissed_by = UnicodeAttribute(null=True)


@dataclass(frozen=True)
class Ruling:
    """`operators` are the two; of one matter about one thing the latest ruling counts. Of what is SAID, `reference` is
    the proposal that says so, none where it was dismissed; `dismissed_by` who has dismissed what another has said."""

    order_id: str
    matter: Matter
    about: str
    terms: Mapping[str, str]
    reference: str | None
    operators: str
    at: datetime
    dismissed_by: str | None = None


class SaidOtherwise(Refusal):
    """An operator says that who paid has it otherwise, and that is not decided yet."""


Rulings = Mapping[tuple[Matter, str], Ruling]  # by what they are on, and about


def record(ruling: Ruling) -> Write:
    item = RulingItem(
        *keys.RULING(order_id=ruling.order_id, matter=ruling.matter, about=ruling.about),
        terms=dict(ruling.terms),
        reference=ruling.reference,
        operators=ruling.operators,
        created_at=ruling.at,
        updated_at=ruling.at,
    )
    return Write.put(item)


def say(order_id: str, symbol: str, proposal_id: str, by: str, at: datetime) -> Write:
    """One operator proposes that an asset is kept, since who paid has it otherwise: until that is decided it neither
    leaves the exchange nor goes to him. Refused with SaidOtherwise: another proposal says so."""
    item = RulingItem
    return Write.update(
        item(*_said(order_id, symbol)),
        item.entity_type.set(item),
        item.terms.set({}),
        item.reference.set(proposal_id),
        item.operators.set(by),
        item.created_at.set(at),
        item.updated_at.set(at),
        when=_is_of(proposal_id) | item.reference.does_not_exist(),
        otherwise=_already(symbol),
    )


def unsay(order_id: str, symbol: str, proposal_id: str) -> Write:
    """It is confirmed. Refused with SaidOtherwise."""
    return Write.delete(RulingItem(*_said(order_id, symbol)), when=_is_of(proposal_id), otherwise=_already(symbol))


def dismiss_said(
    table: Table, order_id: str, symbol: str, proposal_id: str, by: str | None, at: datetime
) -> list[Write]:
    """It is dismissed, `by` another one than has said it: the order goes on when a further one lets it. None, who has
    said it, leaves whoever has dismissed such a thing before. Refused with SaidOtherwise."""
    item = RulingItem
    there = table.get(item, _said(order_id, symbol), consistent=True)
    if there is None or there.reference != proposal_id:
        return []
    rule: Condition = item.reference == proposal_id
    if by is None and there.dismissed_by is None:
        return [Write.delete(item(*_said(order_id, symbol)), when=rule, otherwise=_already(symbol))]
    return [
        Write.update(
            item(*_said(order_id, symbol)),
            item.reference.remove(),
            *([] if by is None else [item.dismissed_by.set(by)]),
            item.updated_at.set(at),
            when=rule,
            otherwise=_already(symbol),
        )
    ]


def let_go(said: Ruling) -> Write:
    """Another one than has dismissed it lets the order go on. Refused with SaidOtherwise: it is said once more."""
    item = RulingItem
    return Write.delete(
        item(*_said(said.order_id, said.about)),
        when=item.reference.does_not_exist() & (item.dismissed_by == said.dismissed_by),
        otherwise=_already(said.about),
    )


def is_dismissed(ruling: Ruling) -> bool:
    return ruling.matter is Matter.SAID and ruling.reference is None


def not_said(order_id: str, symbol: str) -> Write:
    """The condition that nobody says so. Refused with SaidOtherwise."""
    never: Condition = RulingItem.PK.does_not_exist()
    return Write.check(RulingItem(*_said(order_id, symbol)), when=never, otherwise=_already(symbol))


def _said(order_id: str, symbol: str) -> keys.PrimaryKey:
    return keys.RULING(order_id=order_id, matter=Matter.SAID, about=symbol)


def _is_of(proposal_id: str) -> Condition:
    rule: Condition = RulingItem.PK.does_not_exist() | (RulingItem.reference == proposal_id)
    return rule


def _already(symbol: str) -> Callable[[RawItem | None], Refusal]:
    def refusal(old: RawItem | None) -> Refusal:
        if old is not None and "reference" not in old:
            return SaidOtherwise(dismissed_but(old["dismissed_by"]["S"], symbol))
        which = "a proposal" if old is None else old["reference"]["S"]
        return SaidOtherwise(f"{which} says that who paid has the {symbol} otherwise: confirm or dismiss it first")

    return refusal


def dismissed_but(by: str, symbol: str) -> str:
    return f"{by} has dismissed that who paid has the {symbol} otherwise: another operator redrives the order"


def of(table: Table, order_id: str) -> Rulings:
    query = Query(partition(order_id) & Item.SK.startswith(keys.RULING.prefix), consistent=True)
    found = [_ruling_of(item) for item in table.all(RulingItem, query)]
    return {(ruling.matter, ruling.about): ruling for ruling in found}


def _ruling_of(item: RulingItem) -> Ruling:
    key = keys.RULING.read(keys.PrimaryKey(item.PK, item.SK))
    return Ruling(
        order_id=item.PK,
        matter=Matter(key["matter"]),
        about=key["about"],
        terms=item.terms,
        reference=item.reference,
        operators=item.operators,
        at=item.created_at,
        dismissed_by=item.dismissed_by,
    )
