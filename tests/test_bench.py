"""What `make bench` does still runs. What it measures is its own to say: a test that times things would lie."""

from __future__ import annotations

import pytest

from bench import processes
from infra.contexts import contexts


def test_every_function_is_started_from_the_asset_that_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "RUNS", 1)
    started = {start.function for start in processes.starts()}
    apis = {f"{context.name}.{door}" for context in contexts() for door in context.routes}
    tasks = {f"{context.name}.tasks" for context in contexts() if context.tasks}
    schedules = {f"{context.name}.schedule" for context in contexts() if context.every_minutes}
    assert started == {*apis, *tasks, *schedules, "bare boto3 client"}


def test_a_warm_request_is_answered() -> None:
    assert set(processes.warm()) == {"transact_write_items", "POST /orders"}
