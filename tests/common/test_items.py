"""Items are made, written and read as PynamoDB would, only faster."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import AttributeDeserializationError, AttributeNullError
from pynamodb.models import Model

from common.table.items import AnyItem, BooleanAttribute, DecimalAttribute, InstantAttribute, Item

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class BoxItem(Item, discriminator="box"):
    name = UnicodeAttribute()
    amount = DecimalAttribute(null=True)
    full = BooleanAttribute(null=True)
    opened_at = InstantAttribute(null=True)


class CrateItem(BoxItem, discriminator="crate"):
    wood = UnicodeAttribute(null=True)


class AnyBoxItem(AnyItem, BoxItem): ...


class SeenItem(Item):
    name = UnicodeAttribute(null=True)


def box(kind: type[BoxItem] = BoxItem, **values: Any) -> BoxItem:
    return kind("ann", "BOX", **{"name": "n", "created_at": NOON, "updated_at": NOON, **values})


ITEMS = [
    box(),
    box(amount=Decimal(0), full=False, name=""),
    box(amount=Decimal("-1.50"), full=True, opened_at=NOON),
    box(amount=None, full=None, opened_at=None),
    box(CrateItem, wood="oak"),
]


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_is_written_as_pynamodb_writes_it(item: BoxItem) -> None:
    assert item.serialize() == Model.serialize(item)


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_is_read_as_it_was_written(item: BoxItem) -> None:
    read = Item.from_raw_data(item.serialize())
    assert type(read) is type(item)
    assert {name: getattr(read, name) for name in item.get_attributes()} == {
        name: getattr(item, name) for name in item.get_attributes()
    }


def test_an_item_has_no_value_without_an_attribute() -> None:
    with pytest.raises(ValueError, match="BoxItem has no"):
        box(colour="red")


def test_what_must_be_there_is_missed_when_it_is_written() -> None:
    with pytest.raises(AttributeNullError, match="name"):
        box(name=None).serialize()
    with pytest.raises(AttributeNullError, match="created_at"):
        BoxItem("ann", "BOX", name="n").serialize()


def test_an_item_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="BoxItem is no CrateItem"):
        CrateItem.from_raw_data(box().serialize())
    with pytest.raises(ValueError, match="Unknown discriminator"):
        Item.from_raw_data({**box().serialize(), "entity_type": {"S": "barrel"}})


def test_an_item_of_any_kind_is_read_as_its_reader_sees_it() -> None:
    read = AnyBoxItem.from_raw_data(box(CrateItem, wood="oak").serialize())
    assert type(read) is AnyBoxItem
    assert read.name == "n"


def test_of_a_class_an_attribute_is_itself_and_of_an_item_what_it_holds() -> None:
    assert BoxItem.amount is BoxItem.get_attributes()["amount"]
    assert CrateItem.amount is BoxItem.amount
    assert str(BoxItem.amount > Decimal(1)) == "amount > {'N': '1'}"
    item = box(amount=Decimal(2))
    assert (item.amount, item.PK) == (Decimal(2), "ann")
    assert item.full is None
    item.amount = Decimal(3)
    assert (item.amount, item.serialize()["amount"]) == (Decimal(3), {"N": "3"})
    with pytest.raises(AttributeError):
        item.depth  # noqa: B018


def test_what_a_class_has_no_attribute_for_is_not_read() -> None:
    read = SeenItem.from_raw_data({"PK": {"S": "ann"}, "SK": {"S": "BOX"}, "amount": {"N": "1"}})
    assert read.attribute_values == {"PK": "ann", "SK": "BOX"}


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(AttributeDeserializationError):
        Item.from_raw_data({**box().serialize(), "amount": {"S": "1"}})
