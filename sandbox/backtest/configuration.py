"""A file with a `pure_market_making` configuration of hummingbot's (version 1), read by the desk's own reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from functions.market_making import hummingbot
from functions.market_making.hummingbot import STOP_AT_VOLUME, InvalidConfiguration
from functions.market_making.strategy import InvalidRules, Rules, Terms

BYTES_MAX = 1_000_000


class BadConfiguration(Exception):
    """Names the parameter, and says what it may be."""


def read(path: Path) -> dict[str, Any]:
    """Of a YAML or JSON file; numbers are texts, digit by digit. Raises BadConfiguration, OSError."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ValueError(f"it is larger than {BYTES_MAX} bytes")
        text = path.read_text()
        told = json.loads(text, parse_float=str, parse_int=str) if path.suffix == ".json" else _yaml(text)
    except (ValueError, RecursionError, yaml.YAMLError) as no:
        raise BadConfiguration(f"{path} can not be read: {' '.join(str(no).split())}") from None
    if not isinstance(told, dict):
        raise BadConfiguration(f"{path} has no parameters; it is a mapping of hummingbot's names")
    return {str(name): value for name, value in told.items()}


def market(told: Mapping[str, Any]) -> str | None:
    """Such as BTC-USDT, where it is said."""
    return str(told["market"]) if told.get("market") else None


def rules(told: Mapping[str, Any], terms: Terms) -> Rules:
    """In whichever market the tape is of. Raises BadConfiguration."""
    try:
        settings = hummingbot.read(told, told.get("exchange") or "", told.get("market") or "")
        settings.pop(STOP_AT_VOLUME, None)
        return Rules(terms=terms, **settings)
    except (InvalidConfiguration, InvalidRules) as no:
        raise BadConfiguration(str(no)) from None


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=yaml.BaseLoader)  # of texts, lists and mappings alone: no number loses a digit
