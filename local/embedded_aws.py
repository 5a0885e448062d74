"""The embedded AWS as a process of our own: MiniStack on 127.0.0.1 only, with IAM enforced and its state kept.

    python -m local.embedded_aws --port 4566 --state FOLDER

MiniStack saves its state at a clean stop. Here it is saved every few seconds as well, so that a killed process, or
a machine that lost its power, loses seconds. What a request may have changed tells what to save: the table after
each write to it, the rest after a request that is not a mere look.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

SAVE_SECONDS = 1.0  # at least between two saves of the same part
SHARE = 5  # … and so many times as long as the last one took
PARTS = ("table", "rest")
_TABLE = "dynamodb"  # MiniStack's name for the state of DynamoDB
_LOOKS = ("Get", "BatchGet", "List", "Describe", "Query", "Scan", "Head", "TransactGet")

log = logging.getLogger(__name__)

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


class Changed:
    """Which parts of the state a save would find changed: a wrapper around the application that watches requests."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.parts: set[str] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                self.parts |= changed(scope["method"], scope["path"], dict(scope["headers"]))

    def take(self, part: str) -> bool:
        """Whether it has changed since the last time."""
        taken = part in self.parts
        self.parts.discard(part)
        return taken


def changed(method: str, path: str, headers: dict[bytes, bytes]) -> set[str]:
    """What a request may have changed. A function's own requests come here like any other, each for itself."""
    if method in {"GET", "HEAD", "OPTIONS"} or path.startswith("/_aws/execute-api/") or path.endswith("/invocations"):
        return set()
    service, _, operation = headers.get(b"x-amz-target", b"").decode("latin-1").rpartition(".")
    if operation.startswith(_LOOKS):
        return set()
    return {"table"} if service.startswith("DynamoDB_") else {"rest"}


async def _keep_saving(changes: Changed, part: str) -> None:
    from ministack import app
    from ministack.core.persistence import save_state

    pause = SAVE_SECONDS
    while True:
        await asyncio.sleep(pause)
        if not changes.take(part):
            continue
        began = time.monotonic()
        for name, get_state in app._build_persistence_save_dict().items():
            if (name == _TABLE) == (part == "table"):
                try:
                    state = get_state()  # on the loop, between two requests: what is being changed can not be copied
                except Exception:  # a deployment changes it in a thread of its own
                    log.warning("the state of %s is saved with the next", name, exc_info=True)
                    changes.parts.add(part)
                    continue
                if state is not None:
                    await asyncio.to_thread(save_state, name, state)
        pause = max(SAVE_SECONDS, SHARE * (time.monotonic() - began))


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


async def _run(port: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app
    from ministack.core import lambda_runtime

    keep_attributes()
    keep_streams()
    changes = Changed(app.app)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    config.graceful_timeout = 3
    saving = [asyncio.create_task(_keep_saving(changes, part)) for part in PARTS]
    try:
        await serve(changes, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    finally:
        for task in saving:
            task.cancel()
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
    asyncio.run(_run(chosen.port))


if __name__ == "__main__":
    main()
