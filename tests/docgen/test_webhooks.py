"""What integrators read of webhooks is what they are sent, and its code verifies it."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from docgen.webhooks import MEANINGS, PAGE, webhooks
from functions.notifications import model, signing
from functions.notifications.model import Change, Endpoint, system
from infra.bundle import ROOT
from infra.contexts import contexts
from tests.depth import deep

TEXT = (ROOT / PAGE).read_text()
SECRETS = [signing.secret(b"master", "endpoint-1", "", number) for number in (2, 1)]
BODY = json.dumps({"type": "order.completed"})


def verified(secret: str, sent_at: datetime, body: str = BODY) -> bool:
    """By the page's own code, now."""
    page: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.+?)```", TEXT, re.DOTALL)[0], page)
    headers = {name.lower(): value for name, value in signing.headers(SECRETS, "G1", sent_at, BODY).items()}
    found: bool = page["verified"](secret, headers, body.encode())
    return found


def test_the_code_of_the_page_verifies_what_is_sent_and_nothing_else() -> None:
    now = datetime.fromtimestamp(time.time(), UTC)
    assert all(verified(secret, now) for secret in SECRETS)
    assert not verified(signing.secret(b"master", "endpoint-1", "", 3), now)
    assert not verified(SECRETS[0], now, BODY + " ")
    assert not verified(SECRETS[0], now - timedelta(minutes=6))


def test_each_type_that_there_is_is_told_in_words_and_no_other() -> None:
    assert set(MEANINGS) == {*model.EVENT_TYPES, *model.SYSTEM_EVENT_TYPES, model.TEST_TYPE}
    routes = {f"{route.method} {route.path}" for each in contexts() for told in each.routes.values() for route in told}
    assert {route for _, route in MEANINGS.values()} <= routes


@pytest.mark.parametrize("type_", [*MEANINGS][:: deep(everyday=4, full=1)])
def test_what_is_sent_is_what_the_document_says(type_: str) -> None:
    schema = webhooks()[type_]["post"]["requestBody"]["content"]["application/json"]["schema"]
    at, owner = datetime(2026, 11, 21, tzinfo=UTC), system("cme")
    endpoint = Endpoint("endpoint-1", owner, "https://hooks.example.com", (type_,), at)
    if type_ == model.TEST_TYPE:
        made = model.test_message(endpoint, at)
    else:
        entity, _, status = type_.partition(".")
        made = model.delivery(endpoint, Change(owner, entity, "O1", status.upper(), at), at)
    OAS31Validator(schema).validate(json.loads(made.body))


def test_the_page_tells_the_numbers_that_hold() -> None:
    pauses = [each / timedelta(minutes=1) for each in model.PAUSES]
    assert pauses == [1, 5, 30, *(60 * hours for hours in (2, 5, 10, 14, 20, 24))]
    said = " ".join(TEXT.split())
    assert "after 1, 5 and 30 minutes, then after 2, 5, 10, 14, 20 and 24 hours" in said
    assert (model.ATTEMPTS_MAX, model.KEPT_FOR, model.BOTH_SIGN_FOR) == (10, timedelta(days=30), timedelta(days=1))
