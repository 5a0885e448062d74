"""What is saved when, and that nothing listens but on this machine's own address."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from ministack import app
from ministack.core import persistence
from ministack.core.responses import request_scope
from ministack.services import dynamodb, lambda_svc, stepfunctions

from local import embedded_aws
from local.embedded_aws import Kept, at_once, changed, environment, keep_changes, keep_saving
from local.environment import LocalEnvironment
from local.journal import Journal
from local.processes import stop
from local.stack import AWS, LocalStack, Silent
from tests.depth import PROVED, deep
from tests.ports import free_ports


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


@pytest.mark.parametrize(
    ("target", "whose"),
    [
        ("AmazonSQS.SendMessage", "sqs"),
        ("AWSCognitoIdentityProviderService.AdminCreateUser", "cognito"),
        ("secretsmanager.PutSecretValue", "secretsmanager"),
        ("secretsmanager.GetSecretValue", None),
        ("AWSStepFunctions.StartExecution", None),  # the sweeper starts it again
        ("DynamoDB_20120810.PutItem", None),  # is in the journal
        ("", None),
    ],
)
def test_what_somebody_has_left_there_is_saved_before_its_answer(target: str, whose: str | None) -> None:
    assert at_once({b"x-amz-target": target.encode()}) == whose


@dataclass
class EmbeddedAws:
    """MiniStack's DynamoDB and what keeps it, in this process; gone with all that it knew when it begins again."""

    folder: Path
    patches: pytest.MonkeyPatch

    def begin(self) -> None:
        """As after `kill -9`: what there is now is on the disk."""
        self.end()
        persistence.STATE_DIR, persistence.PERSIST_STATE = str(self.folder), True
        self.journal = Journal(self.folder / "journal")
        keep_changes(self.journal)
        self.kept = Kept(self.answer, self.journal)
        for name, service in {"dynamodb": dynamodb, "stepfunctions": stepfunctions}.items():
            state = app.load_state(name)
            if state is not None:
                service.load_persisted_state(state)

    def end(self) -> None:
        self.patches.undo()
        dynamodb.reset()
        stepfunctions.reset()
        for module, names in REPLACED.items():
            for name in names:
                self.patches.setattr(module, name, getattr(module, name))
        if "journal" in vars(self):
            self.journal.close()

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        """Instead of the application, which asks for signatures."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        told = await dynamodb.handle_request("POST", "/", headers, (await receive())["body"], {})
        await send({"type": "http.response.start", "status": told[0]})
        await send({"type": "http.response.body", "body": told[2]})

    async def ask(self, operation: str, **asked: Any) -> dict[str, Any]:
        """Raises what leaves whoever asks without an answer."""
        target = (b"x-amz-target", f"DynamoDB_20120810.{operation}".encode())
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [target]}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"body": json.dumps(asked).encode()}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.kept(scope, receive, send)
        start, body = sent
        assert start["status"] == 200, body
        told: dict[str, Any] = json.loads(body["body"])
        return told

    def items(self) -> Any:
        return {key: plain(table["items"]) for key, table in dynamodb._tables._data.items()}

    def streamed(self, name: str) -> list[Any]:
        records = dynamodb._stream_records._data.get(("000000000000", "us-east-1", name), [])
        told = [(record["eventName"], record["dynamodb"]) for record in records]
        return [(event, told.get("OldImage"), told.get("NewImage")) for event, told in told]


REPLACED = {
    app: ("load_state",),
    dynamodb: ("_emit_stream_event", "get_state", "load_persisted_state"),
    lambda_svc: ("_restore_esm_positions",),
    stepfunctions: ("_emit_execution_status_event",),
    persistence: ("STATE_DIR", "PERSIST_STATE"),
}


def plain(found: Any) -> Any:
    return json.loads(json.dumps(found))


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[EmbeddedAws]:
    with pytest.MonkeyPatch.context() as patches:
        aws = EmbeddedAws(tmp_path, patches)
        aws.begin()
        yield aws
        aws.end()


TABLES = {"sorted": ("PK", "SK"), "plain": ("PK",)}


def table(name: str) -> dict[str, Any]:
    keys = TABLES[name]
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": [{"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"), strict=False)],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def request(chance: Random) -> tuple[str, dict[str, Any]]:
    """Any that writes."""
    named = chance.choice([*TABLES])

    def key() -> dict[str, Any]:
        return {name: {"S": chance.choice("ab")} for name in TABLES[named]}

    def item() -> dict[str, Any]:
        return {**key(), "cents": {"N": str(chance.randrange(99))}, "of": {"L": [{"S": "ö\n"}, {"B": "AQID"}]}}

    def update() -> dict[str, Any]:
        return {"Key": key(), "UpdateExpression": "ADD cents :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}

    in_table, one = {"TableName": named}, chance.randrange(5)
    if one == 0:
        return "PutItem", {**in_table, "Item": item()}
    if one == 1:
        return "UpdateItem", {**in_table, **update()}
    if one == 2:
        return "DeleteItem", {**in_table, "Key": key()}
    if one == 3:
        return "BatchWriteItem", {"RequestItems": {"sorted": [{"PutRequest": {"Item": {**item(), "SK": {"S": "c"}}}}]}}
    first, second = ({name: {"S": letter} for name in TABLES[named]} for letter in "ab")
    writes = [
        {"Put": {**in_table, "Item": {**item(), **first}}},
        chance.choice([{"Update": {**in_table, **update(), "Key": second}}, {"Delete": {**in_table, "Key": second}}]),
    ]
    return "TransactWriteItems", {"TransactItems": writes}


def test_a_killed_table_has_all_that_was_answered_wherever_it_was_saved(aws: EmbeddedAws) -> None:
    """And functions get the changes that they may not have had, in their order."""
    chance, saved = Random(4711), dict.fromkeys(TABLES, 0)  # so many changes of each are in the saved state

    def streamed() -> dict[str, list[Any]]:
        return {name: aws.streamed(name) for name in TABLES}

    def save() -> None:
        saved.update({name: len(changes) for name, changes in streamed().items()})

    async def write() -> None:
        operation, asked = request(chance)
        await aws.ask(operation, **asked)

    async def live() -> None:
        for name in TABLES:
            await aws.ask("CreateTable", **table(name))
        for _ in range(deep(everyday=60, full=600)):
            if chance.random() < 0.1:
                await aws.kept.save("table")
                save()
            if chance.random() < 0.1:
                before, changes = aws.items(), streamed()
                aws.begin()
                assert aws.items() == before
                assert streamed() == {name: of[saved[name] :] for name, of in changes.items()}
                await write()  # the first answer is after a save
                save()
            await write()

    asyncio.run(live())


def test_who_asks_is_not_answered_before_the_disk_has_it(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"TableName": "plain", "Item": {"PK": {"S": "a"}}}

    def full(_: int) -> None:
        raise OSError("no space left on device")

    async def asked() -> None:
        await aws.ask("CreateTable", **table("plain"))
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="no space"):
                await aws.ask("PutItem", **one)
            with pytest.raises(OSError, match="no space"):
                await aws.ask("GetItem", TableName="plain", Key=one["Item"])  # nor who reads what may get lost
        assert (await aws.ask("GetItem", TableName="plain", Key=one["Item"]))["Item"] == one["Item"]

    asyncio.run(asked())
    aws.begin()
    assert aws.items() == {("000000000000", "us-east-1", "plain"): {"a": {"__no_sort__": one["Item"]}}}


def test_a_message_is_in_the_saved_queue_when_its_sender_is_answered(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment of a dealer, for one."""
    monkeypatch.setattr(app, "_build_persistence_save_dict", lambda: {"sqs": lambda: {"messages": 1}})
    found: list[Any] = []

    async def queue(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(_: Any) -> None:
        found.append(persistence.load_state("sqs"))

    target = (b"x-amz-target", b"AmazonSQS.SendMessage")
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [target]}
    asyncio.run(Kept(queue, aws.journal)(scope, aws.answer, send))  # type: ignore[arg-type]
    assert found == [{"messages": 1}]


@pytest.mark.parametrize("saved", [None, "table", "rest"])
def test_an_execution_that_had_begun_has_failed_after_a_restart(aws: EmbeddedAws, saved: str | None) -> None:
    """Whatever was saved since: it is not as if there had been none."""
    names = {"executionArn": "arn:of:one", "stateMachineArn": "arn:of:a-machine", "name": "one"}
    running = {**names, "status": "RUNNING", "startDate": "2026-11-30T12:00:00Z", "events": []}

    async def asked() -> None:
        await aws.ask("CreateTable", **table("plain"))
        await aws.ask("PutItem", TableName="plain", Item={"PK": {"S": "a"}})
        with request_scope("000000000000", "us-east-1"):
            stepfunctions._executions["arn:of:one"] = running
            stepfunctions._emit_execution_status_event(running)
        await aws.ask("PutItem", TableName="plain", Item={"PK": {"S": "b"}})  # any answer
        if saved is not None:
            await aws.kept.save(saved)

    asyncio.run(asked())
    aws.begin()
    with request_scope("000000000000", "us-east-1"):
        assert stepfunctions._executions["arn:of:one"]["status"] == "FAILED"
    assert len(aws.items()["000000000000", "us-east-1", "plain"]) == 2


def test_a_save_that_fails_forgets_nothing(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    async def asked() -> None:
        await aws.ask("CreateTable", **table("plain"))
        await aws.ask("PutItem", TableName="plain", Item={"PK": {"S": "a"}})
        with monkeypatch.context() as disk:
            disk.setattr(json, "dump", full)
            with pytest.raises(OSError, match="no space"):
                await aws.kept.save("table")

    asyncio.run(asked())
    before = aws.items()
    aws.begin()
    assert aws.items() == before != {}


def test_a_table_whose_saved_state_can_not_be_read_is_not_begun_anew(aws: EmbeddedAws) -> None:
    asyncio.run(aws.ask("CreateTable", **table("plain")))
    path = aws.folder / "dynamodb.json"
    whole = path.read_text()
    for found in (whole[:-20], None):
        if found is None:
            asyncio.run(aws.ask("PutItem", TableName="plain", Item={"PK": {"S": "a"}}))
            path.unlink()
        else:
            path.write_text(found)
        with pytest.raises(SystemExit, match=r"dynamodb.json can not be read.*make up"):
            aws.begin()
        path.write_text(whole)
        aws.begin()
    assert aws.items() == {("000000000000", "us-east-1", "plain"): {"a": {"__no_sort__": {"PK": {"S": "a"}}}}}


def test_a_table_that_lacks_changes_is_not_begun(aws: EmbeddedAws) -> None:
    async def asked() -> None:
        await aws.ask("CreateTable", **table("plain"))
        await aws.ask("PutItem", TableName="plain", Item={"PK": {"S": "a"}})
        await aws.kept.save("table")
        await aws.ask("PutItem", TableName="plain", Item={"PK": {"S": "b"}})

    asyncio.run(asked())
    path = aws.folder / "dynamodb.json"
    path.write_text(path.read_text().replace('"journal": 1', '"journal": 0'))
    with pytest.raises(SystemExit, match=r"the table can not be read. JournalBroken: .*change 1 is nowhere"):
        aws.begin()


def test_what_can_not_be_copied_now_is_saved_with_the_next(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment changes it in a thread. A saver that ended there would lose all that comes later at a power cut."""
    looks = iter([RuntimeError("dictionary changed size during iteration"), {"stacks": 2}])

    def state() -> Any:
        look = next(looks)
        if isinstance(look, Exception):
            raise look
        return look

    states = {"cloudformation": state, "iam": lambda: {"roles": 1}, "lambda": lambda: None}
    monkeypatch.setattr(app, "_build_persistence_save_dict", lambda: states)
    monkeypatch.setitem(embedded_aws.SAVE_SECONDS, "rest", 0.0)
    aws.kept.changed.add("rest")

    async def until_saved() -> None:
        saving = asyncio.create_task(keep_saving(aws.kept, "rest"))
        while not (aws.folder / "cloudformation.json").exists() and not saving.done():
            await asyncio.sleep(0)
        saving.cancel()

    asyncio.run(asyncio.wait_for(until_saved(), timeout=30))
    assert persistence.load_state("cloudformation") == {"stacks": 2}
    assert persistence.load_state("iam") == {"roles": 1}
    assert not (aws.folder / "lambda.json").exists()


@pytest.mark.usefixtures("aws")  # puts back what is replaced
def test_what_no_function_has_taken_of_a_stream_outlives_a_restart() -> None:
    """And the function begins with it, wherever it was in the stream that is gone."""
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


@PROVED
def test_a_process_killed_under_load_has_each_write_that_it_answered(tmp_path: Path) -> None:
    local, acknowledged, enough = LocalStack(LocalEnvironment(tmp_path, *free_ports(8))), set[str](), Event()
    desk = local.environment.client("dynamodb")

    def write(writer: int) -> None:
        for number in itertools.count():
            key = f"{writer}-{number}"
            try:
                desk.put_item(TableName="plain", Item={"PK": {"S": key}, "text": {"S": "x" * 1500}})
            except (BotoCoreError, ClientError):
                return
            acknowledged.add(key)
            if len(acknowledged) >= 200:
                enough.set()

    try:
        local._start(Silent(), AWS)
        desk.create_table(**table("plain"))
        with ThreadPoolExecutor(8) as writers:
            writing = [writers.submit(write, writer) for writer in range(8)]
            assert enough.wait(120)
            process = local.running()[AWS]
            os.kill(process.pid, signal.SIGKILL)
            stop(process)  # waits for its end
            for one in writing:
                one.result()
        local._start(Silent(), AWS)
        pages = desk.get_paginator("scan").paginate(TableName="plain", ProjectionExpression="PK")
        there = {item["PK"]["S"] for page in pages for item in page["Items"]}
    finally:
        local.down(Silent())
    assert acknowledged - there == set()
