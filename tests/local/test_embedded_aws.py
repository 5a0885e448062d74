"""What is saved when, and that nothing listens but on this machine's own address."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local import embedded_aws
from local.embedded_aws import Changed, changed, environment


@pytest.mark.parametrize(
    ("method", "path", "target", "what"),
    [
        ("POST", "/", "DynamoDB_20120810.TransactWriteItems", {"table"}),
        ("POST", "/", "DynamoDB_20120810.PutItem", {"table"}),
        ("POST", "/", "DynamoDB_20120810.GetItem", set()),
        ("POST", "/", "DynamoDB_20120810.Query", set()),
        ("POST", "/", "secretsmanager.GetSecretValue", set()),
        ("POST", "/", "AWSCognitoIdentityProviderService.AdminCreateUser", {"rest"}),
        ("POST", "/", "", {"rest"}),  # CloudFormation, IAM: what they do stands in the body
        ("PUT", "/bucket/key", "", {"rest"}),
        ("GET", "/bucket/key", "", set()),
        ("OPTIONS", "/_aws/execute-api/0123/orders", "", set()),
        ("POST", "/_aws/execute-api/0123/orders", "", set()),  # the function's own requests count
        ("POST", "/2015-03-31/functions/tend/invocations", "", set()),
    ],
)
def test_a_save_is_of_what_a_request_may_have_changed(method: str, path: str, target: str, what: set[str]) -> None:
    assert changed(method, path, {b"x-amz-target": target.encode()} if target else {}) == what


def test_the_embedded_aws_listens_on_this_machine_only_and_enforces_iam(tmp_path: Path) -> None:
    told = environment(4566, tmp_path)
    assert told["BIND_HOST"] == "127.0.0.1"
    assert (told["IOT_MTLS_ENABLED"], told["SFTP_ENABLED"]) == ("0", "0")
    assert told["AUTH"] == "true"
    for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        assert Path(told[name]).is_relative_to(tmp_path)


def test_what_can_not_be_copied_now_is_saved_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment changes it in a thread. A saver that ended there would lose all that comes later at a power cut."""
    looks, saved = iter([RuntimeError("dictionary changed size during iteration"), {"stacks": 2}]), []

    def state() -> Any:
        look = next(looks)
        if isinstance(look, Exception):
            raise look
        return look

    parts: dict[str, Callable[[], Any]] = {"cloudformation": state, "iam": lambda: {"roles": 1}}
    _instead_of_ministack(monkeypatch, parts, lambda name, told: saved.append((name, told)))
    monkeypatch.setattr(embedded_aws, "SAVE_SECONDS", 0.0)
    changes = Changed(lambda *_: None)  # type: ignore[arg-type]
    changes.parts.add("rest")

    async def until_saved() -> None:
        saving = asyncio.create_task(embedded_aws._keep_saving(changes, "rest"))
        while ("cloudformation", {"stacks": 2}) not in saved and not saving.done():
            await asyncio.sleep(0)
        saving.cancel()

    asyncio.run(asyncio.wait_for(until_saved(), timeout=30))
    assert saved == [("iam", {"roles": 1}), ("cloudformation", {"stacks": 2}), ("iam", {"roles": 1})][: len(saved)]
    assert ("cloudformation", {"stacks": 2}) in saved


def _instead_of_ministack(
    monkeypatch: pytest.MonkeyPatch, parts: dict[str, Callable[[], Any]], save: Callable[[str, Any], None]
) -> None:
    ministack, app, core, persistence = map(
        ModuleType, ("ministack", "ministack.app", "ministack.core", "ministack.core.persistence")
    )
    vars(app)["_build_persistence_save_dict"] = lambda: parts
    vars(persistence)["save_state"] = save
    vars(ministack)["app"] = app
    for module in (ministack, app, core, persistence):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_what_no_function_has_taken_of_a_stream_outlives_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the function begins with it, wherever it was in the stream that is gone."""
    from ministack.services import dynamodb, lambda_svc

    for module, name in (
        (dynamodb, "get_state"),
        (dynamodb, "load_persisted_state"),
        (lambda_svc, "_restore_esm_positions"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    embedded_aws.keep_streams()
    records, places, table = dynamodb._stream_records, lambda_svc._dynamodb_stream_positions, ("1", "here", "desk")
    try:
        records.set_scoped(*table, [{"change": n} for n in range(5)])
        places.set_scoped("1", "here", "mapping", 3)
        saved = dynamodb.get_state()["streams"]
        records.clear()
        places.clear()
        dynamodb.load_persisted_state({"streams": saved})
        lambda_svc._restore_esm_positions(places, {("1", "here", "mapping"): 3})
        assert records.get_scoped(*table) == [{"change": 3}, {"change": 4}]
        assert not places._data
    finally:
        records.clear()
        places.clear()
