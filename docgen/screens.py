"""`python -m docgen.screens`: docs/screens.md, and a picture of each screen in docs/screens/, of those that
tests/web/test_pictures.py has taken (`make screens` does both). By day at a desk; by night on a telephone. What does
not fit into a window is cut off, as a window does, and few colours are enough for letters and lines.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from infra.bundle import ROOT

TAKEN = ROOT / "build" / "console"
FOLDER, PAGE = ROOT / "docs" / "screens", ROOT / "docs" / "screens.md"
BYTES_MAX, ALL_MAX = 30_000, 1_500_000
HIGH = {"": 900, "-narrow": 812}  # of a window, by the ending of a picture's name
# Those of Pico and of web/app.css, by day and by night; besides them those that a picture has most of.
OURS = {
    "": "ffffff 373c44 646b79 2d3138 1b1b1b 01659e 0172ad b3261e 1b6e3c fde7c0",
    "-narrow": "13171f 181c25 c2c7d0 7b8495 f0f1f3 01aaff 0172ad ffb4ab 8fd6a6 014063",
}
MORE = 8

# By the name of a page in tests/web/pages.py: what it is called, and what is seen there.
OF_ALL = {
    "sign-in": ("Signing in", "A customer or an operator signs in; his user pool's own page asks for the password.")
}
OF_OPERATORS = {
    "work": ("Work", "What is unfinished, overdue first; anything is searched for by its id."),
    "story": ("Story", "What has happened to one thing, what may be done about it, and its machine below."),
    "machines": ("Machines", "The machines that move orders, and how many executions each has."),
    "machine": ("Machine", "Where the executions of one machine stand, by state."),
    "approvals": ("Approvals", "What one operator has proposed, for another one to confirm or dismiss."),
    "found": ("Found", "What the desk knows by an id, a username or a reference."),
    "parked": ("Parked", "Events of the bank that the desk could not place."),
    "halts": ("Halts", "Which flows are halted, by whom and why; another operator lifts them."),
    "customer": ("Customer", "Where somebody's money is, and what holds it."),
    "books": ("Books", "Whether the books add up, and whether exchange, bank, custody and billing say the same."),
    "audit": ("Audit", "What operators did by hand; the browser verifies the chain of it."),
    "catalogue": ("Catalogue", "The assets that can be traded, and their rules."),
    "asset": ("Asset", "An asset's rules; what is changed is shown beside what was, and takes two."),
    "pools": ("Pools", "Small purchases and sales that wait for others."),
    "users": ("Users", "All accounts, newest first."),
    "dealers": ("Dealers", "All dealers, and which of them wait for a person."),
    "dealer": ("Dealer", "A dealer's accounts and bills, and what has happened to him."),
    "trading-accounts": ("Trading accounts", "Market making's accounts at exchanges, and the pairs that are quoted."),
    "trading-account": ("Trading account", "How many orders it takes, its settings, and how it is halted."),
}
OF_CUSTOMERS = {
    "portfolio": ("Portfolio", "What the account has, what that is worth and has cost, and what is held."),
    "orders": ("Orders", "All orders, newest first."),
    "order": ("Order", "What became of an order, and whether it can still be cancelled."),
    "trade": ("Trade", "Buying and selling at the desk's own price, for an amount of dollars or of coins."),
    "price": ("A promised price", "It is good for some seconds, which are counted down."),
    "exchange": ("At the exchange", "Buying and selling there; small orders wait in a pool for others."),
    "purchase": ("Purchase", "How far a purchase is, and when its pool ends."),
    "sale": ("Sale", "How far a sale is."),
    "cash-outs": ("Cash-outs", "Coins that were sold for dollars at the bank."),
    "cash-out": ("Cash-out", "Its stages in words, the attempts to pay, and when it is expected."),
    "cash-out-new": ("A new cash-out", "How many coins, and to which bank account."),
    "market-making": ("Market making", "The customer's market-making orders, and the stage of each."),
    "market-making-new": (
        "Making a market",
        "The settings, typed or from a file; then the quotes that they would make now.",
    ),
    "market-making-paying": ("Paying for it", "The exact transfers that it waits for, each with its code."),
    "market-making-quoting": ("Quoting", "Its quotes on the book, fills, inventory and gain."),
    "market-making-settings": ("Other settings", "The settings of an order are changed while it quotes."),
    "recurring": ("Recurring buys", "Coins bought again and again."),
    "plan": ("Recurring buy", "When it has bought, and when it buys next."),
    "withdrawals": ("Withdrawals", "Dollars that go to the customer's bank, and those that went."),
    "withdrawal": ("Withdrawal", "How far one is, and where it goes."),
    "account": ("Account", "What is left of the limits today, and the accounts at banks."),
    "statements": ("Statements", "A month of money and coins, line by line."),
    "webhooks": ("Webhooks", "The addresses that are told what becomes of orders."),
    "webhook": ("Webhook", "The messages that were sent there, and how each was answered."),
    "nothing": ("No such page", "An address that no page has."),
}
OF_DEALERS = {
    "bills": ("Bills", "A dealer's bills, unpaid first, with what was paid of them."),
    "bill": ("Bill", "What is left to pay of one, and what was paid."),
    "accounts": ("Accounts to pay to", "The contract number of each, to be copied, and what is on it."),
    "dealers-statements": ("A dealer's statements", "A month of bills and payments, as a table, as PDF and as CSV."),
}
GROUPS = {
    "For everybody": OF_ALL,
    "For operators": OF_OPERATORS,
    "For customers": OF_CUSTOMERS,
    "For a dealer's people": OF_DEALERS,
}
HEAD = """<!-- drawn by `make screens`: do not edit -->

# Screens

The console as its tests see it, each screen in a window of 1,280 × 900 by day and on a telephone of 375 × 812 by night.
Names and amounts are made up.
"""


def page() -> str:
    parts = [HEAD]
    for group, screens in GROUPS.items():
        parts.append(f"## {group}\n")
        parts += [
            f"### {title}\n\n{says}\n\n![{title}, in a window](screens/{name}.png)\n"
            f"![{title}, on a telephone](screens/{name}-narrow.png)\n"
            for name, (title, says) in screens.items()
        ]
    return "\n".join(parts)


def reduced(taken: Path, to: Path, ending: str, high: int) -> None:
    """Where a window has so much in it that its picture is too large, a lower one."""
    with Image.open(taken) as whole:
        shown = whole.convert("RGB").crop((0, 0, whole.width, min(whole.height, high)))
    most = shown.quantize(MORE, dither=Image.Dither.NONE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(bytes.fromhex(OURS[ending]) + bytes(most[: 3 * MORE]))
    shown.quantize(palette=palette, dither=Image.Dither.NONE).save(to, optimize=True)
    if to.stat().st_size > BYTES_MAX:
        reduced(taken, to, ending, shown.height - 50)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for name in (name for group in GROUPS.values() for name in group):
        for ending, high in HIGH.items():
            reduced(TAKEN / f"{name}{ending}.png", FOLDER / f"{name}{ending}.png", ending, high)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
