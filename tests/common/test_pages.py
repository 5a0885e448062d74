"""Cursors: signed, bound to their list, and good for a day."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pages import CursorRefused, Cursors
from tests.desk import Clock

POSITION = {"PK": {"S": "OABC"}, "SK": {"S": "ORDER"}}


def cursors(clock: Clock | None = None, key: bytes = b"key") -> Cursors:
    return Cursors(lambda: key, clock or Clock())


def test_a_cursor_gives_its_position_back() -> None:
    written = cursors().write("GET /orders ann", POSITION)
    assert cursors().read("GET /orders ann", written) == POSITION


def test_the_last_page_has_none_and_the_first_needs_none() -> None:
    assert cursors().write("GET /orders ann", None) is None
    assert cursors().read("GET /orders ann", None) is None


def test_a_cursor_of_another_list_user_or_key_is_refused() -> None:
    written = cursors().write("GET /orders ann", POSITION)
    with pytest.raises(CursorRefused):
        cursors().read("GET /orders bob", written)
    with pytest.raises(CursorRefused):
        cursors(key=b"another").read("GET /orders ann", written)


def test_a_cursor_is_refused_after_a_day() -> None:
    clock = Clock()
    written = cursors(clock).write("list", POSITION)
    clock.at += timedelta(hours=23)
    assert cursors(clock).read("list", written) == POSITION
    clock.at += timedelta(hours=2)
    with pytest.raises(CursorRefused, match="older than a day"):
        cursors(clock).read("list", written)


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_changed_cursor_is_refused(at: int, character: str) -> None:
    written = cursors().write("list", POSITION)
    assert written is not None
    at %= len(written)
    changed = written[:at] + character + written[at + 1 :]
    try:
        assert cursors().read("list", changed) == POSITION
        # The last character of unpadded base64 has bits that say nothing.
        assert changed == written or at == len(written) - 1
    except CursorRefused:
        assert changed != written


@given(st.text(max_size=200))
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(CursorRefused):
        cursors().read("list", garbage)
