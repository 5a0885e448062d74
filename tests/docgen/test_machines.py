"""The diagrams and lists of the machines say all that the definitions say, whatever their shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from docgen import machines
from docgen.machines import NotOnThePage
from infra.bundle import ROOT

PAGE = (ROOT / machines.PAGE).read_text()
EACH = pytest.mark.parametrize("name", machines.definitions())
PLACE = "<!-- machine: line -->\n<!-- end -->\n"
# What no machine has today. How those are drawn, the page itself shows.
LINE: dict[str, Any] = {
    "Comment": "Buys, and shares out.",
    "StartAt": "Work",
    "States": {
        "Work": {"Type": "Task", "Resource": "work", "Next": "NextStep", "Retry": [{"ErrorEquals": ["NotYet"]}]},
        "NextStep": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [{"Variable": "$.n", "NumericEquals": 1}, {"Not": {"Variable": "$.b", "IsNull": True}}],
                    "Next": "Soon",
                },
            ],
            "Default": "Stopped",
        },
        "Soon": {"Type": "Wait", "TimestampPath": "$.at", "Next": "Work"},
        "Stopped": {"Type": "Fail", "CausePath": "$.reason"},
    },
}


def _line() -> str:
    return machines.drawn(PLACE, {"line": LINE})


def _arrows(page: str) -> list[str]:
    return [line.strip() for line in page.splitlines() if "-->" in line and line.startswith("    ")]


def test_choices_waits_and_defaults_of_other_forms_are_told_too() -> None:
    assert "NextStep --> Soon : $.n NumericEquals 1 and not $.b IsNull True" in _arrows(_line())
    rows = _line().splitlines()
    assert "- `Work`: `work` (tried again: `NotYet` after 1 s × 2, 3 times)" in rows
    assert "- `Soon`: waits until `$.at`" in rows
    assert "- `Stopped`: the execution fails, with the cause in `$.reason`" in rows


@EACH
def test_every_state_and_every_error_of_a_real_machine_is_told(name: str) -> None:
    definition = machines.definitions()[name]
    drawn = machines.drawn(PLACE.replace("line", name), {name: definition})
    arrows = _arrows(drawn)
    for state, says in definition["States"].items():
        assert f"- `{state}`: " in drawn
        if "Next" in says:
            assert f"{state} --> {says['Next']}" in arrows
        for rule in (*says.get("Retry", []), *says.get("Catch", [])):
            for error in set(rule["ErrorEquals"]) - {"States.ALL"}:
                assert error in drawn, state
        for choice in says.get("Choices", []):
            assert f"{state} --> {choice['Next']} : {choice['StringEquals']}" in arrows
        assert says.get("Comment", "") in " ".join(drawn.split())
    assert max(map(len, drawn.splitlines())) <= machines.LINE_MAX


@EACH
def test_the_page_explains_every_stage_and_every_end_in_words(name: str) -> None:
    written = machines._REGION.sub("", PAGE)
    for state, says in machines.definitions()[name]["States"].items():
        if says["Type"] == "Choice":
            assert all(f"`{choice['StringEquals']}`" in written for choice in says["Choices"])
        if says["Type"] in ("Succeed", "Fail"):
            assert f"`{state}`" in written


def test_drawing_again_changes_nothing() -> None:
    assert machines.drawn(_line(), {"line": LINE}) == _line()
    assert machines.drawn(PAGE, machines.definitions()) == PAGE, "run `make docs`"


def test_a_machine_without_a_place_on_the_page_stops_the_drawing() -> None:
    with pytest.raises(NotOnThePage, match="payout"):
        machines.drawn(PLACE, {"line": LINE, "payout": LINE})
    with pytest.raises(NotOnThePage, match="line"):
        machines.drawn(PLACE, json.loads("{}"))
