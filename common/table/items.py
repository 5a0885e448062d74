"""What an item is: a row of the key schema with typed attributes. Numbers are Decimal, times are instants.

PynamoDB gives the attributes and the expressions (`balance >= amount`); its connection is never used, and its
`NumberAttribute`, which loses digits and refuses Decimal, must not be.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from pynamodb.attributes import Attribute, DiscriminatorAttribute, UnicodeAttribute
from pynamodb.constants import NUMBER, STRING
from pynamodb.models import Model

from common import clock
from common.money import plain

RawItem = Mapping[str, Mapping[str, Any]]  # as it is on the wire: {"PK": {"S": "ann"}, …}


class DecimalAttribute(Attribute[Decimal]):
    """An exact number. DynamoDB holds 38 digits, which `common.money` never exceeds."""

    attr_type = NUMBER

    def serialize(self, value: Decimal) -> str:
        return plain(value)

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class InstantAttribute(Attribute[datetime]):
    """An aware UTC time, written so that text order is time order."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return clock.text(value)

    def deserialize(self, value: str) -> datetime:
        return clock.instant(value)


class Item(Model):
    """What every item has. Subclasses name their row: `class OrderItem(Item, discriminator=keys.ORDER.entity)`."""

    class Meta:
        table_name = "named by the transaction"

    PK = UnicodeAttribute(hash_key=True)
    SK = UnicodeAttribute(range_key=True)
    entity_type = DiscriminatorAttribute()
    created_at = InstantAttribute()
    updated_at = InstantAttribute()


class AnyItem(Item):
    """Read as the subclass sees it, whatever kind of item it is: for readers of many contexts' items."""

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        return super().from_raw_data({name: value for name, value in data.items() if name != "entity_type"})
