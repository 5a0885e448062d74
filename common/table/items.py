"""What an item is: a row of the key schema with typed attributes. Numbers are Decimal, times are instants.

PynamoDB gives the attributes and the expressions (`balance >= amount`); its connection is never used, and its
`NumberAttribute`, which loses digits and refuses Decimal, must not be. Nor is its way of making, writing and reading
an item, which asks each attribute for defaults and documents that no item here has, at three times the cost.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from pynamodb import attributes
from pynamodb.attributes import Attribute, DiscriminatorAttribute, UnicodeAttribute
from pynamodb.constants import NUMBER, STRING
from pynamodb.exceptions import AttributeNullError
from pynamodb.models import Model

from common import clock
from common.money import plain
from common.table.prepared import written

RawItem = Mapping[str, dict[str, Any]]  # as it is on the wire: {"PK": {"S": "ann"}, …}


class DecimalAttribute(Attribute[Decimal]):
    """An exact number. DynamoDB holds 38 digits, which `common.money` never exceeds."""

    attr_type = NUMBER

    def serialize(self, value: Decimal) -> Any:
        return written(value, plain)

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class InstantAttribute(Attribute[datetime]):
    """An aware UTC time, written so that text order is time order."""

    attr_type = STRING

    def serialize(self, value: datetime) -> Any:
        return written(value, clock.text)

    def deserialize(self, value: str) -> datetime:
        return clock.instant(value)


class BooleanAttribute(attributes.BooleanAttribute):
    """PynamoDB's, for prepared statements too."""

    def serialize(self, value: bool) -> Any:
        return written(value, bool)


class _Own:
    """Leads from an item's class to the attribute. What an item has of it is in its `__dict__`, where Python looks
    first and asks nobody: it is read many times for each time that it is written."""

    def __init__(self, attribute: Attribute[Any]) -> None:
        self._attribute = attribute

    def __get__(self, item: object, _: type) -> Attribute[Any] | None:
        return self._attribute if item is None else None


class _Owner(Model):
    """Whose attributes are its items' own."""

    def __init_subclass__(cls) -> None:
        for name, attribute in list(vars(cls).items()):
            if isinstance(attribute, Attribute):
                setattr(cls, name, _Own(attribute))


class Item(_Owner):
    """What every item has. Subclasses name their row: `class OrderItem(Item, discriminator=keys.ORDER.entity)`."""

    class Meta:
        table_name = "named by the transaction"

    PK = UnicodeAttribute(hash_key=True)
    SK = UnicodeAttribute(range_key=True)
    entity_type = DiscriminatorAttribute()
    created_at = InstantAttribute()
    updated_at = InstantAttribute()

    def __init__(self, pk: str, sk: str, /, **values: Any) -> None:
        if unknown := values.keys() - self.get_attributes().keys():
            raise ValueError(f"{type(self).__name__} has no {sorted(unknown)}")
        self.attribute_values.update(PK=pk, SK=sk, **values)
        if Item.entity_type.get_discriminator(type(self)) is not None:
            self.attribute_values["entity_type"] = type(self)

    @property
    def attribute_values(self) -> dict[str, Any]:  # type: ignore[override]  # Model has it beside the item's own
        """What the item holds, by attribute."""
        return vars(self)

    def serialize(self, null_check: bool = True) -> dict[str, dict[str, Any]]:
        """The item on the wire, without what is None. Raises AttributeNullError for what must not be None."""
        values, raw = self.attribute_values, {}
        for name, attribute in self.get_attributes().items():
            value = values.get(name)
            if value is not None:
                raw[name] = {attribute.attr_type: attribute.serialize(value)}
            elif null_check and not attribute.null:
                raise AttributeNullError(name)
        return raw

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        """The item, as its own class where it names one. That must be this class or a subclass."""
        kind = Item.entity_type.deserialize(data["entity_type"]["S"]) if "entity_type" in data else cls
        if not issubclass(kind, cls):
            raise ValueError(f"a {kind.__name__} is no {cls.__name__}")
        item: Self = object.__new__(kind)
        attributes, values = kind.get_attributes(), item.attribute_values
        for name, value in data.items():
            attribute = attributes.get(name)
            if attribute.__class__ is UnicodeAttribute and "S" in value:  # most are, and it changes nothing
                values[name] = value["S"]
            elif attribute is not None:
                values[name] = attribute.deserialize(attribute.get_value(value))
        return item


class AnyItem(Item):
    """Read as the subclass sees it, whatever kind of item it is: for readers of many contexts' items."""

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        return super().from_raw_data({name: value for name, value in data.items() if name != "entity_type"})
