"""Pictures of each page, in build/console: to be looked at, by whoever has changed how pages look."""

from __future__ import annotations

from common.owner import Owner
from infra.bundle import ROOT
from tests.depth import PROVED
from tests.desk import Desk
from tests.seen import payout_failed
from tests.web.conftest import NARROW, WIDE, Tabs
from tests.web.pages import each_page

PICTURES = ROOT / "build" / "console"


@PROVED
def test_each_page_has_its_picture_on_a_desk_and_on_a_telephone(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, page in each_page(tabs, desk, ann, payout_failed(desk, ann)):
        for size, suffix in ((WIDE, ""), (NARROW, "-narrow")):
            page.set_viewport_size(size)
            page.screenshot(path=PICTURES / f"{name}{suffix}.png", full_page=True)
    assert len(list(PICTURES.glob("*.png"))) >= 2 * 14
