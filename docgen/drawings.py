"""Diagrams of states as SVG, for the docs as a site: what draws Mermaid in a browser comes from elsewhere and writes
styles, and a page of the desk takes neither. States stand from top to bottom in the order of what usually happens, as
in the console (web/machine.js); ways down are at their right, ways back at their left, and on what a way is taken is
told beside the state that it leaves.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape

MERMAID = re.compile(r"```mermaid\n(.*?)\n```", re.DOTALL)
STATES = "stateDiagram-v2\n"
_WAY = re.compile(r"^ +(\S+) --> (\S+)(?: : (.+))?$", re.MULTILINE)
_EDGE = "[*]"  # where it begins, and where it ends

_HIGH, _GAP, _LINE = 26, 16, 15  # of a state, below it, of a line of text
_LANE, _LANES = 7, 11  # between ways side by side; those that go further share the last one
_LETTER = 7.8  # as wide as one is at most, at the size that is written with
_INK, _FAINT, _PAPER, _BOX, _END = "#1f2937", "#6b7280", "#ffffff", "#eef2f7", "#d9f0e2"


@dataclass(frozen=True)
class Way:
    before: str
    after: str
    why: str


@dataclass(frozen=True)
class Drawing:
    ways: tuple[Way, ...]

    @classmethod
    def of(cls, diagram: str) -> Drawing:
        """Of Mermaid's text, as `docgen.machines` and `docgen.states` write it."""
        return cls(tuple(Way(*found) for found in _WAY.findall(diagram)))

    @cached_property
    def states(self) -> tuple[str, ...]:
        """In the order in which the text leaves them; last those that it only leads to."""
        names = [way.before for way in self.ways] + [way.after for way in self.ways]
        return tuple(name for name in dict.fromkeys(names) if name != _EDGE)

    @cached_property
    def why(self) -> Mapping[str, list[str]]:
        """Of each state, on what it leads where, where that is told."""
        told: dict[str, list[str]] = defaultdict(list)
        for way in self.ways:
            if way.why:
                told[way.before].append(f"{way.why} → {way.after}")
        return told

    @cached_property
    def tops(self) -> Mapping[str, int]:
        tops, top = {}, 22
        for name in self.states:
            tops[name] = top
            top += max(_HIGH, _LINE * len(self.why[name])) + _GAP
        return tops

    @cached_property
    def wide(self) -> int:
        return max(120, *(round(_LETTER * len(name)) + 20 for name in self.states))

    @property
    def left(self) -> int:
        return _LANES * _LANE + 16

    def svg(self) -> str:
        beside = self.left + self.wide + _LANES * _LANE + 16
        texts = [line for name in self.states for line in self.why[name]]
        wide = beside + round(max((_LETTER * 0.85 * len(line) for line in texts), default=0)) + 8
        last = self.states[-1]
        high = self.tops[last] + max(_HIGH, _LINE * len(self.why[last])) + 14
        parts = [f'<rect width="{wide}" height="{high}" rx="8" fill="{_PAPER}"/>']
        parts += [part for way in self.ways for part in self._way(way)]
        for name in self.states:
            parts += self._state(name, beside)
        font = 'font-family="system-ui, sans-serif" font-size="13"'
        size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>\n' + "\n".join(parts) + "\n</svg>\n"

    def _state(self, name: str, beside: int) -> list[str]:
        top, ends = self.tops[name], Way(name, _EDGE, "") in self.ways
        middle = top + _HIGH // 2
        box = f'x="{self.left}" y="{top}" width="{self.wide}" height="{_HIGH}" rx="{_HIGH // 2 if ends else 4}"'
        text = f'x="{self.left + self.wide // 2}" y="{middle + 4}" text-anchor="middle" fill="{_INK}"'
        parts = [
            f'<rect {box} fill="{_END if ends else _BOX}" stroke="{_FAINT}"/>',
            f"<text {text}>{escape(name)}</text>",
        ]
        for n, line in enumerate(self.why[name]):
            at = f'x="{beside}" y="{middle + 4 + n * _LINE}" font-size="11" fill="{_FAINT}"'
            parts.append(f"<text {at}>{escape(line)}</text>")
        return parts

    def _way(self, way: Way) -> list[str]:
        if way.after == _EDGE:
            return []  # it is round, and of another colour
        centre = self.left + self.wide // 2
        if way.before == _EDGE:
            top = self.tops[way.after]
            return [
                f'<circle cx="{centre}" cy="{top - 14}" r="4" fill="{_INK}"/>',
                _drawn(f"M{centre} {top - 10}V{top}"),
            ]
        before, after = self.states.index(way.before), self.states.index(way.after)
        if after == before + 1:
            down = self.tops[way.after]
            return [
                _drawn(f"M{centre} {self.tops[way.before] + _HIGH}V{down}"),
                _head(centre - 4, down - 6, 4, 6, 4, -6),
            ]
        out = min(max(abs(after - before), 1), _LANES) * _LANE
        begin, end = (self.tops[name] + _HIGH // 2 for name in (way.before, way.after))
        if after > before:
            edge = self.left + self.wide
            return [_drawn(f"M{edge} {begin + 5}H{edge + out}V{end - 5}H{edge}"), _head(edge + 6, end - 9, -6, 4, 6, 4)]
        edge = self.left
        return [_drawn(f"M{edge} {begin - 5}H{edge - out}V{end + 5}H{edge}"), _head(edge - 6, end + 1, 6, 4, -6, 4)]


def _drawn(line: str) -> str:
    return f'<path d="{line}" fill="none" stroke="{_FAINT}"/>'


def _head(x: int, y: int, *to: int) -> str:
    a, b, c, d = to
    return f'<path d="M{x} {y}l{a} {b}l{c} {d}z" fill="{_FAINT}"/>'
