"""The demo without a stack: which stories there are, how they tell, and what becomes of those beside one that fails."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import local.__main__ as command_line
from infra.bundle import ROOT
from local import demo, demo_market_making
from local.deployment import Deployment
from local.environment import LocalEnvironment
from local.seed import Desk
from local.telling import StoryFailed, Teller, ok

NAMES = ("orders", "purchases", "customer", "cash-out", "market-making", "billing")
DESK = Desk(LocalEnvironment(), Deployment(*(field.name for field in fields(Deployment))))


def told(story: str) -> demo.Play:
    def play(desk: Desk, username: str, folder: Path, tell: Teller) -> dict[str, Any]:
        tell(f"{story} by {username} into {folder}")
        return {"of": story}

    return play


def failing(_: Desk, __: str, ___: Path, ____: Teller) -> dict[str, Any]:
    raise StoryFailed("the bill is PENDING")


@pytest.fixture
def stories(monkeypatch: pytest.MonkeyPatch) -> dict[str, demo.Play]:
    """Which tell a line each."""
    playing = {story: told(story) for story in NAMES}
    monkeypatch.setattr(demo, "STORIES", playing)
    monkeypatch.setattr(demo_market_making, "brief", told("brief"))
    monkeypatch.setattr(demo, "HEAD_START_SECONDS", 0.01)
    monkeypatch.setattr(command_line, "_running_desk", lambda: DESK)
    return playing


def said(*words: str, story: str | None = None) -> tuple[int, str]:
    answer = CliRunner().invoke(command_line.app, ["demo", *words], env={"STORY": story})
    return answer.exit_code, answer.output


def test_there_are_six_stories_and_readme_and_makefile_name_them() -> None:
    assert tuple(demo.STORIES) == NAMES
    assert f"STORY={'|'.join(NAMES)}" in (ROOT / "Makefile").read_text()
    readme = (ROOT / "README.md").read_text()
    for story in NAMES:
        assert f"| `{story}` |" in readme


@pytest.mark.parametrize("story", NAMES)
@pytest.mark.usefixtures("stories")
def test_one_is_played_by_its_name(story: str) -> None:
    for code, words in (said(story=story), said("--story", story)):
        assert code == 0
        assert f"{story} by demo-" in words
        assert [other for other in NAMES if f"{other} by demo-" in words] == [story]


@pytest.mark.usefixtures("stories")
def test_a_name_that_no_story_has_is_refused_with_the_list() -> None:
    code, words = said(story="day")
    assert (code, "there is no story 'day'; there are " + ", ".join(NAMES) in words) == (1, True)
    code, words = said("--json", story="day")
    assert (code, list(json.loads(words))) == (1, ["error"])


@pytest.mark.usefixtures("stories")
@pytest.mark.parametrize("story", [None, ""])
def test_all_are_played_when_none_is_named(story: str | None) -> None:
    code, words = said(story=story)
    assert code == 0
    for name in ("orders", "purchases", "customer", "cash-out", "brief", "billing"):
        assert f"{name} by demo-" in words


def test_they_are_played_side_by_side(
    stories: dict[str, demo.Play], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for all the others, and has AWS clients of its own."""
    together, desks = Barrier(len(NAMES), timeout=10), []

    def meets(desk: Desk, _: str, __: Path, ___: Teller) -> dict[str, Any]:
        together.wait()
        desks.append(desk)
        return {}

    stories.update(dict.fromkeys(NAMES, meets))
    monkeypatch.setattr(demo_market_making, "brief", meets)
    made = demo.every_one(DESK, tmp_path, lambda _: None)
    assert tuple(made) == NAMES
    assert len({id(desk.environment) for desk in desks}) == len(NAMES)
    assert {desk.environment for desk in desks} == {DESK.environment}


def test_one_that_fails_ends_no_other_and_is_told(stories: dict[str, demo.Play]) -> None:
    stories["billing"] = failing
    code, words = said()
    assert code == 1
    for name in ("orders", "purchases", "customer", "cash-out", "brief"):
        assert f"{name} by demo-" in words
    assert words.count("over, as it should be") == 5
    assert "billing: the bill is PENDING" in words


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout("no answer"), OSError("no space left")])
def test_what_is_in_its_way_is_told_in_one_line(stories: dict[str, demo.Play], trouble: Exception) -> None:
    def troubled(_: Desk, __: str, ___: Path, ____: Teller) -> dict[str, Any]:
        raise trouble

    stories["orders"] = troubled
    code, words = said(story="orders")
    assert (code, str(trouble) in words, "Traceback" in words) == (1, True, False)


def test_each_line_has_its_time_and_its_story() -> None:
    lines: list[str] = []
    began = datetime(2026, 11, 29, 12, tzinfo=UTC)
    tell = Teller(lines.append, began, "cash-out")
    tell("FILLED", began + timedelta(seconds=61.25))
    assert lines == tell.told == [" 61.2 s  cash-out       FILLED"]
    tell.over.set()
    with pytest.raises(StoryFailed):
        tell("one more")
    assert len(lines) == 1


def test_what_the_desk_refuses_fails_the_story() -> None:
    answer = httpx.Response(409, text="DealerExists", request=httpx.Request("POST", "http://desk/billing/dealers"))
    with pytest.raises(StoryFailed, match="POST /billing/dealers: 409 DealerExists"):
        ok(answer)
