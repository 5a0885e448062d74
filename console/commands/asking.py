"""What a command does: it asks the desk, and shows what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import RenderableType

from console import connection, output
from console.api import Api, Request
from console.errors import CommandFailed
from console.logins import Logins

PAGE = 100  # what the desk gives at once

Items = list[dict[str, Any]]


@dataclass(frozen=True)
class Given:
    """By the options before a command's name."""

    url: str | None
    token: str | None
    seen: str | None = None  # the version of the story that is acted upon


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def desk(context: typer.Context, as_json: bool) -> Iterator[Api]:
    """The desk that is meant. What is in the way is told, and ends the command."""
    given: Given = context.obj
    with told_of(as_json):
        with output.progress("finding the desk"):
            found = connection.found(given.url, given.token, Logins.of_user().token)
        with Api(found, lambda: output.progress(f"asking {found.url}")) as api:
            yield api


@contextmanager
def told_of(as_json: bool) -> Iterator[None]:
    """What is in the way is told, and ends the command."""
    try:
        yield
    except CommandFailed as failure:
        if as_json:
            output.out().print_json(json.dumps({"error": failure.why, **failure.facts}))
        else:
            output.err().print(output.failure(failure.why))
        raise typer.Exit(failure.exit_code) from None


def show(as_json: bool, answer: Mapping[str, Any], *told: RenderableType) -> None:
    console = output.out()
    if as_json:
        console.print_json(json.dumps(answer))
        return
    output.show(console, *told)


def pages(api: Api, limit: int, *path: str, **query: Any) -> tuple[Items, str | None, dict[str, Any]]:
    """At most so many items of a list, where it goes on, and the first page; a page may be short, even empty."""
    page = first = api.get(*path, **query, limit=min(PAGE, limit))
    items = list(page["items"])
    while page["cursor"] is not None and len(items) < limit:
        page = api.get(*path, **query, limit=min(PAGE, limit - len(items)), cursor=page["cursor"])
        items += page["items"]
    return items, page["cursor"], first


def show_items(
    as_json: bool,
    items: Items,
    cursor: str | None,
    table: Callable[[Items], RenderableType],
    none: str = "There are none.",
) -> None:
    told = [table(items) if items else none, *more(cursor)]
    show(as_json, {"items": items, "cursor": cursor}, *told)


def more(cursor: str | None) -> list[RenderableType]:
    """What is said below a list that goes on."""
    return [] if cursor is None else ["", "There are more: --limit."]


def act(
    context: typer.Context,
    as_json: bool,
    of: tuple[str, ...],
    body: Mapping[str, Any],
    yes: bool,
    *,
    method: str = "POST",
    key: str | None = None,
) -> None:
    """Ask for an act; without `yes` the desk only says what it would do. Under the same `key` it is done once."""
    with desk(context, as_json) as api:
        act_at(api, as_json, of, {**body, **said({"version": context.obj.seen})}, yes, method=method, key=key)


def act_at(
    api: Api,
    as_json: bool,
    of: tuple[str, ...],
    body: Mapping[str, Any],
    yes: bool,
    *,
    method: str = "POST",
    key: str | None = None,
) -> None:
    """The same, of a desk that was found before."""
    request = Request(method, ("operations", *of), {**body, "dry_run": not yes}, changes=yes, key=key)
    outcome = api.ask(request)
    show(as_json, outcome, *output.outcome(outcome, dry_run=not yes))


def said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those options that were given."""
    return {name: value for name, value in given.items() if value is not None}
