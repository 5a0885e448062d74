"""The pictures of the machines show all that the definitions say, and can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from docgen import pictures
from docgen.pictures import Box, Layout, Machine, OtherShape, Point
from infra.bundle import ROOT

SVG = "{http://www.w3.org/2000/svg}"
MACHINES = {
    path.name.removesuffix(".asl.json"): Machine(path.name.removesuffix(".asl.json"), json.loads(path.read_text()))
    for path in sorted(pictures.DEFINITIONS.glob("*.asl.json"))
}
EACH = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


def _picture(machine: Machine) -> ElementTree.Element:
    return ElementTree.fromstring(pictures.svg(machine))


def _texts(picture: ElementTree.Element) -> str:
    return "\n".join(text.text or "" for text in picture.iter(f"{SVG}text"))


def test_there_is_a_picture_of_each_machine_and_of_nothing_else() -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / pictures.PICTURES).iterdir()}
    assert there == set(pictures.pictures()) == {f"docs/machines/{name}.svg" for name in MACHINES}


def test_the_pictures_are_not_stale() -> None:
    for path, text in pictures.pictures().items():
        assert (ROOT / path).read_text() == text, f"{path} is stale: run `make docs`"


def test_drawing_twice_gives_the_same() -> None:
    assert pictures.pictures() == pictures.pictures()


@EACH
def test_every_state_and_every_way_between_them_is_there(machine: Machine) -> None:
    picture = _picture(machine)
    boxes = {group.get("id") for group in picture.iter(f"{SVG}g")}
    assert boxes == set(machine.definition["States"])
    ways = sorted(title.text or "" for path in picture.iter(f"{SVG}path") for title in path.iter(f"{SVG}title"))
    assert ways == sorted(_ways(machine.definition["States"]))


def _ways(states: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, state in states.items():
        if "Next" in state:
            yield f"{name} → {state['Next']}"
        yield from (f"{name} → {choice['Next']} on {choice['StringEquals']}" for choice in state.get("Choices", []))
        if "Default" in state:
            yield f"{name} → {state['Default']} on otherwise"
        for catch in state.get("Catch", []):
            yield f"{name} → {catch['Next']} on {', '.join(catch['ErrorEquals'])}"


@EACH
def test_every_error_that_is_tried_again_is_named_with_how_often(machine: Machine) -> None:
    texts = _texts(_picture(machine))
    for name, state in machine.definition["States"].items():
        for retry in state.get("Retry", []):
            assert all(error in texts for error in retry["ErrorEquals"]), name
            delays = f"{retry['IntervalSeconds']} s × {retry['BackoffRate']} up to {retry['MaxDelaySeconds']} s"
            assert f"{delays}, {retry['MaxAttempts']} times" in texts, name


@EACH
def test_what_a_choice_looks_for_and_what_is_caught_stands_at_its_line(machine: Machine) -> None:
    texts = _texts(_picture(machine)).splitlines()
    for edge in machine.edges:
        assert not edge.label or edge.label in texts, edge.told


@EACH
def test_caught_errors_are_dashed_and_nothing_else_is(machine: Machine) -> None:
    caught = {edge.told for edge in machine.edges if edge.caught}
    for path in _picture(machine).iter(f"{SVG}path"):
        for title in path.iter(f"{SVG}title"):
            assert (path.get("stroke-dasharray") is not None) == (title.text in caught), title.text


@EACH
def test_nothing_covers_anything_else(machine: Machine) -> None:
    drawn = pictures.layout(machine)
    for one, other in combinations(drawn.boxes.values(), 2):
        beside = one.right < other.x or other.right < one.x
        assert beside or one.bottom < other.y or other.bottom < one.y, f"{one.name} and {other.name}"
    for box in drawn.boxes.values():
        assert box.x > 0
        assert box.right < drawn.width
        for words in box.words:
            assert words.width <= box.width - 2 * pictures.PADDING, words.text


@EACH
def test_no_line_runs_through_a_box(machine: Machine) -> None:
    drawn = pictures.layout(machine)
    for told, points in _lines(drawn):
        for start, end in pairwise(points):
            assert start[0] == end[0] or start[1] == end[1], told
            for box in drawn.boxes.values():
                assert not _inside(box, start, end), f"{told} runs through {box.name}"


def _lines(drawn: Layout) -> Iterator[tuple[str, list[Point]]]:
    yield from ((line.edge.told, list(line.points)) for line in drawn.lines)
    yield "the rail", list(drawn.rail)


def _inside(box: Box, start: Point, end: Point) -> bool:
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return left < box.right and right > box.x and top < box.bottom and bottom > box.y


def _changed(**states: Any) -> Machine:
    definition = json.loads(json.dumps(MACHINES["payout"].definition))
    for name, changes in states.items():
        definition["States"].setdefault(name, {}).update(changes)
    return Machine("changed", definition)


@pytest.mark.parametrize(
    "other",
    [
        _changed(ReadOrder={"Next": "CreatePayout"}),
        _changed(Second={"Type": "Choice", "Choices": [], "Default": "Filled"}),
        _changed(Lonely={"Type": "Succeed"}),
        _changed(BackOff={"Next": "CheckPayout"}),
        _changed(CheckPayout={"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Filled"}]}),
    ],
)
def test_a_machine_of_another_shape_is_not_drawn_wrongly(other: Machine) -> None:
    with pytest.raises(OtherShape):
        pictures.svg(other)


def test_the_page_of_the_machines_shows_them_and_names_all_that_can_be_met_there() -> None:
    page = (ROOT / "docs" / "machines.md").read_text()
    for name, machine in MACHINES.items():
        assert f"](machines/{name}.svg)" in page
        told = set(re.findall(r"`([A-Za-z_.]+)`", page))
        assert told >= {edge.label for edge in machine.edges if edge.source == machine.hub} - {pictures.OTHERWISE}
        assert told >= {n for n, state in machine.states.items() if state["Type"] in ("Succeed", "Fail")}
