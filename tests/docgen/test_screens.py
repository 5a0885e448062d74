"""Each screen of the console is in docs/screens.md, with its two pictures, which are small."""

from __future__ import annotations

from PIL import Image

from docgen import screens
from tests.web.pages import paths


def test_each_screen_is_on_the_page_with_a_window_and_a_telephone() -> None:
    named = [name for group in screens.GROUPS.values() for name in group]
    assert sorted(named) == sorted(paths("S", "O", "Q", "P", "V", ("M", "R"), ("R", "E", "W")))
    assert screens.PAGE.read_text() == screens.page(), "make screens"
    wide = {"": 1280, "-narrow": 375}
    for name in named:
        for ending, high in screens.HIGH.items():
            with Image.open(screens.FOLDER / f"{name}{ending}.png") as picture:
                assert (picture.mode, picture.width) == ("P", wide[ending]), name
                assert picture.height <= high, name


def test_pictures_of_screens_are_small() -> None:
    sizes = [path.stat().st_size for path in screens.FOLDER.iterdir()]
    assert max(sizes) <= screens.BYTES_MAX
    assert sum(sizes) <= screens.ALL_MAX
