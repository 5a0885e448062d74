"""How a run looks: the price with our quotes and fills, the inventory, and the gain with what it is made of."""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from math import isnan
from pathlib import Path
from typing import Any

from common.gateways.exchange import Side
from sandbox.backtest.measuring import Played, captured_of, curve, fee_of, moment_of
from sandbox.backtest.running import Moment

INK, FAINT, GRID = "#22303c", "#7b8794", "#e4e8ec"
BUYS, SELLS, GAIN = "#0a9396", "#d1495b", "#2b59c3"
INCHES, DPI, COLOURS = (14.5, 8), 100, 128
FILLS_IN_FULL = 400  # more of them are drawn smaller
CLOSE_UP = 3_600_000  # milliseconds
_NOTHING = Decimal(0)


def draw(of: Played, facts: Iterable[tuple[str, str]], title: str, picture: Path) -> None:
    """A PNG. `facts`: what, and its figure. Raises OSError."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import dates as matplotlib_dates
    from matplotlib import pyplot
    from PIL import Image

    plt: Any = pyplot  # its types know no times, and so on
    dates: Any = matplotlib_dates

    fonts = {"font.size": 9.5, "text.color": INK, "axes.labelcolor": INK, "xtick.color": FAINT, "ytick.color": FAINT}
    with plt.rc_context({**fonts, "axes.edgecolor": GRID, "axes.axisbelow": True}):
        figure = plt.figure(figsize=INCHES, layout="constrained")
        grid = figure.add_gridspec(3, 2, height_ratios=(5, 1.5, 2.6), width_ratios=(2.1, 1))
        price = figure.add_subplot(grid[0, 0])
        inventory, gain = (figure.add_subplot(grid[row, 0], sharex=price) for row in (1, 2))
        close_up, table = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1:, 1])
        figure.suptitle(title, x=0.012, ha="left", fontsize=14, fontweight="bold")
        began, ended = _busiest(of)
        _price(price, of.moments)
        _fills(price, of, small=len(of.traded) > FILLS_IN_FULL)
        price.legend(loc="upper left", ncols=3, frameon=True, framealpha=0.85, edgecolor="none", fontsize=9)
        _close_up(close_up, of, began, ended)
        if (ended - began) < of.ended - of.began:
            price.axvspan(moment_of(began), moment_of(ended), color=FAINT, alpha=0.13, linewidth=0)
        _inventory(inventory, of)
        _gain(gain, of)
        _facts(table, list(facts))
        for axes in (price, inventory, gain, close_up):
            axes.grid(color=GRID, linewidth=0.8)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(length=0)
            axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
        price.margins(x=0.005, y=0.12)
        price.tick_params(labelbottom=False)
        inventory.tick_params(labelbottom=False)
        for above in (price, inventory):
            above.xaxis.get_offset_text().set_visible(False)
        figure.align_ylabels([price, inventory, gain])
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=DPI)
        plt.close(figure)
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(picture, "PNG", optimize=True)


def _busiest(of: Played) -> tuple[int, int]:
    """The hour with the most fills, from a cycle on."""
    if of.ended - of.began <= CLOSE_UP:
        return of.began, of.ended
    filled = sorted(int(one.trade.at.timestamp() * 1000) for one in of.traded)
    starts = range(of.began, of.ended - CLOSE_UP + 1, CLOSE_UP // 12)
    found = max(starts, key=lambda start: bisect_left(filled, start + CLOSE_UP) - bisect_left(filled, start))
    return found, found + CLOSE_UP


def _price(axes: Any, moments: Sequence[Moment]) -> None:
    times = [moment_of(moment.at) for moment in moments]
    axes.plot(times, [float(m.middle) for m in moments], color=INK, linewidth=1, label="middle of the others")
    axes.set_ylabel("price")
    axes.yaxis.set_major_formatter(_as_price)


def _close_up(axes: Any, of: Played, began: int, ended: int) -> None:
    moments = [moment for moment in of.moments if began <= moment.at <= ended]
    times = [moment_of(moment.at) for moment in moments]
    asks, bids = [_float(moment.ask) for moment in moments], [_float(moment.bid) for moment in moments]
    axes.fill_between(times, bids, asks, step="post", color=INK, alpha=0.05, linewidth=0)
    axes.plot(times, asks, color=SELLS, linewidth=1, drawstyle="steps-post", label="our best ask")
    axes.plot(times, bids, color=BUYS, linewidth=1, drawstyle="steps-post", label="our best bid")
    _price(axes, moments)
    _fills(axes, of, small=False)
    axes.set_xlim(moment_of(began), moment_of(ended))
    axes.set_ylabel("")
    axes.set_title("in close-up, where it was met most", loc="left", fontsize=9.5, color=FAINT)
    shown = [float(m.middle) for m in moments] + [price for price in (*asks, *bids) if not isnan(price)]
    room = (max(shown) - min(shown)) * 0.16 or max(shown) / 1000
    axes.set_ylim(min(shown) - room / 4, max(shown) + room)
    axes.legend(*_first(axes, 2), loc="upper left", ncols=2, framealpha=0.85, edgecolor="none", fontsize=9)


def _first(axes: Any, several: int) -> tuple[list[Any], list[str]]:
    lines, labels = axes.get_legend_handles_labels()
    return lines[:several], labels[:several]


def _fills(axes: Any, of: Played, *, small: bool) -> None:
    for side, colour, mark, what in ((Side.SELL, SELLS, "v", "sold"), (Side.BUY, BUYS, "^", "bought")):
        trades = [one.trade for one in of.traded if one.trade.side is side]
        axes.scatter(
            [trade.at for trade in trades],
            [float(trade.price) for trade in trades],
            s=12 if small else 34,
            marker=mark,
            color=colour,
            edgecolors="white",
            linewidths=0.3,
            zorder=3,
            label=f"{what} ({len(trades):,})",
        )


def _facts(axes: Any, rows: Sequence[tuple[str, str]]) -> None:
    axes.set_axis_off()
    for number, (what, figure) in enumerate(rows):
        height = 1 - (number + 0.5) / len(rows)
        axes.text(0.02, height, what, color=FAINT, va="center", transform=axes.transAxes)
        axes.text(0.98, height, figure, ha="right", va="center", transform=axes.transAxes)
        if number:
            axes.axhline(1 - number / len(rows), color=GRID, linewidth=0.8)
    axes.set_ylim(0, 1)


def _as_price(value: float, _: object) -> str:
    return f"{value:,.6g}" if value < 100 else f"{value:,.0f}"


def _inventory(axes: Any, of: Played) -> None:
    times = [moment_of(moment.at) for moment in of.moments]
    parts = [float(point.inventory) * 100 for point in curve(of)]
    axes.fill_between(times, parts, 50, color=GAIN, alpha=0.12, linewidth=0)
    axes.plot(times, parts, color=GAIN, linewidth=1.1)
    axes.axhline(50, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 100)
    axes.set_yticks((0, 50, 100))
    axes.set_ylabel("inventory")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")


def _gain(axes: Any, of: Played) -> None:
    times = [moment_of(moment.at) for moment in of.moments]
    gains = [float(point.against_hold) for point in curve(of)]
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.fill_between(times, gains, 0, color=GAIN, alpha=0.12, linewidth=0)
    axes.plot(times, gains, color=GAIN, linewidth=1.4, label="against holding")
    if of.traded:
        at = [times[0], *(one.trade.at for one in of.traded), times[-1]]
        for what, amounts, colour in (
            ("spread captured", [captured_of(one) for one in of.traded], BUYS),
            ("fees", [-fee_of(one) for one in of.traded], SELLS),
        ):
            sums = list(accumulate(amounts, initial=_NOTHING))
            told = [float(total) for total in (*sums, sums[-1])]
            axes.plot(at, told, color=colour, linewidth=1, drawstyle="steps-post", label=what)
    axes.set_ylabel("gain")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if abs(value) >= 10 else f"{value:,.2g}")
    axes.legend(loc="upper left", ncols=3, frameon=True, framealpha=0.85, edgecolor="none", fontsize=9)


def _float(price: Decimal | None) -> float:
    return float("nan") if price is None else float(price)
