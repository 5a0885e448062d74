"""A bug is told with the release that has it, by which a deployment is taken back (infra/releases.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from common import log
from common.errors import Unavailable
from common.machines import ElsewhereNow, Standing
from common.tasks import step


@pytest.fixture(autouse=True)
def release(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log, "_RELEASE", "r1")
    log.metrics.clear_metrics()
    yield
    log.metrics.clear_metrics()


def _told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    return [line for line in lines if log.RELEASE_BUGS in line]


def test_a_bug_is_counted_for_its_release_and_nothing_else_is(capsys: pytest.CaptureFixture[str]) -> None:
    log.count("OrdersFilled")
    assert _told(capsys) == []
    log.count(log.BUGS)
    (line,) = _told(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "release"]]
    assert (line["service"], line["release"], line[log.RELEASE_BUGS]) == (log.metrics.service, "r1", [1.0])


def test_where_nothing_is_deployed_no_release_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_RELEASE", None)
    log.count(log.BUGS)
    assert _told(capsys) == []


def test_a_task_tells_of_a_bug_and_of_no_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends in a refusal to be asked again, or to be read where it stands."""

    def asked(error: Exception) -> Standing:
        raise error

    for refusal in (Unavailable("not filled yet"), ElsewhereNow("elsewhere", id="x")):
        with pytest.raises(type(refusal)):
            step({"id": "x"}, lambda _, error=refusal: asked(error), missing=())  # type: ignore[misc]
    assert _told(capsys) == []
    with pytest.raises(KeyError):
        step({"id": "x"}, lambda _: asked(KeyError("stage")), missing=())
    assert len(_told(capsys)) == 1
