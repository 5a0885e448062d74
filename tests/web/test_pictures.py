"""Pictures of each page, in build/console: to be looked at, by whoever has changed how pages look."""

from __future__ import annotations

from common.owner import Owner
from infra.bundle import ROOT
from tests.depth import PROVED
from tests.desk import Desk
from tests.seen import payout_failed
from tests.web.conftest import NARROW, WIDE, Tabs, axe
from tests.web.pages import each_page

PICTURES = ROOT / "build" / "console"


@PROVED
def test_each_page_has_its_pictures_by_day_and_on_a_telephone_by_night(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """By day axe-core looks at it every day; here by night."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    faults = {}
    for name, page in each_page(tabs, desk, ann, payout_failed(desk, ann)):
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDE)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(NARROW)
        page.screenshot(path=PICTURES / f"{name}-narrow.png", full_page=True)
        faults[name] = axe(page)
    assert {name: found for name, found in faults.items() if found} == {}
