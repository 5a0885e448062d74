"""The demo: six stories of the desk, each alone or all of them side by side, through its HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from local import demo_billing, demo_cash_out, demo_customer, demo_market_making, demo_orders, demo_purchases
from local.seed import Desk, SeedingFailed
from local.telling import StoryFailed, Teller

Facts = dict[str, Any]
Play = Callable[[Desk, str, Path, Teller], Facts]

STORIES: Mapping[str, Play] = {
    "orders": demo_orders.story,
    "purchases": demo_purchases.story,
    "customer": demo_customer.story,
    "cash-out": demo_cash_out.story,
    "market-making": demo_market_making.story,
    "billing": demo_billing.story,
}
LONGEST, HEAD_START_SECONDS = "market-making", 10.0


def one(story: str, desk: Desk, folder: Path, say: Callable[[str], None]) -> Facts:
    """What became of it, with all that it told. Pictures and documents go to the folder. Raises StoryFailed."""
    began = datetime.now(UTC)
    return _played(story, desk, folder, Teller(say, began), STORIES[story])


def every_one(desk: Desk, folder: Path, say: Callable[[str], None]) -> dict[str, Facts]:
    """All of them side by side; what became of each, by its name. One that fails ends none of the others. Raises
    StoryFailed, when all are over."""
    began, over = datetime.now(UTC), Event()
    with ThreadPoolExecutor(len(STORIES), "story") as stories:
        playing: dict[str, Future[Facts]] = {}
        for story in STORIES:
            own = Desk(replace(desk.environment), desk.deployment)  # with AWS clients of its own
            teller = Teller(say, began, story, over)
            playing[story] = stories.submit(_side_by_side, story, own, folder, teller)
        try:
            failed = [f"{story}: {why}" for story, played in playing.items() if (why := played.exception())]
        except KeyboardInterrupt:
            over.set()  # each ends with its next line, and puts back what it has changed
            raise
    if failed:
        raise StoryFailed("; ".join(failed))
    return {story: played.result() for story, played in playing.items()}


def _side_by_side(story: str, desk: Desk, folder: Path, teller: Teller) -> Facts:
    if story == LONGEST:
        return _played(story, desk, folder, teller, demo_market_making.brief)
    teller.over.wait(HEAD_START_SECONDS)
    return _played(story, desk, folder, teller, STORIES[story])


def _played(story: str, desk: Desk, folder: Path, teller: Teller, play: Play) -> Facts:
    username = f"demo-{teller.began:%m%d-%H%M%S}-{story}"
    try:
        facts = play(desk, username, folder, teller)
    except (SeedingFailed, httpx.HTTPError, OSError) as trouble:
        teller(f"✗ {trouble}")
        raise StoryFailed(str(trouble)) from trouble
    except StoryFailed as trouble:
        teller.say(f"✗ {story}: {trouble}")
        raise
    teller("✓ over, as it should be")
    return {**facts, "told": teller.told}
