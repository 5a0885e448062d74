"""The key schema: what it says of itself is true, and no kind of item can name another."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import keys

# A value that each part of a key may have, and must not have to be mistaken for another kind of item.
PARTS = {
    "username": "ann",
    "asset_id": "BTC",
    "order_id": "OABCDEFGHIJKLMNOPQRSTUVWX2",
    "created_at": "2026-11-21T09:30:00.000000Z",
    "at": "2026-11-21T09:30:00.000000Z",
    "date": "2026-11-21",
    "kind": "DEPOSIT",
    "half": "BIDS",
    "rank": "0000000100.000000000000000000",
    "n": "0",
    "number": "000000000042",
    "name": "reconcile",
    "of": "custody",
    "system": "binance",
    "attempt": "01",
    "adjustment_id": "adj_7",
    "webhook_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "thing_id": "OABCDEFGHIJKLMNOPQRSTUVWX2",
    "client_id": "C-ANN-1",
    "batch_id": "BABCDEFGHIJKLMNOPQRSTUVWX2",
    "exchange": "binance",
    "exchange_order_id": "77",
    "proposal_id": "EABCDEFGHIJKLMNOPQRSTUVWX2",
    "stray_id": "ZABCDEFGHIJKLMNOPQRSTUVWX2",
    "shard": "0",
    "step": "DAY",
    "snapshot_id": "NABCDEFGHIJKLMNOPQRSTUVWX2",
    "outgoing_id": "XABCDEFGHIJKLMNOPQRSTUVWX2",
    "output_id": "07ec77f6-5110-4de2-b632-c8fef2b252be",
    "pair_id": "0776b00f-95c0-46f9-85e4-7b8e7ca51e94",
    "opponent_id": "67a87828-18f5-46a1-b6cc-c72a97a77c43",
    "account_id": "alpha",
    "campaign_id": "mm_binance_BTC-USDT",
    "way": "OUT",
    "trade_id": "00000000000000000042",
    "symbol": "BTC-USDT",
    "deposit_id": "7007",
    "list": "DEPOSITS",
    "halt_id": "HABCDEFGHIJKLMNOPQRSTUVWX2",
    "shortage_id": "LABCDEFGHIJKLMNOPQRSTUVWX2",
    "tie_id": "TABCDEFGHIJKLMNOPQRSTUVWX2",
    "matter": "CREDITED",
    "about": "c6d0c728-2624-429b-8e0d-d9d19b6592fa",
    "dealer_id": "CABCDEFGHIJKLMNOPQRSTUVWX2",
    "bill_id": "IABCDEFGHIJKLMNOPQRSTUVWX2",
    "type": "COMMISSION",
    "contract_id": "contract-1",
    "invoice_id": "invoice-1",
    "deal_id": "deal-1",
    "receipt_id": "YABCDEFGHIJKLMNOPQRSTUVWX2",
    "refund_id": "FABCDEFGHIJKLMNOPQRSTUVWX2",
    "plan_id": "RABCDEFGHIJKLMNOPQRSTUVWX2",
    "due_at": "2026-11-21T09:30:00.000000Z",
    "login": "0123456789abcdef",
    "since": "2026-11-21T12:00:00.000000Z",
    "quote_id": "QABCDEFGHIJKLMNOPQRSTUVWX2",
    "delivery_id": "GABCDEFGHIJKLMNOPQRSTUVWX2",
    "endpoint_id": "endpoint-0123456789abcdef",
    "record_id": "KABCDEFGHIJKLMNOPQRSTUVWX2",
    "change_id": "change-1",
    "entry_id": "entry-1",
    "segment_id": "segment-1",
    "cycle": "00000042",
    "mark": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
}


def parts(key: keys.Key) -> dict[str, str]:
    return {name: PARTS[name] for name in re.findall(r"{(\w+)}", key.pk + key.sk)}


def test_the_documented_key_schema_is_the_real_one() -> None:
    assert keys.__doc__ is not None
    assert keys.__doc__.rstrip().endswith(keys.as_markdown().rstrip()), "the table is there once, and nothing behind it"
    assert keys.__doc__.count("| index ") == 1


@pytest.mark.parametrize("key", keys.SCHEMA, ids=lambda k: k.entity)
def test_a_key_can_be_read_back_into_its_parts(key: keys.Key) -> None:
    assert key.read(key(**parts(key))) == parts(key)


@pytest.mark.parametrize("bad", ["", "ann#BTC", "#"])
def test_a_part_can_not_reach_into_another_users_items(bad: str) -> None:
    with pytest.raises(keys.IllegalKeyPart):
        keys.ASSET_TRANSACTION(username=bad, asset_id="ETH", created_at="2026", order_id="O1")


@pytest.mark.parametrize("key", [k for k in keys.SCHEMA if k.pk != "{username}"], ids=lambda k: k.entity)
def test_no_other_partition_key_is_a_username(key: keys.Key) -> None:
    assert re.fullmatch(keys.USERNAME_PATTERN, key(**parts(key)).pk) is None


@given(st.from_regex(keys.USERNAME_PATTERN, fullmatch=True))
def test_no_username_has_an_upper_case_letter_or_a_separator(username: str) -> None:
    assert username == username.lower()
    assert "#" not in username


@given(st.from_regex(keys.ORDER_ID_PATTERN, fullmatch=True))
def test_no_order_id_is_a_username(order_id: str) -> None:
    assert re.fullmatch(keys.USERNAME_PATTERN, order_id) is None


def test_rows_that_share_a_partition_key_differ_in_their_sort_key() -> None:
    written = [key(**parts(key)) for key in keys.SCHEMA]
    assert len(set(written)) == len(keys.SCHEMA)
    assert len({key.entity for key in keys.SCHEMA}) == len(keys.SCHEMA)


def test_nothing_of_a_user_lies_between_his_assets_and_his_balance_but_those() -> None:
    between = [k.entity for k in keys.SCHEMA if k.pk == "{username}" and "ASSET#" <= k(**parts(k)).sk <= "BALANCE"]
    assert sorted(between) == ["asset_balance", "balance"]


def test_the_letters_that_ids_begin_with_are_unique() -> None:
    prefixes = [row.id_prefix for row in keys.SCHEMA if row.id_prefix]
    assert len(set(prefixes)) == len(prefixes)
    assert all(re.fullmatch("[A-Z]", prefix) for prefix in prefixes)


def test_what_waits_is_what_the_index_of_open_work_holds() -> None:
    assert [k for k in keys.SCHEMA if k.backlog] == [k for k in keys.SCHEMA if keys.OPEN_WORK in k.indexes]
    assert all(row.backlog for row in keys.SCHEMA if row.machines)


@pytest.mark.parametrize("row", [k for k in keys.SCHEMA if k.backlog], ids=lambda k: k.entity)
def test_an_item_that_waits_tells_its_row_and_its_id(row: keys.Key) -> None:
    ids = ("order_id", "batch_id", "proposal_id", "stray_id", "tie_id", "dealer_id", "bill_id", "plan_id")
    key = row(**parts(row) | ({} if row.id_prefix is None else dict.fromkeys(ids, _id(row))))
    assert keys.row_of(key) is row
    # Ids of outside systems are their own, and what is found of something is named as that.
    if row not in (keys.BANK_EVENT, keys.PAYMENT, keys.RECONCILIATION):
        assert keys.item_named(row.id_of(key)) == key


def _id(row: keys.Key) -> str:
    return f"{row.id_prefix}{'A' * 25}"


@pytest.mark.parametrize("unknown", ["", "x", "J" * 26, "O1", "EVT_1", "SOL:", ":0", "SOL:x", "S" + "a" * 25])
def test_an_unknown_id_names_nothing(unknown: str) -> None:
    assert keys.item_named(unknown) is None


def test_a_user_is_named_by_his_username() -> None:
    assert keys.item_named("ann.b-1") == keys.USER(username="ann.b-1")
    for other in ("Ann", "an", "a" * 33, "1ann", "ann#USER", "ann\n"):
        assert keys.item_named(other) is None


def test_a_pool_is_named_by_its_asset_and_its_shard() -> None:
    assert keys.item_named("SOL:0") == keys.POOL(asset_id="SOL", shard="0")


def test_the_sort_keys_of_the_users_indexes_have_their_parts_in_order() -> None:
    given = {"created_at": "2026-11-21T09:30:00.000000Z", "order_id": "O1"}
    assert keys.USER_ORDERS(asset_id="BTC", **given) == "BTC#2026-11-21T09:30:00.000000Z#O1"
    assert keys.USER_TIMELINE(**given) == "2026-11-21T09:30:00.000000Z#O1"
    with pytest.raises(keys.IllegalKeyPart):
        keys.USER_ORDERS(asset_id="BTC#x", **given)
