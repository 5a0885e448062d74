"""Transactions of the custody as bytes, and computed ids: byte for byte what Mixin's own libraries publish."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.gateways.custody.encoding import (
    Input,
    KernelTransaction,
    NotATransaction,
    Payment,
    Withdrawal,
    decode,
    encode,
    fee_request_id,
    ghost_hint,
    kernel_asset_id,
    members_hash,
    parts,
    transaction_hash,
)
from common.money import EXACT

ASSET = "965e5c6e-434c-3fa9-b780-c50f43cd955c"
KERNEL_ASSET = "b9f49cf777dc4d03bc54cd1367eebca319f8603ea1ce18910d09e2c540c630d8"
USER = "67a87828-18f5-46a1-b6cc-c72a97a77c43"
REQUEST = "b0177350-ae29-43ec-a26e-d46f821e416e"

# bot-api-nodejs-client, test/mixin/safe.test.ts
PAYMENT = Payment(
    amount=Decimal(1),
    keys=("a6c306c3137c2bf4a8bfc95ea5165f7777020916aa36ee6ec394beb9a1e6a164",),
    mask="286d4f092015ea327ba12145edd40ddede1bdd80f777c249128d38176e352a13",
)
TRANSACTION = KernelTransaction(
    asset=KERNEL_ASSET,
    inputs=(Input("c513ffcc684e9585c76bd76245aa7d2def3b9f147422b59ab91db7852c9d97dd", 0),),
    outputs=(PAYMENT,),
    extra=b"test-memo",
)
RAW = (
    "77770005b9f49cf777dc4d03bc54cd1367eebca319f8603ea1ce18910d09e2c540c630d80001c513ffcc684e9585c76bd76245aa7d2def3b9f14"
    "7422b59ab91db7852c9d97dd000000000000000000010000000405f5e1000001a6c306c3137c2bf4a8bfc95ea5165f7777020916aa36ee6ec394"
    "beb9a1e6a164286d4f092015ea327ba12145edd40ddede1bdd80f777c249128d38176e352a130003fffe010000000000000009746573742d6d65"
    "6d6f0000"
)
HASH = "efef5e4ffda5246694696956685ec62e2b3e81ac4c37f1957c99327fedffa213"
WITHDRAWAL = Withdrawal(Decimal("0.00000001"), "rExample", "90210")


# What is published


def test_a_transaction_is_the_published_bytes_and_has_their_hash() -> None:
    assert encode(TRANSACTION).hex() == RAW
    assert transaction_hash(TRANSACTION) == HASH
    assert decode(bytes.fromhex(RAW)) == (TRANSACTION, ())


@pytest.mark.parametrize(
    ("asset_id", "kernels"),
    [
        (ASSET, KERNEL_ASSET),
        ("c6d0c728-2624-429b-8e0d-d9d19b6592fa", "fe6b7788944d328778f98e3e81588215b5a07de4f9a4a7de4db4535b404e65db"),
    ],
)
def test_an_asset_has_the_published_id_in_the_kernel(asset_id: str, kernels: str) -> None:
    assert kernel_asset_id(asset_id) == kernels


def test_members_have_the_published_hash_in_any_order() -> None:
    assert members_hash([USER]) == "a3212c12b0088140621b1ccc4cbfb439b65f204be849727e1a1416d5a515b45c"
    assert members_hash([USER, REQUEST]) == members_hash([REQUEST, USER]) != members_hash([USER])


def test_a_fee_has_the_published_request_id() -> None:
    assert fee_request_id(REQUEST) == "d5d78e4b-f1a9-3eb3-8aa9-c793d1340fb1"


@pytest.mark.parametrize(
    ("index", "hint"), [(0, "1069fbba-f63e-3029-81ea-4e316180f9b0"), (1, "8ee64afb-1ad7-34f0-befe-8ed91450c187")]
)
def test_one_time_keys_are_asked_for_with_the_published_hint(index: int, hint: str) -> None:
    assert ghost_hint(REQUEST, index) == hint


@pytest.mark.parametrize("text", ["", "x", USER.upper(), USER.replace("-", ""), f"{{{USER}}}", f"{USER} "])
def test_an_id_that_is_written_in_another_way_has_no_hash(text: str) -> None:
    for computed in (kernel_asset_id, fee_request_id, lambda one: members_hash([one])):
        with pytest.raises(ValueError, match="UUID"):
            computed(text)
    with pytest.raises(ValueError, match="UUID"):
        ghost_hint(text, 0)


# What is not


def test_a_withdrawal_names_its_address_and_tag_in_its_output() -> None:
    raw = encode(replace(TRANSACTION, outputs=(WITHDRAWAL,))).hex()
    assert f"000100a1000101{'0000' + '00' * 32}00007777{'0008' + b'rExample'.hex()}{'0005' + b'90210'.hex()}0000" in raw


def test_a_signed_transaction_has_the_hash_of_the_unsigned_one() -> None:
    signature = bytes(range(64))
    raw = encode(TRANSACTION, [signature])
    assert raw.hex() == RAW.removesuffix("0000") + "000100010000" + signature.hex()
    signed, signatures = decode(raw)
    assert signatures == (signature,)
    assert transaction_hash(signed) == HASH


hex32 = st.binary(min_size=32, max_size=32).map(bytes.hex)
amounts = st.integers(1, 10**38 - 1).map(lambda n: EXACT.scaleb(Decimal(n), -8))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
payments = st.builds(Payment, amounts, st.lists(hex32, min_size=1, max_size=3).map(tuple), hex32)
withdrawals = st.builds(Withdrawal, amounts, texts.filter(bool), texts)
transactions = st.builds(
    KernelTransaction,
    asset=hex32,
    inputs=st.lists(st.builds(Input, hex32, st.integers(0, 1024)), min_size=1, max_size=4, unique=True).map(tuple),
    outputs=st.lists(payments | withdrawals, min_size=1, max_size=4).map(tuple),
    references=st.lists(hex32, max_size=2).map(tuple),
    extra=st.binary(max_size=256),
)


@settings(max_examples=100)
@given(transactions, st.booleans())
def test_every_transaction_is_read_as_it_was_written(transaction: KernelTransaction, signed: bool) -> None:
    signatures = tuple(bytes([n]) * 64 for n in range(len(transaction.inputs))) if signed else ()
    assert decode(encode(transaction, signatures)) == (transaction, signatures)


@settings(max_examples=200)
@given(st.data())
def test_changed_bytes_are_another_transaction_or_none(data: st.DataObject) -> None:
    whole = encode(replace(TRANSACTION, outputs=(PAYMENT, WITHDRAWAL), references=(HASH,)), [bytes(64)])
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    for raw in (changed, whole[:at], whole + changed[at:]):
        try:
            transaction, signatures = decode(raw)
        except NotATransaction:
            continue
        assert encode(transaction, signatures) == raw


@pytest.mark.parametrize(
    ("amount", "counted"),
    [("1", 10**8), ("0.00000001", 1), ("1.50", 150_000_000), ("1E+3", 10**11), ("9" * 30, (10**30 - 1) * 10**8)],
)
def test_an_amount_is_counted_in_hundred_millionths(amount: str, counted: int) -> None:
    assert parts(Decimal(amount)) == counted


@pytest.mark.parametrize(
    "amount", ["0", "-1", "0.000000001", "1.000000001", "NaN", "Infinity", "1E+30", "1E+999999", "1E-999999"]
)
def test_an_amount_that_would_need_rounding_or_is_none_is_refused(amount: str) -> None:
    for output in (replace(PAYMENT, amount=Decimal(amount)), replace(WITHDRAWAL, amount=Decimal(amount))):
        with pytest.raises(ValueError, match=r"no amount|not above zero"):
            encode(replace(TRANSACTION, outputs=(output,)))


INPUT = TRANSACTION.inputs[0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"inputs": ()}, "1 to 256 inputs"),
        ({"inputs": tuple(Input(HASH, n) for n in range(257))}, "1 to 256 inputs"),
        ({"inputs": (INPUT, INPUT)}, "spends an output twice"),
        ({"inputs": (Input(HASH, -1),)}, "index of 0 to 1024"),
        ({"inputs": (Input(HASH, 1025),)}, "index of 0 to 1024"),
        ({"inputs": (Input(HASH.upper(), 0),)}, "64 hex digits"),
        ({"inputs": (Input(HASH[:-2], 0),)}, "64 hex digits"),
        ({"outputs": ()}, "1 to 256 outputs"),
        ({"outputs": (PAYMENT,) * 257}, "1 to 256 outputs"),
        ({"outputs": (replace(PAYMENT, keys=()),)}, "can not sign"),
        ({"outputs": (replace(PAYMENT, threshold=2),)}, "can not sign"),
        ({"outputs": (replace(PAYMENT, threshold=0),)}, "can not sign"),
        ({"outputs": (replace(PAYMENT, mask=""),)}, "64 hex digits"),
        ({"outputs": (replace(WITHDRAWAL, destination=""),)}, "no destination"),
        ({"outputs": (replace(WITHDRAWAL, tag="x" * 0x10000),)}, "two bytes"),
        ({"references": (HASH,) * 17}, "0 to 16 references"),
        ({"extra": bytes(257)}, "0 to 256 bytes of extra"),
        ({"asset": "zz"}, "hex"),
    ],
)
def test_what_the_kernel_would_not_take_is_not_written(changed: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        encode(replace(TRANSACTION, **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("signatures", [[bytes(63)], [bytes(64)] * 2])
def test_there_is_one_signature_for_each_input(signatures: list[bytes]) -> None:
    with pytest.raises(ValueError, match="one signature of 64 bytes"):
        encode(TRANSACTION, signatures)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("77770005", "77770004"),  # another version
        ("000405f5e100", "00050005f5e100"),  # an amount with a zero before it
        ("000405f5e100", "0000"),  # an amount of nothing
        ("000405f5e100", "0011" + "ff" * 17),  # a larger amount than there are
        ("fffe01", "fffe00"),
        ("fffe01", "fffd01"),
        ("0003fffe01", "0000"),
        ("dd0000000000000000", "dd0000000077770000"),  # an input that is a deposit
        ("6d6f0000", "6d6f0000ff"),
    ],
)
def test_bytes_in_another_form_are_not_read(written: str, instead: str) -> None:
    assert RAW.count(written) == 1
    with pytest.raises(NotATransaction):
        decode(bytes.fromhex(RAW.replace(written, instead)))
