"""The login signature, against what other implementations make of the same key and text."""

from __future__ import annotations

import pytest

from common.gateways.campaigns.signing import LoginKey, signer

# By eth-account 0.14.0, which makes the same.
KEY = "11" * 32
ADDRESS = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"
TEXT = '{"nonce":"signup"}'
SIGNATURE = (
    "0xcf4047ad6ffacf6727673b5ad73f5fd980cbe205b916a150408c5750536fb72f"
    "3f9eb08452421567b01301c487834d7572163ca9c4160e1cf1e15a1ec4c109f01c"
)
# Ethereum's own documents' first address: that of the private key 1.
ONE = ("0x" + "0" * 63 + "1", "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf")


def test_a_login_is_signed_as_others_sign_it() -> None:
    key = LoginKey(KEY)
    assert (key.address, key.sign(TEXT)) == (ADDRESS, SIGNATURE)
    assert LoginKey(ONE[0]).address == ONE[1]


def test_who_has_signed_is_known_from_the_signature() -> None:
    assert signer(TEXT, SIGNATURE) == ADDRESS
    assert signer('{"nonce":"other"}', SIGNATURE) != ADDRESS


def test_a_text_is_signed_by_its_length_in_bytes() -> None:
    key = LoginKey(KEY)
    assert signer("ключ", key.sign("ключ")) == ADDRESS


@pytest.mark.parametrize("wrong", ["", "11" * 31, "0x" + "zz" * 32, "00" * 32, "ff" * 32])
def test_a_key_that_can_not_be_one_is_refused_and_not_shown(wrong: str) -> None:
    with pytest.raises(ValueError, match="a login key is") as refused:
        LoginKey(wrong)
    assert not wrong or wrong not in str(refused.value)


@pytest.mark.parametrize("wrong", ["", "0x", SIGNATURE[:-2] + "1d", SIGNATURE.upper(), "0x" + "ff" * 64 + "1b"])
def test_what_is_no_signature_is_nobodys(wrong: str) -> None:
    with pytest.raises(ValueError, match="sign"):
        signer(TEXT, wrong)
