"""The files of the exchange's process: nothing is lost by a restart, and trades are written once."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.exchange.keeping import Keeper
from sandbox.exchange.simulated import SimulatedExchange
from sandbox.exchange.venue import BUY, SELL, Kind, Trade
from tests.sandbox.exchange import NOON


@dataclass
class Run:
    """A life of the process."""

    exchange: SimulatedExchange
    keeper: Keeper

    def trade(self, times: int = 1) -> None:
        for side, account in ((SELL, "maker"), (BUY, "taker")) * times:
            self.exchange.venue.place(
                account, "BTCUSDT", side, Kind.LIMIT, quantity=Decimal("0.1"), price=Decimal(60000)
            )

    @property
    def trades(self) -> list[Trade]:
        return self.exchange.venue.trades("maker", "BTCUSDT")


def begin(path: Path) -> Run:
    exchange = SimulatedExchange(lambda: NOON)
    run = Run(exchange, Keeper(path, exchange, dict))
    if run.keeper.restore() is None:
        exchange.furnish()
        for account in ("maker", "taker"):
            exchange.venue.open_account(account, {"BTC": Decimal(10), "USDT": Decimal(10**6)}, magic=False)
    return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchange.json"


def lines(path: Path) -> list[str]:
    return path.with_name("exchange.trades.jsonl").read_text().splitlines()


def test_trades_are_added_to_their_file_and_known_after_a_restart(path: Path) -> None:
    first = begin(path)
    first.trade()
    first.keeper.save()
    before = lines(path)
    first.trade(2)
    first.keeper.save()
    assert lines(path)[:2] == before
    assert len(lines(path)) == 6
    second = begin(path)
    assert second.exchange.state() == first.exchange.state()
    assert second.trades == first.trades
    second.trade()
    second.keeper.save()
    assert len(lines(path)) == 8
    assert begin(path).trades == second.trades


def test_trades_that_no_state_knows_of_are_cut_off(path: Path) -> None:
    """A process died between its two files, or amid the first."""
    first = begin(path)
    first.trade()
    first.keeper.save()
    kept = path.read_text()
    first.trade(2)
    first.keeper.save()
    path.write_text(kept)
    with path.with_name("exchange.trades.jsonl").open("a") as file:
        file.write('["half a li')
    second = begin(path)
    assert second.trades == first.trades[:1]
    second.trade()
    second.keeper.save()
    assert len(lines(path)) == 4
    assert begin(path).trades == second.trades


def test_a_new_beginning_forgets_the_trades_of_the_last(path: Path) -> None:
    first = begin(path)
    first.trade(3)
    first.keeper.save()
    path.unlink()
    second = begin(path)
    assert second.trades == []
    second.trade()
    second.keeper.save()
    assert len(lines(path)) == 2


def test_trades_that_are_missing_stop_the_start(path: Path) -> None:
    first = begin(path)
    first.trade(2)
    first.keeper.save()
    trades = path.with_name("exchange.trades.jsonl")
    trades.write_text("".join(f"{line}\n" for line in lines(path)[:3]))
    with pytest.raises(ValueError, match="has 3 trades, and 4 belong to the state"):
        begin(path)


def test_a_state_from_before_there_was_a_wallet_is_read(path: Path) -> None:
    """Its trades, which were within it, are moved to their file."""
    first = begin(path)
    first.trade()
    path.write_text(json.dumps({"settings": {}, "venue": first.exchange.state()["venue"]}))
    second = begin(path)
    assert second.trades == first.trades
    second.keeper.save()
    assert len(lines(path)) == 2
    assert begin(path).trades == first.trades


def test_nothing_is_written_when_nothing_has_happened(path: Path) -> None:
    run = begin(path)
    run.trade()
    run.keeper.save()
    path.unlink()
    run.keeper.save()
    assert not path.exists()
    run.trade()
    run.keeper.save()
    assert path.exists()
