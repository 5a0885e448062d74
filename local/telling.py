"""What the demo's stories have in common: how they tell what happens, and when, and how they fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Any

import httpx

from local.seed import OPERATOR, Desk

Tell = Callable[[str], None]
DRAWING = Lock()  # matplotlib draws one picture at a time


class StoryFailed(RuntimeError):
    """The desk did not do what is expected of it, or nobody wants to see more."""


@dataclass
class Teller:
    """One story's voice: each line has its time, in seconds since the demo began, and its story where others play
    beside it.

    over: once set, the story ends with its next line.
    """

    say: Callable[[str], None]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    story: str = ""
    over: Event = field(default_factory=Event)
    told: list[str] = field(default_factory=list)

    def __call__(self, text: str, at: datetime | None = None) -> None:
        """at: when it happened; now, if nothing is said. Raises StoryFailed."""
        if self.over.is_set():
            raise StoryFailed("ended by hand")
        seconds = ((at or datetime.now(UTC)) - self.began).total_seconds()
        line = f"{seconds:5.1f} s  {self.story:<15}{text}" if self.story else f"{seconds:5.1f} s  {text}"
        self.told.append(line)
        self.say(line)


class Customer:
    """The API as one customer uses it: every POST with a key of its own."""

    def __init__(self, http: httpx.Client, username: str) -> None:
        self.http, self._keys = http, iter(range(1_000_000))
        self.username = username
        self._last: tuple[str, dict[str, Any], str] = ("", {}, "")

    def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = ok(self.http.get(path)).json()
        return found

    def post(self, path: str, **body: str) -> dict[str, Any]:
        self._last = (path, body, f"{self.username}-{next(self._keys)}")
        return self.repeat()

    def repeat(self) -> dict[str, Any]:
        """The last POST once more, under the same key."""
        answer: dict[str, Any] = ok(self._send()).json()
        return answer

    def refused(self, path: str, **body: str) -> dict[str, Any]:
        self._last = (path, body, f"{self.username}-{next(self._keys)}")
        answer = self._send()
        if answer.is_success:
            raise StoryFailed(f"{path} {body} was not refused")
        found: dict[str, Any] = answer.json()
        return found

    def _send(self) -> httpx.Response:
        path, body, key = self._last
        return self.http.post(path, json=body or None, headers={"Idempotency-Key": key})


def eventually(
    holds: Callable[[], bool], otherwise: Callable[[], str], *, patience_seconds: float, every_seconds: float = 0.3
) -> None:
    """Ask again and again until it holds. Raises StoryFailed, with what is so otherwise."""
    deadline = time.monotonic() + patience_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise StoryFailed(f"{otherwise()} after {patience_seconds:.0f} s")
        time.sleep(every_seconds)


def wait_until(then: datetime) -> None:
    left = (then - datetime.now(UTC)).total_seconds()
    if left > 0:
        time.sleep(left + 0.1)


def ok(answer: httpx.Response) -> httpx.Response:
    """Raises StoryFailed."""
    if not answer.is_success:
        raise StoryFailed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    return answer


def reconcile(desk: Desk, username: str) -> int:
    """How many lines the user's journal has, which add up to every balance. Raises StoryFailed where they do not."""
    with desk.http(OPERATOR) as operator:
        books = ok(operator.post("/operations/reconcile", json={"username": username})).json()
    if books["differences"]:
        raise StoryFailed(f"the books of {username} do not balance: {books['differences']}")
    lines: int = books["lines"]
    return lines
