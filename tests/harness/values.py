"""Values: as they travel on DynamoDB's wire, and as the table keeps them.

On the wire a value is `{"S": "ann"}`, `{"N": "1.50"}`, …, and an item a mapping from names to such values. Kept,
a value is plain Python: `str`, `Number` or `bool`. A number is written in one way (1.50 is 1.5), so that equal
values are equal objects. Whatever is wrong with a value is refused on the way in; the other types are not played
here, for no item of the desk has them.

Sizes are in bytes, by AWS's published rules ("DynamoDB item sizes and formats").
"""

import re
from collections.abc import Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any, NamedTuple

from botocore.exceptions import ParamValidationError

from tests.harness.errors import Refused, invalid, malformed

Value = Any
Item = dict[str, Value]
Wire = Mapping[str, Any]

DIGITS_MAX = 38
EXPONENT_MAX = 125
EXPONENT_MIN = -130
ITEM_SIZE_MAX = 400 * 1024
TYPE_NAMES = {"S": "STRING", "N": "NUMBER", "BOOL": "BOOLEAN"}
NOT_PLAYED = frozenset({"B", "NULL", "SS", "NS", "BS", "L", "M"})
ORDERED = frozenset({"S", "N"})

# Python's default of 28 digits would round: a sum is made exactly first and measured afterwards.
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
KNOWN_MAX = 1 << 17  # numbers remembered by their text
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
_NUMERAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)


class Number(NamedTuple):
    """One number: as DynamoDB writes it, as Python counts with it, and its size in bytes."""

    text: str
    amount: Decimal
    size: int


TAGS: dict[type, str] = {str: "S", Number: "N", bool: "BOOL"}

_known: dict[str, Number] = {}  # by text: the same few prices and quantities are read over and over


def number(text: str) -> Number:
    """Read a number. ValidationException for no number, too many digits or too large an exponent."""
    known = _known.get(text)
    if known is None:
        if not _NUMERAL.fullmatch(text):
            raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
        known = _remembered(text, _measured(Decimal(text)))
    return known


def total(left: Decimal, right: Decimal) -> Number:
    """Their exact sum. DynamoDB calls a sum of over 38 digits an overflow."""
    try:
        return _measured(EXACT.add(left, right))
    except Refused as impossible:
        raise invalid(OVERFLOW) from impossible


def _measured(amount: Decimal) -> Number:
    """`amount` as DynamoDB stores it, or ValidationException when it can not."""
    if not amount:
        return Number("0", Decimal(0), 1)
    if amount.adjusted() > EXPONENT_MAX:
        raise invalid(OVERFLOW)
    if amount.adjusted() < EXPONENT_MIN:
        raise invalid(UNDERFLOW)
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    digits = len(text.replace(".", "").lstrip("-0").rstrip("0"))
    if digits > DIGITS_MAX:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    return Number(text, amount, (digits + 1) // 2 + 1)


def _remembered(text: str, exact: Number) -> Number:
    if len(_known) >= KNOWN_MAX:
        _known.clear()
    _known[text] = exact
    return exact


def tag_of(value: Value) -> str:
    """The type of a kept value, as on the wire."""
    return TAGS[value.__class__]


def byte_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def kept(value: Wire) -> tuple[Value, int]:
    """The kept form of one wire value, and its size. Refuses what AWS refuses."""
    try:
        ((tag, content),) = value.items()
    except (AttributeError, TypeError, ValueError):
        raise _not_one_type(value) from None
    if tag == "S":
        text = _text(tag, content)
        return text, byte_length(text)
    if tag == "N":
        exact = number(_text(tag, content))
        return exact, exact.size
    if tag == "BOOL":
        if not isinstance(content, bool):
            raise _wrong_type(tag, content, "<class 'bool'>")
        return content, 1
    if tag in NOT_PLAYED:
        raise NotImplementedError(f"values of type {tag}")
    raise malformed(f'Unknown parameter in input: "{tag}", must be one of: {", ".join(TYPE_NAMES)}')


def kept_item(item: Mapping[str, Wire]) -> tuple[Item, int]:
    """The kept form of a whole item, and its size.

    Plain strings and numbers, nearly all there is, are dealt with on the spot: here and in `item_size` a
    transaction spends its time.
    """
    kept_form: Item = {}
    size = byte_length("".join(item))
    for name, value in item.items():
        if len(value) == 1:
            for tag in value:
                content = value[tag]
            if content.__class__ is str:
                if tag == "S":
                    kept_form[name] = content
                    size += len(content) if content.isascii() else byte_length(content)
                    continue
                if tag == "N":
                    kept_form[name] = exact = number(content)
                    size += exact.size
                    continue
        kept_form[name], further = kept(value)
        size += further
    return kept_form, size


def wire(value: Value) -> dict[str, Any]:
    """A kept value as it travels."""
    return {"N": value.text} if value.__class__ is Number else {TAGS[value.__class__]: value}


def wire_item(item: Item) -> dict[str, dict[str, Any]]:
    """A kept item as it travels; the caller may change it. Strings, nearly all there is, are dealt with on the spot."""
    return {name: {"S": value} if value.__class__ is str else wire(value) for name, value in item.items()}


def item_size(item: Item) -> int:
    """The size in bytes of a kept item: names and values."""
    size = byte_length("".join(item))
    for value in item.values():
        kind = value.__class__
        if kind is str:
            size += len(value) if value.isascii() else byte_length(value)
        else:
            size += value.size if kind is Number else 1
    return size


def sortable(value: Value) -> Any:
    """What a value is sorted by: strings by UTF-8, numbers by amount."""
    return value.amount if value.__class__ is Number else value


def described(value: Value) -> str:
    """As AWS prints a value in its messages: `{S:ann}`."""
    ((tag, content),) = wire(value).items()
    return f"{{{tag}:{content}}}"


def _text(tag: str, content: Any) -> str:
    if content.__class__ is str:
        return str(content)
    if not isinstance(content, str):
        raise _wrong_type(tag, content, "<class 'str'>")
    return str.__str__(content)  # a StrEnum's member becomes the plain text that goes over the wire


def _wrong_type(tag: str, content: Any, valid: str) -> ParamValidationError:
    return malformed(f"Invalid type for parameter {tag}, value: {content}, type: {type(content)}, valid types: {valid}")


def _not_one_type(value: Any) -> Exception:
    if not isinstance(value, Mapping):
        return malformed(
            f"Invalid type for parameter, value: {value}, type: {type(value)}, valid types: <class 'dict'>"
        )
    how_many = "has more than one datatypes set" if value else "is empty"
    return invalid(f"Supplied AttributeValue {how_many}, must contain exactly one of the supported datatypes")
