"""Keys of data, wrapped by KMS: the small one in memory, and moto's."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from common.data_keys import DataKey, DataKeys, DataKeysUnavailable, Tampered
from tests.harness.kms import KEY_ID, InMemoryKms


@pytest.fixture(params=["in memory", "moto"])
def data_keys(request: pytest.FixtureRequest) -> Iterator[DataKeys]:
    if request.param == "in memory":
        yield DataKeys(InMemoryKms(), KEY_ID)
        return
    with mock_aws():
        client = boto3.client("kms", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
        yield DataKeys(client, client.create_key()["KeyMetadata"]["Arn"])


def test_what_is_sealed_opens_with_the_key_unwrapped_and_only_then(data_keys: DataKeys) -> None:
    key = data_keys.new("dealer")
    sealed = key.seal("ИНН 7707083893".encode(), "version 1")
    assert data_keys.unwrapped("dealer", key.wrapped).open(sealed, "version 1") == "ИНН 7707083893".encode()
    with pytest.raises(Tampered):
        data_keys.new("dealer").open(sealed, "version 1")


def test_a_wrapped_key_is_of_its_owner_alone(data_keys: DataKeys) -> None:
    with pytest.raises(Tampered):
        data_keys.unwrapped("another", data_keys.new("dealer").wrapped)


def test_a_wrapped_key_that_was_changed_is_none(data_keys: DataKeys) -> None:
    blob = bytearray(base64.b64decode(data_keys.new("dealer").wrapped))
    blob[-1] ^= 1
    with pytest.raises(Tampered):
        data_keys.unwrapped("dealer", base64.b64encode(blob).decode())


@pytest.fixture
def key() -> DataKey:
    return DataKeys(InMemoryKms(), KEY_ID).new("dealer")


def test_what_is_sealed_about_one_thing_is_not_about_another(key: DataKey) -> None:
    with pytest.raises(Tampered):
        key.open(key.seal(b"plain", "version 1"), "version 2")


def test_no_byte_of_what_is_sealed_may_change(key: DataKey) -> None:
    sealed = base64.b64decode(key.seal(b"plain", "version 1"))
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Tampered):
            key.open(base64.b64encode(changed).decode(), "version 1")


@pytest.mark.parametrize("sealed", ["", "AAAA", "not base64", "A", "ИНН"])
def test_what_was_never_sealed_does_not_open(key: DataKey, sealed: str) -> None:
    with pytest.raises(Tampered):
        key.open(sealed, "version 1")


def test_the_same_is_never_sealed_the_same(key: DataKey) -> None:
    assert len({key.seal(b"plain", "version 1") for _ in range(100)}) == 100


def test_the_same_may_be_sealed_alike_and_nothing_else_is(key: DataKey) -> None:
    told = [(b"plain", "of ann"), (b"plain", "of an"), (b"nplain", "of an"), (b"", "of ann"), (b"plain", "of bob")]
    sealed = [key.seal_alike(*each) for each in told]
    assert [key.open(each, about) for each, (_, about) in zip(sealed, told, strict=True)] == [p for p, _ in told]
    assert sealed == [key.seal_alike(*each) for each in told]
    nonces = {base64.b64decode(each)[:24] for each in sealed}
    assert len(nonces) == len(told)
    other = DataKeys(InMemoryKms(), KEY_ID).new("dealer")
    assert base64.b64decode(other.seal_alike(*told[0]))[:24] not in nonces


def test_a_key_is_not_shown(key: DataKey) -> None:
    assert "DataKey object" in repr(key)


def test_kms_that_is_down_may_be_asked_again() -> None:
    kms = InMemoryKms()
    data_keys = DataKeys(kms, KEY_ID)
    wrapped = data_keys.new("dealer").wrapped
    kms.down = True
    with pytest.raises(DataKeysUnavailable):
        data_keys.new("dealer")
    with pytest.raises(DataKeysUnavailable):
        data_keys.unwrapped("dealer", wrapped)


def test_kms_that_is_not_reached_may_be_asked_again() -> None:
    class Nowhere:
        def generate_data_key(self, **_: object) -> object:
            raise EndpointConnectionError(endpoint_url="https://kms.test")

    with pytest.raises(DataKeysUnavailable):
        DataKeys(Nowhere(), KEY_ID).new("dealer")  # type: ignore[arg-type]
