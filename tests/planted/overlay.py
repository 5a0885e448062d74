"""A plugin of pytest that plants one bug, named by PLANTED: its modules are loaded with the changed text, in this
process alone. No file is written, so that others may run at the same time. By hand:

    PLANTED=payouts-abandoned-at-once python -m pytest -p tests.planted.overlay tests/payouts
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from tests.planted.table import named


class Planted(SourceFileLoader):
    """Never from bytecode, nor into any."""

    def __init__(self, module: str, path: str, source: str) -> None:
        super().__init__(module, path)
        self._source = source

    def get_code(self, _: str) -> CodeType:
        code: CodeType = self.source_to_code(self._source.encode(), self.path)
        return code


class Planting(MetaPathFinder):
    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._sources:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = Planted(fullname, spec.origin, self._sources[fullname])
        return spec


_planted = named(os.environ["PLANTED"]).planted()
assert not _planted.keys() & sys.modules.keys(), "it is loaded already, as it was"
sys.meta_path.insert(0, Planting(_planted))
