"""`desk mm backtest`, as a shell runs it. It asks no desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backtest.playing import TOLD
from tests.console.run import Said, desk


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a file beside who calls."""
    monkeypatch.setenv("DESK_CALLED_FROM", str(tmp_path))
    (tmp_path / "btc.yml").write_text("\n".join(f"{name}: {value}" for name, value in TOLD.items()))
    return "btc.yml"


def backtest(*words: str) -> Said:
    return desk("mm", "backtest", *words, "--hours", "0.2", "--fee", "0.02")


def test_a_configuration_is_played_told_and_drawn(config: str, tmp_path: Path) -> None:
    said = backtest(config)
    assert said.code == 0
    assert "BTC-USDT · 0.2 h of seed 1" in said.out
    assert "two-sided uptime" in said.words
    assert (tmp_path / "backtest.png").read_bytes().startswith(b"\x89PNG")


def test_a_program_gets_one_object_and_the_same_each_time(config: str) -> None:
    first, second = backtest(config, "--json"), backtest(config, "--json")
    assert first.json == second.json
    performance = first.json["cases"][0]["performance"]
    assert int(performance["fills"]) > 0
    assert set(performance) >= {"realised", "unrealised", "against_hold", "fees", "volume", "uptime", "drawdown"}


def test_a_sweep_is_compared_and_its_best_is_drawn(config: str, tmp_path: Path) -> None:
    said = backtest(config, "--sweep", "bid_spread=0.1,0.2", "--picture", "best.png", "--json")
    assert [case["parameters"] for case in said.json["cases"]] == [{"bid_spread": "0.1"}, {"bid_spread": "0.2"}]
    gains = [float(case["performance"]["against_hold"]) for case in said.json["cases"]]
    assert said.json["best"] == gains.index(max(gains))
    assert (tmp_path / "best.png").exists()


def test_what_was_recorded_is_played(config: str, tmp_path: Path) -> None:
    rows = [f"{1_777_723_200 + 5 * n},{60_000 + 40 * (n % 5)},0.02,{'buy' if n % 2 else 'sell'}" for n in range(200)]
    (tmp_path / "trades.csv").write_text("\n".join(["time,price,quantity,side", *rows]))
    said = backtest(config, "--trades", "trades.csv", "--json")
    assert said.json["cases"][0]["performance"]["fills"] > 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere.yml"], "nowhere.yml"),
        (["btc.yml", "--sweep", "bid_spread"], "--sweep 'bid_spread'"),
        (["btc.yml", "--sweep", "spread=1,2"], "spread is no parameter"),
        (["btc.yml", "--trades", "btc.yml"], "no column time"),
        (["btc.yml", "--price", "much"], "--price is 'much'"),
    ],
)
def test_what_is_misused_is_told(config: str, words: list[str], why: str) -> None:
    said = backtest(*words)
    assert said.code == 2
    assert why in said.err
