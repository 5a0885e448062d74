"""Pictures of the state machines, drawn from their definitions. `make docs` writes them to docs/machines.

One shape of machine is known, which is that of ours: a task reads where things stand, and one Choice leads to what is
next, from where everything comes back to it.

      ReadOrder ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┐
    ┌─────▼────┐  POLL                                    ┊
    │ NextStep │ ──────▶ PollSellOrder ┄┄▶ CancelSellOrder ┄┤  whatever is not tried again
    │          │ ◀───────────┘                            ┊
    │          │  PAID                                    ┊
    │          │ ──────▶ Filled               Unclear ◀┄┄┄┄┘
    └──────────┘
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

from infra.bundle import ROOT

DEFINITIONS = ROOT / "tests" / "golden"  # as they are synthesised: a test compares them
PICTURES = "docs/machines"

Json = Mapping[str, Any]
Point = tuple[int, int]

ANY_ERROR = "States.ALL"
OTHERWISE = "otherwise"
MARGIN = 24
TITLE = 54  # height of what stands above
PADDING = 12  # inside of a box
GAP = 46  # between rows: the way back in the upper third, the way to the sink in the lower
LANE = 15  # from a box to such a way
PORT = 26  # from the corner of a box to where that begins
NAME, TEXT, LINE = 13, 11, 16  # sizes of letters, and of a line
CAUSE = 40  # letters in a line of why something fails
SANS = "DejaVu Sans, Verdana, Segoe UI, Helvetica, Arial, sans-serif"
MONO = "DejaVu Sans Mono, Menlo, Consolas, monospace"
EM = {SANS: 0.58, MONO: 0.61}  # a letter's width by its size: of sentences, in the widest of these
INK, FAINT, ERROR = "#2b2f36", "#667085", "#b3413a"

KINDS = {  # fill and stroke, and what the legend says
    "Task": ("#eaf2fb", "#3b6ea5", "a task, and its function"),
    "Token": ("#f2ebfb", "#7a4fb0", "a task that waits for its token"),
    "Choice": ("#fff6d6", "#b08900", "a choice"),
    "Wait": ("#f3f4f6", "#7b8190", "a wait"),
    "Succeed": ("#e6f5e9", "#2e7d4f", "success"),
    "Fail": ("#fdecea", ERROR, "failure"),
}


class OtherShape(ValueError):
    """The machine is not of the shape that is drawn here."""


# What a definition says


@dataclass(frozen=True)
class Edge:
    """`label`: the value that a Choice looks for, or the errors that are caught."""

    source: str
    target: str
    label: str = ""
    caught: bool = False

    @property
    def told(self) -> str:
        label = f" on {self.label}" if self.label else ""
        return f"{self.source} → {self.target}{label}"


@dataclass(frozen=True)
class Machine:
    """A definition, in the words of its picture: `start` comes before `hub`, whose branches are `heads`, in order. What
    goes wrong otherwise ends in `sink`."""

    name: str
    definition: Json

    @cached_property
    def states(self) -> Json:
        found: Json = self.definition["States"]
        return found

    @cached_property
    def edges(self) -> list[Edge]:
        return [edge for name, state in self.states.items() for edge in _edges(name, state)]

    @property
    def start(self) -> str:
        return str(self.definition["StartAt"])

    @property
    def hub(self) -> str:
        hubs = [name for name, state in self.states.items() if state["Type"] == "Choice"]
        if hubs != [self.states[self.start].get("Next")]:
            raise OtherShape(f"{self.name}: {self.start} does not lead to the one Choice there should be: {hubs}")
        return hubs[0]

    @property
    def sink(self) -> str:
        sinks = {edge.target for edge in self.edges if edge.label == ANY_ERROR}
        if len(sinks) != 1:
            raise OtherShape(f"{self.name}: what goes wrong ends in {sorted(sinks)}, not in one state")
        return sinks.pop()

    @cached_property
    def rows(self) -> list[list[str]]:
        """The branches, each with what follows in it and is no branch itself; the sink behind the last."""
        heads = [edge.target for edge in self.edges if edge.source == self.hub]
        placed = {self.start, self.hub, self.sink, *heads}
        rows = []
        for head in heads:
            row = [head]
            while followers := {e.target for e in self.edges if e.source == row[-1]} - placed:
                if len(followers) > 1:
                    raise OtherShape(f"{self.name}: {row[-1]} leads to several: {sorted(followers)}")
                row += followers
                placed |= followers
            rows.append(row)
        rows[-1] += [self.sink]
        if placed != set(self.states) or max(map(len, rows)) > 2 or len(heads) != len(set(heads)):
            raise OtherShape(f"{self.name}: its branches are not chains of two at most, or share their beginning")
        return rows

    @cached_property
    def together(self) -> dict[tuple[str, ...], str]:
        """Errors that are tried again alike in many states, by the letter that stands for them there."""
        retries = [_errors(r) for state in self.states.values() for r in state.get("Retry", []) if len(_errors(r)) > 1]
        return {errors: "ABCDEFGH"[n] for n, errors in enumerate(dict.fromkeys(retries))}

    def retry(self, letter: str) -> Json:
        """How those errors are tried again."""
        found: list[Json] = [r for state in self.states.values() for r in state.get("Retry", [])]
        alike = [r for r in found if self.together.get(_errors(r)) == letter]
        if any(retry != alike[0] for retry in alike):
            raise OtherShape(f"{self.name}: the same errors are tried again in different ways")
        return alike[0]


def _edges(name: str, state: Json) -> Iterator[Edge]:
    for choice in state.get("Choices", []):
        (looked_for,) = [str(value) for key, value in choice.items() if key not in ("Variable", "Next")]
        yield Edge(name, choice["Next"], looked_for)
    if "Default" in state:
        yield Edge(name, state["Default"], OTHERWISE)
    if "Next" in state:
        yield Edge(name, state["Next"])
    for catch in state.get("Catch", []):
        yield Edge(name, catch["Next"], ", ".join(catch["ErrorEquals"]), caught=True)


def _errors(retry: Json) -> tuple[str, ...]:
    return tuple(retry["ErrorEquals"])


def _times(retry: Json) -> str:
    first, rate, times = retry.get("IntervalSeconds", 1), retry.get("BackoffRate", 2), retry.get("MaxAttempts", 3)
    most = f" up to {retry['MaxDelaySeconds']} s" if "MaxDelaySeconds" in retry else ""
    return f"{first} s × {rate}{most}, {times} times"


# Where things are


@dataclass(frozen=True)
class Words:
    text: str
    size: int = TEXT
    font: str = SANS
    bold: bool = False
    colour: str = INK

    @property
    def width(self) -> int:
        return round(len(self.text) * self.size * EM[self.font] * (1.2 if self.bold else 1))


@dataclass(frozen=True)
class Box:
    name: str
    kind: str
    x: int
    y: int
    width: int
    height: int
    words: Sequence[Words]

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def middle(self) -> int:
        return self.y + self.height // 2

    @property
    def centre(self) -> int:
        return self.x + self.width // 2


@dataclass(frozen=True)
class Line:
    """Of an edge: straight pieces from point to point; `words` begin at `words_at`, or end there."""

    edge: Edge
    points: Sequence[Point]
    arrow: bool = True
    words_at: Point | None = None


@dataclass
class Layout:
    machine: Machine
    boxes: dict[str, Box] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    rail: Sequence[Point] = ()  # where the ways to the sink meet
    width: int = 0
    height: int = 0


def layout(machine: Machine) -> Layout:
    """Three columns: the start above the hub, the heads, what follows them; at the right the rail to the sink."""
    drawn = Layout(machine)
    first, second = ([row[n] for row in machine.rows if len(row) > n] for n in (0, 1))
    words = {name: list(_words(machine, name)) for name in machine.states}
    widths = [_wide([words[name] for name in names]) for names in ([machine.start, machine.hub], first, second)]
    values = [Words(e.label, font=MONO).width for e in machine.edges if e.source == machine.hub]
    between = [Words(e.label).width for e in machine.edges if e.source in first and e.target in second]
    left = MARGIN + 36
    columns = [left, left + widths[0] + max(values) + 40]
    columns.append(columns[1] + widths[1] + max([*between, 20]) + 30)

    drawn.boxes[machine.start] = _box(machine, machine.start, words, left, TITLE, widths[0])
    top = drawn.boxes[machine.start].bottom + GAP
    y = top + LANE
    for row, after in pairwise([*machine.rows, []]):
        boxes = [_box(machine, name, words, columns[n + 1], y, widths[n + 1]) for n, name in enumerate(row)]
        height = max(box.height for box in boxes)
        for box in boxes:
            at = y + (height - box.height) // 2
            drawn.boxes[box.name] = Box(box.name, box.kind, box.x, at, box.width, box.height, box.words)
        y += height + (GAP if _passes_below(machine, row, after) else LANE)
    bottom = max(box.bottom for box in drawn.boxes.values()) + LANE
    drawn.boxes[machine.hub] = Box(machine.hub, "Choice", left, top, widths[0], bottom - top, words[machine.hub])
    drawn.width = columns[2] + widths[2] + 40 + MARGIN
    drawn.height = bottom
    _route(drawn, columns[2] + widths[2] + 40)
    return drawn


def _passes_below(machine: Machine, row: Sequence[str], after: Sequence[str]) -> bool:
    """Does a line run below the row: back to the hub, or between it and the row after it?"""
    ends = [{edge.source, edge.target} for edge in machine.edges if edge.source != machine.hub]
    return any(between & set(row) and between & {machine.hub, *after} for between in ends)


def _wide(texts: Sequence[Sequence[Words]]) -> int:
    return max(words.width for lines in texts for words in lines) + 2 * PADDING


def _box(machine: Machine, name: str, words: Mapping[str, Sequence[Words]], x: int, y: int, width: int) -> Box:
    height = LINE * len(words[name]) + 2 * PADDING - 4
    return Box(name, _kind(machine.states[name]), x, y, width, height, words[name])


def _kind(state: Json) -> str:
    return "Token" if ".waitForTaskToken" in state.get("Resource", "") else str(state["Type"])


def _words(machine: Machine, name: str) -> Iterator[Words]:
    """What stands in the box of a state."""
    state = machine.states[name]
    yield Words(name, NAME, bold=True)
    match _kind(state):
        case "Choice":
            yield Words(state["Choices"][0]["Variable"], font=MONO, colour=FAINT)
        case "Wait":
            yield Words(f"for {state['SecondsPath']} s", font=MONO, colour=FAINT)
        case "Fail":
            yield from (Words(line, colour=FAINT) for line in textwrap.wrap(state["Cause"], CAUSE))
        case "Task":
            yield Words(state["Resource"], font=MONO, colour=FAINT)
        case "Token":
            yield Words(state["Parameters"]["FunctionName"], font=MONO, colour=FAINT)
            yield Words(f"until its token comes, {state['TimeoutSeconds']} s at most")
    letters = []
    for retry in state.get("Retry", []):
        if letter := machine.together.get(_errors(retry)):
            letters.append(f"↻ {letter}")
        else:
            yield Words(f"↻ {_errors(retry)[0]}")
            yield Words(f"    {_times(retry)}")
    if letters:
        yield Words("   ".join(letters))


def _route(drawn: Layout, rail: int) -> None:
    """Give every edge its line."""
    machine, boxes = drawn.machine, drawn.boxes
    row_of = {name: n for n, row in enumerate(machine.rows) for name in row}
    hub, sink = boxes[machine.hub], boxes[machine.sink]
    vertical: dict[tuple[str, str], int] = {}
    for edge in machine.edges:
        source, target = boxes[edge.source], boxes[edge.target]
        row = machine.rows[row_of[edge.source]] if edge.source in row_of else [edge.source]
        if edge.source == machine.start and edge.target == machine.hub:
            line = Line(edge, [(source.centre, source.bottom), (source.centre, hub.y)])
        elif edge.source == machine.hub:
            at = target.middle
            line = Line(edge, [(hub.right, at), (target.x, at)], words_at=(hub.right + 12, at - 6))
        elif edge.target == machine.hub:
            x, lane = source.x + PORT, max(boxes[name].bottom for name in row) + LANE
            line = Line(edge, [(x, source.bottom), (x, lane), (hub.right, lane)])
        elif edge.target == machine.sink and edge.label == ANY_ERROR:
            if source.name == row[-1]:
                line = Line(edge, [(source.right, source.middle), (rail, source.middle)], arrow=False)
            else:  # around what follows
                x, lane = source.right - PORT, min(boxes[name].y for name in row) - LANE
                line = Line(edge, [(x, source.y), (x, lane), (rail, lane)], arrow=False)
        elif edge.target in row:
            at = source.middle
            line = Line(edge, [(source.right, at), (target.x, at)], words_at=(source.right + 10, at - 6))
        elif abs(row_of[edge.source] - row_of[edge.target]) == 1 and source.x == target.x:
            down = row_of[edge.source] < row_of[edge.target]
            beside = vertical.get((edge.source, edge.target), 0)
            vertical[edge.source, edge.target] = beside + 1
            x = source.centre + 36 * beside
            ends = (source.bottom, target.y) if down else (source.y, target.bottom)
            line = Line(edge, [(x, y) for y in ends], words_at=(x + 8, sum(ends) // 2 + 4))
        else:
            raise OtherShape(f"{machine.name}: {edge.told} would run across others")
        drawn.lines.append(line)
    begin = min(line.points[-1][1] for line in drawn.lines if not line.arrow)
    drawn.rail = [(rail, begin), (rail, sink.middle), (sink.right, sink.middle)]


# Drawing


def svg(machine: Machine) -> str:
    drawn = layout(machine)
    legend = list(_legend(drawn))
    height = drawn.height + LINE * (len(legend) + 5) + MARGIN
    root = ElementTree.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        width=str(drawn.width),
        height=str(height),
        viewBox=f"0 0 {drawn.width} {height}",
        role="img",
    )
    _sub(root, "title").text = f"The state machine {machine.name}"
    heads = _sub(root, "defs")
    for name, colour in (("next", INK), ("caught", ERROR)):
        head = _sub(heads, "marker", id=name, viewBox="0 0 8 8", refX=7.5, refY=4, markerWidth=8, markerHeight=8)
        head.set("orient", "auto")
        _sub(head, "path", d="M0 0.5 L8 4 L0 7.5 z", fill=colour)
    _sub(root, "rect", width=drawn.width, height=height, fill="#ffffff")
    _write(root, MARGIN, 32, Words(machine.name, 18, bold=True))

    start = drawn.boxes[machine.start]
    _sub(root, "circle", cx=MARGIN + 6, cy=start.middle, r=6, fill=INK)
    _path(root, [(MARGIN + 12, start.middle), (start.x, start.middle)])
    _path(root, drawn.rail, caught=True)
    _write(root, drawn.rail[0][0] - 8, drawn.rail[0][1] - 6, Words(ANY_ERROR, colour=ERROR), end=True)
    for line in drawn.lines:
        path = _path(root, line.points, caught=line.edge.caught, arrow=line.arrow)
        _sub(path, "title").text = line.edge.told
        if not line.arrow:
            _sub(root, "circle", cx=line.points[-1][0], cy=line.points[-1][1], r=2.5, fill=ERROR)
        if line.words_at is not None and line.edge.label:
            words = Words(line.edge.label, colour=ERROR) if line.edge.caught else Words(line.edge.label, font=MONO)
            _write(root, *line.words_at, words)
    for box in drawn.boxes.values():
        _draw(root, box)
    _below(root, legend, drawn)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _draw(root: ElementTree.Element, box: Box) -> None:
    fill, stroke, _ = KINDS[box.kind]
    group = _sub(root, "g", id=box.name)
    _sub(
        group,
        "rect",
        x=box.x,
        y=box.y,
        width=box.width,
        height=box.height,
        rx=14 if box.kind in ("Succeed", "Fail") else 5,
        fill=fill,
        stroke=stroke,
    ).set("stroke-width", "1.5")
    y = box.middle - LINE * len(box.words) // 2
    for n, words in enumerate(box.words):
        _write(group, box.x + PADDING, y + LINE * n + 12, words)


def _legend(drawn: Layout) -> Iterator[Words]:
    """What the letters stand for."""
    machine = drawn.machine
    for errors, letter in machine.together.items():
        yield Words(f"↻ {letter}  {_times(machine.retry(letter))}, on", bold=True)
        letters = int((drawn.width - 2 * MARGIN) / (TEXT * EM[SANS])) - 4
        yield from (Words(f"    {line}") for line in textwrap.wrap(", ".join(errors), letters))


def _below(root: ElementTree.Element, legend: Sequence[Words], drawn: Layout) -> None:
    y = drawn.height + 28
    for words in legend:
        _write(root, MARGIN, y, words)
        y += LINE
    says = "↻ which errors are tried again: the first delay × its growth up to the longest, and how many times"
    _write(root, MARGIN, y, Words(says))
    y += LINE + 6
    x = MARGIN
    used = {box.kind for box in drawn.boxes.values()}
    for kind, (fill, stroke, told) in KINDS.items():
        if kind in used:
            _sub(root, "rect", x=x, y=y - 10, width=14, height=12, rx=3, fill=fill, stroke=stroke)
            _write(root, x + 20, y, Words(told))
            x += 20 + Words(told).width + 6
    y += LINE + 4
    _path(root, [(MARGIN, y - 4), (MARGIN + 26, y - 4)])
    _write(root, MARGIN + 34, y, Words("what is next"))
    x = MARGIN + 34 + Words("what is next").width + 12
    _path(root, [(x, y - 4), (x + 26, y - 4)], caught=True)
    _write(root, x + 34, y, Words(f"an error is caught, when it is not tried again any more; {ANY_ERROR} is any other"))


def _path(
    root: ElementTree.Element, points: Sequence[Point], *, caught: bool = False, arrow: bool = True
) -> ElementTree.Element:
    steps = [f"M{points[0][0]} {points[0][1]}"]
    steps += [f"V{y2}" if x1 == x2 else f"H{x2}" for (x1, _), (x2, y2) in pairwise(points)]
    path = _sub(root, "path", d=" ".join(steps), fill="none", stroke=ERROR if caught else INK)
    path.set("stroke-width", "1.3")
    if caught:
        path.set("stroke-dasharray", "5 4")
    if arrow:
        path.set("marker-end", f"url(#{'caught' if caught else 'next'})")
    return path


def _write(root: ElementTree.Element, x: int, y: int, words: Words, *, end: bool = False) -> None:
    text = _sub(root, "text", x=x, y=y, fill=words.colour)
    text.set("font-family", words.font)
    text.set("font-size", str(words.size))
    text.set("xml:space", "preserve")
    if words.bold:
        text.set("font-weight", "bold")
    if end:
        text.set("text-anchor", "end")
    text.text = words.text


def _sub(parent: ElementTree.Element, tag: str, **attributes: str | float) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})


# All of them


def pictures() -> dict[str, str]:
    """By path below the root."""
    machines = [
        Machine(path.name.removesuffix(".asl.json"), json.loads(path.read_text()))
        for path in sorted(DEFINITIONS.glob("*.asl.json"))
    ]
    return {f"{PICTURES}/{machine.name}.svg": svg(machine) for machine in machines}
