"""Somebody on call for the desk of each test."""

from __future__ import annotations

import io
from collections import Counter

import pytest

from common.log import log
from tests.console.test_stuck import Ask, ask
from tests.desk import Desk
from tests.runbooks.on_call import OnCall

__all__ = ["ask"]


@pytest.fixture
def on_call(desk: Desk, ask: Ask, counted: Counter[str], lines: io.BytesIO, monkeypatch: pytest.MonkeyPatch) -> OnCall:
    log.setLevel("WARNING")  # as in production
    return OnCall(desk, ask, counted, lines, monkeypatch)
