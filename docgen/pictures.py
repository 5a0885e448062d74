"""The picture in README.md, of one of the state machines.

<!-- picture: sell-order -->     what stands between these two lines is drawn anew
<!-- end -->
"""

from __future__ import annotations

import re

from docgen import machines

PAGE = "README.md"
MACHINE = "sell-order"  # the shortest of those that move customers' money

_REGION = re.compile(r"<!-- picture: ([\w-]+) -->\n.*?<!-- end -->\n", re.DOTALL)


def drawn(page: str) -> str:
    """The page with its picture drawn anew. Raises KeyError where it asks for one that there is not."""
    pictures = {MACHINE: machines.diagram(machines.definitions()[MACHINE])}
    return _REGION.sub(lambda place: f"<!-- picture: {place[1]} -->\n\n{pictures[place[1]]}\n\n<!-- end -->\n", page)
