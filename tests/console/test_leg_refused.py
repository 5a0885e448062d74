"""The page about a leg that was refused, played: its commands, in their order, by the real command line."""

from __future__ import annotations

import re
import shlex
from decimal import Decimal

from functions.market_making.model import Status
from infra.bundle import ROOT
from tests.console.test_stuck import Ask, ask
from tests.desk import Desk
from tests.market_making.market import ANN, BTC, USDT
from tests.market_making.test_operators import M, stuck_leg, until, until_a_person

__all__ = ["ask"]

PAGE = (ROOT / "docs" / "runbooks" / "leg-refused.md").read_text()
COMMANDS = re.findall(r"^    \./desk (.*)$", PAGE, re.MULTILINE)


def test_an_order_whose_second_leg_was_refused_is_moved_as_its_page_says(desk: Desk, ask: Ask) -> None:
    """In at most four commands, two of them looks: all of it comes back to who paid."""
    market = desk.market
    stuck_leg(market)
    until_a_person(market)
    assert len(COMMANDS) <= 4
    proposal = "PROPOSAL"
    for command in COMMANDS:
        words = [{"ID": M, "PROPOSAL": proposal, "…": "seen"}.get(word, word) for word in shlex.split(command)]
        said = ask(*words, by="otto" if "confirm" in words else "olga")
        assert (said.code, said.err) == (0, ""), command
        if words[:2] == ["work", "list"]:
            assert re.search(rf"{M} .* an operator: a part of it is at the exchange: bring it home", said.words)
        if words[:2] == ["work", "show"]:
            assert re.search("funding: 4995 .* REFUSED|REFUSED.* funding: 4995", said.words)
            assert f'desk mm home {M} --reason "…"' in said.words
        if words[:2] == ["mm", "home"]:
            proposal = re.findall(r"desk proposals confirm (\S+)", said.words)[0]
    until(market, Status.REFUNDED)
    assert market.has(ANN)[USDT] == 5000
    assert Decimal("0.09") < market.has(ANN)[BTC] < Decimal("0.1")
    assert ask("work", "list", "--context", "market-making").out == "Nothing is unfinished.\n"
