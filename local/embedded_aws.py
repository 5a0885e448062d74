"""The embedded AWS as a process of our own: MiniStack on 127.0.0.1 only, with IAM enforced and its state kept.

    python -m local.embedded_aws --port 4566 --state FOLDER

MiniStack saves its state at a clean stop. Here nobody is answered before what he may have changed in a table is in a
journal on the disk, which is read when a killed process, or a machine that lost its power, starts again. The table is
saved whole now and then, and what the journal has of it is forgotten. Messages, users and secrets are saved before
their answer; all the rest every few seconds, after a request that is not a mere look.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from local.journal import ANEW, Journal, synced

SAVE_SECONDS = {"table": 20.0, "rest": 1.0}  # at least between two saves of the same part
SHARE = 5  # … and so many times as long as the last one took
SAVE = "/_local/save"  # where everything is saved before the answer
LAST = "journal"  # in the state of the table: the number of the last change that it has
_TABLE = "dynamodb"  # MiniStack's name for the state of DynamoDB
_MACHINES = "stepfunctions"
_BEGUN = "BEGUN"  # in the journal, in the place of what became of an item: an execution
_AT_ONCE = {  # small, and what somebody else has left there: by the service's name in a request
    "AmazonSQS": "sqs",
    "AWSCognitoIdentityProviderService": "cognito",
    "secretsmanager": "secretsmanager",
}
_LOOKS = ("Get", "BatchGet", "List", "Describe", "Query", "Scan", "Head", "TransactGet")

log = logging.getLogger(__name__)

Item = dict[str, Any] | None
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def environment(port: int, state: Path) -> dict[str, str]:
    """How MiniStack is told; it reads these when it is imported. See docs/embedded-aws.md for the reasons."""
    temporary = state / "tmp"
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(temporary),
        "IOT_MTLS_ENABLED": "0",  # these two would listen on every interface
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///docker-is-not-used",
        "MINISTACK_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "LOG_LEVEL": "WARNING",
        "LAMBDA_WARM_TTL_SECONDS": "3600",
    }


class Kept:
    """A wrapper around the application: what anybody is told there outlives a crash."""

    def __init__(self, app: App, journal: Journal) -> None:
        self._app, self._journal = app, journal
        self._saving: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by the service
        self._tables: set[object] = set()  # that are in the state that was saved last
        self.changed: set[str] = set()  # parts of the state that a save would find changed

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, path, headers = scope["method"], scope["path"], dict(scope["headers"])
        if (method, path) == ("POST", SAVE):
            for part in SAVE_SECONDS:
                await self.save(part)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
            return

        async def keep_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._keep(at_once(headers))
            await send(message)

        try:
            await self._app(scope, receive, keep_and_send)
        finally:
            self.changed |= changed(method, path, headers)

    async def save(self, part: str) -> None:
        """Raises OSError, when the disk does not take it."""
        self.changed.discard(part)
        for name in (_TABLE,) if part == "table" else _services() - {_TABLE}:
            try:
                await self._save(name)
            except RuntimeError:  # a deployment changes it in a thread of its own
                log.warning("the state of %s is saved with the next", name, exc_info=True)
                self.changed.add(part)

    async def _keep(self, service: str | None) -> None:
        """Before an answer. What raises here leaves whoever asked without one: nobody is told what may get lost."""
        if not self._tables.issuperset(_tables()):  # how a table is made is in no journal
            await self._save(_TABLE)
        await self._journal.keep()
        if service is not None:
            await self._save(service)

    async def _save(self, name: str) -> None:
        async with self._saving[name]:
            if name == _TABLE:
                await self._save_table()
            elif (state := _state(name)) is not None:
                await asyncio.to_thread(save, name, state)

    async def _save_table(self) -> None:
        """And what executions there are, which the journal has told as well."""
        finished = await self._journal.turn()  # what is in them will be in the states
        async with self._saving[_MACHINES]:
            tables, states = set(_tables()), {name: _state(name) for name in (_MACHINES, _TABLE) if name in _services()}
            for name, state in states.items():  # copied together, on the loop: between two requests
                await asyncio.to_thread(save, name, state)
        self._tables = tables
        self._journal.forget(finished)


# MiniStack is imported after its settings have been made.


def _services() -> set[str]:
    """Whose states there are by now."""
    from ministack import app

    return set(app._build_persistence_save_dict())


def _state(name: str) -> Any:
    """Of a service, copied. Raises RuntimeError, when it changes meanwhile."""
    from ministack import app

    return app._build_persistence_save_dict()[name]()


def _tables() -> Iterable[object]:
    from ministack.services import dynamodb

    return list(dynamodb._tables._data)


def save(name: str, state: Any) -> None:
    """As MiniStack saves a state and reads it; but raise what goes wrong, and wait for the disk where it counts."""
    from ministack.core import persistence

    path = _path(name)
    beside = path.with_suffix(".new")
    whole = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
    with beside.open("w") as file:
        json.dump(whole, file, default=persistence._json_default)
    counts = name in (_TABLE, _MACHINES, *_AT_ONCE.values())
    if counts:
        synced(beside)
    beside.replace(path)
    if counts:
        synced(path.parent)


def _path(name: str) -> Path:
    from ministack.core import persistence

    return Path(persistence.STATE_DIR) / f"{name}.json"


def changed(method: str, path: str, headers: dict[bytes, bytes]) -> set[str]:
    """What a request may have changed. A function's own requests come here like any other, each for itself."""
    if method in {"GET", "HEAD", "OPTIONS"} or path.startswith("/_aws/execute-api/") or path.endswith("/invocations"):
        return set()
    service, operation = _target(headers)
    if operation.startswith(_LOOKS):
        return set()
    return {"table"} if service.startswith("DynamoDB_") else {"rest"}


def at_once(headers: dict[bytes, bytes]) -> str | None:
    """Whose state is saved before this request is answered, besides what is in the journal."""
    service, operation = _target(headers)
    return None if operation.startswith(_LOOKS) else _AT_ONCE.get(service)


def _target(headers: dict[bytes, bytes]) -> tuple[str, str]:
    service, _, operation = headers.get(b"x-amz-target", b"").decode("latin-1").rpartition(".")
    return service, operation


async def keep_saving(kept: Kept, part: str) -> None:
    pause = SAVE_SECONDS[part]
    while True:
        await asyncio.sleep(pause)
        if part not in kept.changed:
            continue
        began = time.monotonic()
        try:
            await kept.save(part)
        except OSError:
            log.exception("not saved; tried again")
            kept.changed.add(part)
        pause = max(SAVE_SECONDS[part], SHARE * (time.monotonic() - began))


def keep_changes(journal: Journal) -> None:
    """Whatever MiniStack changes in a table it tells the table's stream, be there one or not: it is noted there. What
    was kept of it and is not in the state that was saved last is done again as soon as that is loaded, and streamed
    again: a function that has had it already is given it twice, as on AWS. Without the saved state it is no table, and
    MiniStack would begin an empty one. That an execution has begun is noted, too: after a restart it has FAILED, as all
    that ran have, and whoever looks for such ones (the sweeper) finds it."""
    from ministack import app
    from ministack.core import persistence
    from ministack.core.responses import get_account_id, get_region, request_scope
    from ministack.services import dynamodb, stepfunctions

    emit, get_state, load = dynamodb._emit_stream_event, dynamodb.get_state, dynamodb.load_persisted_state
    tell = stepfunctions._emit_execution_status_event

    def emit_and_note(table: str, event: str, old: Item, new: Item, replicate: bool = True) -> None:
        emit(table, event, old, new, replicate)
        journal.note([get_account_id(), get_region(), table, event, old, new])

    def tell_and_note(execution: dict[str, Any]) -> None:
        if execution["status"] == "RUNNING":
            begun = {**execution, "events": list(execution["events"])}
            journal.note([get_account_id(), get_region(), execution["executionArn"], _BEGUN, None, begun])
        tell(execution)

    def with_last() -> dict[str, Any]:
        return {**get_state(), LAST: journal.last}

    def load_or_end(name: str) -> Any:
        found = persistence.load_state(name)
        if name == _TABLE and found is None and not (journal.is_empty and not _path(name).exists()):
            raise SystemExit(
                f"{_path(name)} can not be read, and the table is in it. Put it back, or begin anew: {ANEW}"
            )
        return found

    def load_and_follow(state: dict[str, Any]) -> None:
        try:
            load(state)
            for account, region, name, event, old, new in journal.read(state.get(LAST, 0)):
                with request_scope(account, region):
                    if event == _BEGUN:
                        if name not in stepfunctions._executions:  # nor in the state that is loaded after this
                            stepfunctions._executions[name] = {**new, **_interrupted()}
                        continue
                    table, image = dynamodb._tables[name], new or old
                    key = [dynamodb._extract_key_val(image[table["pk_name"]]), "__no_sort__"]
                    if table["sk_name"]:
                        key[1] = dynamodb._extract_key_val(image[table["sk_name"]])
                    if new is None:
                        dynamodb._remove_item(table, *key)
                    else:
                        dynamodb._set_item(table, *key, new)
                    emit(name, event, old, new, replicate=False)
        except Exception as broken:  # MiniStack would go on with an empty table, and save it
            raise SystemExit(f"the table can not be read. {type(broken).__name__}: {broken}") from broken

    app.load_state = load_or_end
    dynamodb._emit_stream_event, stepfunctions._emit_execution_status_event = emit_and_note, tell_and_note
    dynamodb.get_state, dynamodb.load_persisted_state = with_last, load_and_follow


def _interrupted() -> dict[str, str]:
    """As MiniStack has an execution that ran when its process died."""
    from ministack.services.stepfunctions import now_iso

    why = "Execution was running when service restarted"
    return {"status": "FAILED", "stopDate": now_iso(), "error": "States.ServiceRestart", "cause": why}


def keep_attributes() -> None:
    """MiniStack forgets the attributes of what an update of a nested stack leaves as it is: whatever asks for one, an
    ARN for instance, fails. What it remembers of the stack has them."""
    from ministack.services.cloudformation import _stacks, provisioners

    update = provisioners._update_resource

    def keeping(kind: str, physical_id: str, old: Any, new: Any, stack: str, logical_id: str, *attributes: Any) -> Any:
        known = _stacks.get(stack, {}).get("_resources", {}).get(logical_id, {})
        return update(kind, physical_id, old, new, stack, logical_id, *(attributes or (known.get("Attributes"),)))

    provisioners._update_resource = keeping


def keep_streams() -> None:
    """MiniStack saves how far a function has come in a table's stream, and not the stream: begun anew, the function
    waits at a place that the new one reaches after as many changes. What no function has taken is saved with the table,
    and each begins there."""
    from ministack.services import dynamodb, lambda_svc

    get_state, load, places = dynamodb.get_state, dynamodb.load_persisted_state, lambda_svc._dynamodb_stream_positions
    restore = lambda_svc._restore_esm_positions

    def with_streams() -> dict[str, Any]:
        streams = lambda_svc.AccountRegionScopedDict()
        taken = min(places._data.values(), default=0)
        for (account, region, table), records in dynamodb._stream_records._data.items():
            gone = dynamodb._stream_trimmed.get_scoped(account, region, table, 0)
            streams.set_scoped(account, region, table, records[max(taken - gone, 0) :])
        return {**get_state(), "streams": streams}

    def with_its_streams(data: dict[str, Any]) -> None:
        dynamodb._stream_records.update(data.get("streams", {}))
        load(data)

    dynamodb.get_state, dynamodb.load_persisted_state = with_streams, with_its_streams
    lambda_svc._restore_esm_positions = lambda of, saved: None if of is places else restore(of, saved)


async def _run(port: int, state: Path) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app
    from ministack.core import lambda_runtime

    journal = Journal(state / "journal")
    keep_attributes()
    keep_streams()
    keep_changes(journal)
    kept = Kept(app.app, journal)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    config.graceful_timeout = 3
    saving = [asyncio.create_task(keep_saving(kept, part)) for part in SAVE_SECONDS]
    try:
        await serve(kept, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    finally:
        for task in saving:
            task.cancel()
        journal.close()
        lambda_runtime.reset()  # the functions' processes end with us


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.embedded_aws", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, required=True, help="to listen on, on 127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, metavar="FOLDER", help="where everything is kept")
    chosen = parser.parse_args()
    state: Path = chosen.state.resolve()
    told = environment(chosen.port, state)
    for folder in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        Path(told[folder]).mkdir(parents=True, exist_ok=True)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONPATH"):
        os.environ.pop(name, None)
    os.environ.update(told)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    asyncio.run(_run(chosen.port, state))


if __name__ == "__main__":
    main()
