"""Random lives of sales in which the exchange lies, or is gone for ever, besides all that goes wrong in `sale_lives`.

    python -m tests.purchases.lying_sale_lives 4711            replays one seed and tells what happened
    python -m tests.purchases.lying_sale_lives --from 0 --lives 100000

As `lying_lives`: nobody gets what was not sold, and what is held in the end two operators can release.
"""

from __future__ import annotations

import sys
from functools import partial

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from tests import books
from tests.lives import lived, main
from tests.purchases.lives import unfair_among_members
from tests.purchases.lying_lives import LyingLife
from tests.purchases.sale_lives import SaleLife, unfair_sales

COMMAND = "python -m tests.purchases.lying_sale_lives"


class LyingSaleLife(LyingLife, SaleLife):
    def _check(self) -> None:
        items = list(self.desk.dynamo.items())
        found = [*books.violations(items), *unfair_among_members(items), *unfair_sales(items)]
        found += self.truth.violations(items)
        assert not found, "\n".join(found)


live = partial(lived, LyingSaleLife, COMMAND)


if __name__ == "__main__":
    sys.exit(main(LyingSaleLife, COMMAND, __doc__))
