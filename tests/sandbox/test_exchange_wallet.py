"""Money comes to the exchange and leaves it: ccxt's own client at one end, a chain at the other, nothing is lost."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.exchange.desk import DESK, DESK_AT_BINANCE
from sandbox.exchange.simulated import SimulatedExchange
from tests.gateways.wire import row
from tests.sandbox.exchange import World, exchange, refused

TRON = ("USDT", "TRX")
ALL = ("read", "trade", "withdraw")
THEIRS = "T" + "x" * 33  # an address of somebody on Tron


@pytest.fixture
def world() -> Iterator[World]:
    with exchange() as world:
        world.open("maker", USDT="1000", XRP="50")
        yield world


@pytest.fixture
def maker(world: World) -> Any:
    return world.client("maker", *ALL)


def deliver(world: World, client: Any, amount: str, txid: str = "a1", coin: str = "USDT", network: str = "TRX") -> Any:
    """The chain brings something to the address that the account is told."""
    told = client.sapi_get_capital_deposit_address({"coin": coin, "network": network})
    return bring(world, told["address"], told["tag"], amount, txid, coin, network)


def bring(world: World, address: str, tag: str, amount: str, txid: str, coin: str, network: str) -> Any:
    body = row("coin network address tag amount txid", coin, network, address, tag, amount, txid)
    return world.control("POST", "chain/deposits", body)["deposits"]


def mishap(world: World, on: str, kind: str) -> None:
    world.control("POST", "wallet/faults", {"on": on, "kind": kind})


def outbox(world: World) -> Any:
    return world.control("GET", "chain/withdrawals")["withdrawals"]


# Coins and networks


def test_networks_are_told_with_their_fees_and_whether_they_are_open(world: World, maker: Any) -> None:
    world.control("PUT", "wallet/networks", row("coin network deposits withdraw_fee", *TRON, False, "2.5"))
    usdt = maker.fetch_currencies()["USDT"]
    tron, ethereum = usdt["networks"]["TRC20"], usdt["networks"]["ERC20"]
    assert (tron["deposit"], tron["withdraw"], tron["fee"]) == (False, True, "2.5")
    assert (ethereum["deposit"], ethereum["withdraw"], ethereum["fee"]) == (True, True, "1")
    assert tron["limits"]["withdraw"]["min"] == "10"
    assert tron["precision"] == "0.000001"


def test_an_address_is_the_accounts_own_on_each_network(world: World, maker: Any) -> None:
    desk = world.client_of(DESK_AT_BINANCE.api_key, DESK_AT_BINANCE.secret)
    ours, theirs = (client.fetch_deposit_address("USDT", {"network": "TRC20"}) for client in (maker, desk))
    assert (ours["network"], ours["tag"]) == ("TRC20", None)
    assert re.fullmatch("T[1-9A-HJ-NP-Za-km-z]{33}", ours["address"])
    assert ours["address"] != theirs["address"]
    assert maker.fetch_deposit_address("USDT", {"network": "TRC20"}) == ours
    erc20 = maker.fetch_deposit_address("USDT", {"network": "ERC20"})
    assert erc20["address"] == maker.fetch_deposit_address("ETH")["address"], "one for all that look like Ethereum's"
    with refused(None, "-4018"):
        maker.fetch_deposit_address("USDT", {"network": "DOGE"})


def test_where_addresses_have_tags_everybody_has_one_address(world: World, maker: Any) -> None:
    desk = world.client_of(DESK_AT_BINANCE.api_key, DESK_AT_BINANCE.secret)
    ours, theirs = maker.fetch_deposit_address("XRP"), desk.fetch_deposit_address("XRP")
    assert ours["address"] == theirs["address"]
    assert ours["tag"].isdigit()
    assert ours["tag"] != theirs["tag"]


# Deposits


def test_a_deposit_is_pending_and_then_credited(world: World, maker: Any) -> None:
    (brought,) = deliver(world, maker, "250.5", "a1")
    assert brought["status"] == "PENDING"
    assert maker.fetch_balance()["USDT"]["free"] == "1000.00000000"
    (seen,) = maker.fetch_deposits("USDT")
    assert (seen["status"], seen["txid"], seen["amount"], seen["network"]) == ("pending", "a1", "250.5", "TRC20")
    assert world.has("maker", "USDT") == "1000"
    world.pass_time(seconds=2)
    assert maker.fetch_balance()["USDT"]["free"] == "1250.50000000"
    (seen,) = maker.fetch_deposits("USDT")
    assert (seen["status"], seen["info"]["confirmTimes"]) == ("ok", "1/1")
    assert world.has("maker", "USDT") == "1250.5"


def test_a_deposit_that_is_delivered_again_is_the_same(world: World, maker: Any) -> None:
    (first,) = deliver(world, maker, "250")
    world.pass_time(seconds=2)
    (again,) = deliver(world, maker, "250")
    assert again["deposit_id"] == first["deposit_id"]
    assert len(maker.fetch_deposits()) == 1
    assert world.has("maker", "USDT") == "1250"
    told = maker.fetch_deposit_address("USDT", {"network": "TRC20"})
    body = row("coin network address amount txid", *TRON, told["address"], "251", "a1")
    assert "has brought 250 USDT there, and not 251" in world.said("POST", "chain/deposits", body).error


def test_what_comes_to_nobodys_address_is_seen_by_nobody(world: World, maker: Any) -> None:
    """To an unknown address; without the tag, or with another one. People see it in the controls."""
    xrp = maker.fetch_deposit_address("XRP")
    for n, (address, tag) in enumerate([("r" + "a" * 33, xrp["tag"]), (xrp["address"], ""), (xrp["address"], "1")]):
        (lost,) = bring(world, address, tag, "20", f"b{n}", "XRP", "XRP")
        assert (lost["status"], lost["account"]) == ("UNCLAIMED", "")
    bring(world, xrp["address"], xrp["tag"], "7", "c1", "XRP", "XRP")
    world.pass_time(seconds=2)
    assert [deposit["txid"] for deposit in maker.fetch_deposits()] == ["c1"]
    assert world.has("maker", "XRP") == "57"
    assert len(world.control("GET", "wallet")["deposits"]) == 4


def test_less_than_a_network_takes_is_not_credited(world: World, maker: Any) -> None:
    (dust,) = deliver(world, maker, "0.0000009")
    assert (dust["status"], maker.fetch_deposits()) == ("UNCLAIMED", [])


def test_a_closed_network_credits_once_it_is_open_again(world: World, maker: Any) -> None:
    world.control("PUT", "wallet/networks", row("coin network deposits", *TRON, False))
    deliver(world, maker, "5")
    world.pass_time(hours=2)
    assert maker.fetch_deposits()[0]["status"] == "pending"
    world.control("PUT", "wallet/networks", row("coin network deposits", *TRON, True))
    assert maker.fetch_deposits()[0]["status"] == "ok"


def test_a_late_deposit_is_credited_an_hour_later(world: World, maker: Any) -> None:
    mishap(world, "deposit", "late")
    deliver(world, maker, "5")
    world.pass_time(minutes=59)
    assert maker.fetch_deposits()[0]["status"] == "pending"
    world.pass_time(minutes=1)
    assert maker.fetch_deposits()[0]["status"] == "ok"


def test_a_short_deposit_is_told_and_credited_short(world: World, maker: Any) -> None:
    mishap(world, "deposit", "short")
    deliver(world, maker, "100")
    world.pass_time(seconds=2)
    assert maker.fetch_deposits()[0]["amount"] == "99"
    assert world.has("maker", "USDT") == "1099"
    (again,) = deliver(world, maker, "100")
    assert (again["came"], again["amount"]) == ("100", "99")


def test_a_deposit_may_never_be_seen(world: World, maker: Any) -> None:
    mishap(world, "deposit", "never")
    deliver(world, maker, "100")
    world.pass_time(days=2)
    assert maker.fetch_deposits() == []
    assert world.has("maker", "USDT") == "1000"


def test_a_deposit_may_be_credited_twice(world: World, maker: Any) -> None:
    """With one txid and two ids."""
    mishap(world, "deposit", "twice")
    deliver(world, maker, "100")
    world.pass_time(seconds=2)
    one, two = maker.fetch_deposits()
    assert (one["txid"], one["id"] != two["id"]) == (two["txid"], True)
    assert world.has("maker", "USDT") == "1200"


def test_deposits_are_listed_newest_first_and_by_what_one_asks(world: World, maker: Any) -> None:
    for n in range(3):
        deliver(world, maker, str(10 + n), f"a{n}")
        world.pass_time(days=30)
    noon = int(world.now.timestamp() * 1000)

    def listed(**asked: object) -> list[str]:
        return [told["txId"] for told in maker.sapi_get_capital_deposit_hisrec(asked)]

    assert listed() == ["a2", "a1", "a0"]
    assert listed(limit=1, offset=1) == ["a1"]
    assert listed(txId="a0") == ["a0"]
    assert listed(txId="a0", limit=1) == ["a0"]
    assert listed(coin="BTC") == []
    assert (listed(status=1), listed(status=0)) == (["a2", "a1", "a0"], [])
    assert listed(startTime=noon - 61 * 86_400_000, endTime=noon - 60 * 86_400_000) == ["a1"]
    world.pass_time(seconds=1)
    assert listed() == ["a2", "a1"], "of the last 90 days"
    with refused(None, "-4047"):
        listed(startTime=noon - 91 * 86_400_000, endTime=noon)


# Withdrawals


def test_a_withdrawal_leaves_by_the_outbox_less_its_fee(world: World, maker: Any) -> None:
    asked = maker.withdraw("USDT", "100", THEIRS, {"network": "TRC20", "withdrawOrderId": "home-1"})
    assert (world.has("maker", "USDT"), outbox(world)) == ("900", [])
    (seen,) = maker.fetch_withdrawals("USDT")
    assert (seen["id"], seen["status"], seen["info"]["status"], seen["txid"]) == (asked["id"], "pending", 2, None)
    world.pass_time(seconds=2)
    (leaving,) = outbox(world)
    assert leaving | row("network address tag amount fee", "TRX", THEIRS, "", "99", "1") == leaving
    assert outbox(world) == [leaving], "it stays until the chain says what became of it"
    assert maker.fetch_withdrawals()[0]["info"]["status"] == 4
    coins = {coin["coin"]: coin for coin in maker.sapi_get_capital_config_getall()}
    assert coins["USDT"]["withdrawing"] == "100.00000000"
    sent = {"txid": "feed"}
    for _ in range(2):  # the chain may say so again
        world.control("POST", f"chain/withdrawals/{asked['id']}", sent)
    (seen,) = maker.fetch_withdrawals()
    assert (seen["status"], seen["txid"], seen["amount"], seen["fee"]["cost"]) == ("ok", "feed", "99", "1")
    assert seen["info"]["withdrawOrderId"] == "home-1"
    assert (seen["datetime"], seen["network"]) == ("2026-11-28T12:00:01.000Z", "TRC20")
    assert (world.has("maker", "USDT"), world.has("exchange", "USDT"), outbox(world)) == ("900", "1", [])


@pytest.mark.parametrize(("told", "status"), [({"failed": "no route"}, (5, "failed")), ({"txid": "feed"}, (6, "ok"))])
def test_what_became_of_a_withdrawal_is_said_once(
    world: World, maker: Any, told: object, status: tuple[int, str]
) -> None:
    """What does not leave comes back whole; what was said is not unsaid."""
    withdrawal_id = maker.withdraw("USDT", "100", THEIRS, {"network": "TRC20"})["id"]
    early = world.said("POST", f"chain/withdrawals/{withdrawal_id}", told)
    assert "not in the outbox: it is AWAITING_APPROVAL" in early.error
    world.pass_time(seconds=2)
    for _ in range(2):  # the chain may say so again
        world.control("POST", f"chain/withdrawals/{withdrawal_id}", told)
    for other in ({"failed": "after all"}, {"txid": "beef"}, {}, {"txid": "feed", "failed": "both"}):
        world.said("POST", f"chain/withdrawals/{withdrawal_id}", other)
    world.said("POST", f"wallet/withdrawals/{withdrawal_id}/reject")
    (seen,) = maker.fetch_withdrawals()
    assert (seen["info"]["status"], seen["status"]) == status
    assert world.has("maker", "USDT") == ("1000" if status[0] == 5 else "900")


def test_a_withdrawal_of_one_name_is_made_once(world: World, maker: Any) -> None:
    """Whatever became of it; another account may use the same name."""
    terms = {"network": "TRC20", "withdrawOrderId": "home-1"}
    maker.withdraw("USDT", "100", THEIRS, terms)
    for amount in ("100", "50"):
        with refused(None, "-4001"):
            maker.withdraw("USDT", amount, THEIRS, terms)
    (found,) = maker.fetch_withdrawals(None, None, None, {"withdrawOrderId": "home-1"})
    assert found["amount"] == "99"
    assert maker.fetch_withdrawals(None, None, None, {"withdrawOrderId": "home-2"}) == []
    assert world.has("maker", "USDT") == "900"
    world.client(DESK, *ALL).withdraw("USDT", "100", THEIRS, terms)


def test_a_withdrawal_whose_answer_is_lost_is_found_by_its_name(world: World, maker: Any) -> None:
    maker.load_markets()
    world.control("POST", "faults", {"kind": "drop_after", "on": "withdraw"})
    terms = {"network": "TRC20", "withdrawOrderId": "home-1"}
    with refused(None, "binance POST"):
        maker.withdraw("USDT", "100", THEIRS, terms)
    (found,) = maker.fetch_withdrawals(None, None, None, {"withdrawOrderId": "home-1"})
    assert (found["amount"], world.has("maker", "USDT")) == ("99", "900")


def test_a_withdrawal_may_be_rejected_after_it_was_accepted(world: World, maker: Any) -> None:
    mishap(world, "withdrawal", "reject")
    assert maker.withdraw("USDT", "100", THEIRS, {"network": "TRC20"})["id"]
    (seen,) = maker.fetch_withdrawals()
    assert (seen["status"], seen["info"]["status"]) == ("failed", 3)
    world.pass_time(seconds=2)
    assert (world.has("maker", "USDT"), outbox(world)) == ("1000", [])


@pytest.mark.parametrize(("end", "has"), [("release", "900"), ("reject", "1000")])
def test_a_stuck_withdrawal_waits_for_people(world: World, maker: Any, end: str, has: str) -> None:
    mishap(world, "withdrawal", "stuck")
    withdrawal_id = maker.withdraw("USDT", "100", THEIRS, {"network": "TRC20"})["id"]
    world.pass_time(days=3)
    assert (maker.fetch_withdrawals()[0]["info"]["status"], outbox(world)) == (4, [])
    assert world.said("POST", f"chain/withdrawals/{withdrawal_id}", {"txid": "feed"}).status == 400
    world.control("POST", f"wallet/withdrawals/{withdrawal_id}/{end}")
    assert [leaving["withdrawal_id"] for leaving in outbox(world)] == [withdrawal_id] * (end == "release")
    assert world.has("maker", "USDT") == has


@pytest.mark.parametrize(
    ("coin", "amount", "address", "params", "code"),
    [
        ("USDT", "100", THEIRS, {"network": "DOGE"}, "-4018"),
        ("USDT", "100", THEIRS, {"network": "SOL"}, "-4019"),
        ("USDT", "100", THEIRS + "x", {"network": "TRC20"}, "-4007"),
        ("USDT", "100", THEIRS, {"network": "ERC20"}, "-4007"),
        ("USDT", "100", THEIRS, {"network": "TRC20", "tag": "1"}, "-4008"),
        ("XRP", "10", "r" + "x" * 33, {"tag": "MM:order:base"}, "-4008"),
        ("USDT", "9.999999", THEIRS, {"network": "TRC20"}, "-4022.*quantity 10"),
        ("USDT", "1000.000001", THEIRS, {"network": "TRC20"}, "-4026"),
    ],
)
def test_a_withdrawal_that_can_not_be_is_refused(
    world: World, maker: Any, coin: str, amount: str, address: str, params: dict[str, str], code: str
) -> None:
    world.control("PUT", "wallet/networks", row("coin network withdrawals", "USDT", "SOL", False))
    with refused(None, code):
        maker.withdraw(coin, amount, address, params)
    assert maker.fetch_withdrawals() == []
    assert (world.has("maker", "USDT"), world.has("maker", "XRP")) == ("1000", "50")


def test_a_withdrawal_is_of_whole_steps(world: World, maker: Any) -> None:
    """ccxt would cut it."""
    asked = row("coin network address amount", *TRON, THEIRS, "100.0000001")
    with refused(None, "-4021.*multiple of 0.000001"):
        maker.sapi_post_capital_withdraw_apply(asked)


def test_a_locked_coin_can_not_be_withdrawn(world: World, maker: Any) -> None:
    maker.create_order("BTC/USDT", "limit", "buy", "0.02", "45050")
    with refused(None, "-4026"):
        maker.withdraw("USDT", "100", THEIRS, {"network": "TRC20"})
    maker.withdraw("USDT", "99", THEIRS, {"network": "TRC20"})


def test_a_tag_goes_with_the_withdrawal(world: World, maker: Any) -> None:
    maker.withdraw("XRP", "10", "r" + "x" * 33, {"tag": "108618262"})
    world.pass_time(seconds=2)
    (leaving,) = outbox(world)
    assert (leaving["tag"], leaving["amount"]) == ("108618262", "9.8")


# Controls


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "chain/deposits", row("coin network address amount txid", *TRON, "T", 5, "a"), 400, "amount is 5"),
        ("POST", "chain/deposits", row("coin network address amount txid", *TRON, "T", "0", "a"), 400, "above 0"),
        (
            "POST",
            "chain/deposits",
            row("coin network address amount txid", "USDT", "X", "T", "5", "a"),
            400,
            "USDT TRX",
        ),
        ("POST", "chain/deposits", row("coin network address amount", *TRON, "T", "5"), 400, "txid is missing"),
        ("POST", "chain/withdrawals/unknown", {"txid": "a"}, 400, "there is no withdrawal unknown"),
        ("POST", "wallet/faults", {"on": "deposit", "kind": "stuck"}, 400, "there are late, short, never, twice"),
        ("POST", "wallet/faults", {"on": "withdrawal", "kind": "late"}, 400, "there are reject, stuck"),
        ("POST", "wallet/faults", {"on": "trade", "kind": "late"}, 400, "there are deposit, withdrawal"),
        ("POST", "wallet/faults", {"on": "deposit", "kind": "late", "times": 1001}, 400, "at most 1000"),
        ("PUT", "wallet/networks", row("coin network withdraw_fee", *TRON, "10"), 400, "would arrive as nothing"),
        ("PUT", "wallet/networks", row("coin network withdraw_fee", *TRON, "-1"), 400, "not below 0"),
        ("PUT", "wallet/networks", row("coin network", "USDT", "X"), 400, "USDT has no network X"),
        ("GET", "chain", None, 404, "/sandbox/chain/deposits"),
        ("GET", "wallet/deposits", None, 404, "/sandbox/wallet"),
    ],
)
def test_a_bad_control_is_refused_with_what_to_do(
    world: World, method: str, path: str, body: object, status: int, error: str
) -> None:
    before = world.control("GET", "wallet")
    said = world.said(method, path, body)
    assert (said.status, error in said.error) == (status, True), said.text
    assert world.control("GET", "wallet") == before


def test_faults_are_seen_and_called_off(world: World, maker: Any) -> None:
    mishap(world, "deposit", "never")
    mishap(world, "withdrawal", "stuck")
    waiting = world.control("GET", "wallet")["faults"]
    assert waiting == [{"on": "deposit", "kind": "never"}, {"on": "withdrawal", "kind": "stuck"}]
    assert world.control("DELETE", "wallet/faults") == {"faults": []}
    deliver(world, maker, "5")
    assert len(maker.fetch_deposits()) == 1


# Conservation, and restarts


def everything(whole: SimulatedExchange) -> Counter[str]:
    """What all accounts have, and what is on the way out."""
    together: Counter[str] = Counter()
    for account in whole.venue.accounts:
        for asset, (free, locked) in whole.venue.balances(account).items():
            together[asset] += free + locked  # type: ignore[assignment]
    for withdrawal in whole.wallet.withdrawals.all():
        if not withdrawal.status.over:
            together[withdrawal.coin] += withdrawal.paid  # type: ignore[assignment]
    return together


def test_nothing_is_made_or_lost_on_the_way_in_or_out(world: World, maker: Any) -> None:
    """Whatever happens: what is there is what was there, and what was credited, less what has left."""
    chance, whole = random.Random(7), world.exchange
    expected = everything(whole)
    maker.load_markets()
    for n in range(120):
        if chance.random() < 0.4:
            mishap(world, *chance.choice([("deposit", k) for k in ("late", "short", "never", "twice")]))
            mishap(world, *chance.choice([("withdrawal", "reject"), ("withdrawal", "stuck")]))
        deliver(world, maker, str(chance.randint(20, 60)), f"t{n - chance.randint(0, 1)}x{chance.randint(1, 99)}")
        maker.withdraw("USDT", str(chance.randint(10, 30)), THEIRS, {"network": "TRC20"})
        world.pass_time(seconds=chance.randint(0, 1200))
        for leaving in outbox(world):
            told = chance.choice([{"txid": f"out{n}"}, {"failed": "no"}, None])
            if told is not None:
                world.control("POST", f"chain/withdrawals/{leaving['withdrawal_id']}", told)
    seen = world.control("GET", "wallet")
    for deposit in seen["deposits"]:
        if deposit["status"] == "CREDITED":
            expected["USDT"] += Decimal(deposit["amount"])  # type: ignore[assignment]
    for withdrawal in seen["withdrawals"]:
        if withdrawal["status"] == "COMPLETED":
            expected["USDT"] -= Decimal(withdrawal["amount"])  # type: ignore[assignment]
    assert everything(whole) == expected
    statuses = {withdrawal["status"] for withdrawal in seen["withdrawals"]}
    assert statuses >= {"COMPLETED", "FAILED", "REJECTED", "PROCESSING"}


def test_what_is_on_its_way_outlives_a_restart(world: World, maker: Any) -> None:
    """With keys, accounts, networks; and what was pending goes on."""
    mishap(world, "deposit", "late")
    deliver(world, maker, "5", "a1")
    deliver(world, maker, "6", "a2")
    mishap(world, "withdrawal", "stuck")
    maker.withdraw("USDT", "20", THEIRS, {"network": "TRC20", "withdrawOrderId": "one"})
    withdrawal_id = maker.withdraw("USDT", "30", THEIRS, {"network": "TRC20", "withdrawOrderId": "two"})["id"]
    world.control("PUT", "wallet/networks", row("coin network withdraw_fee", *TRON, "2"))
    world.control("PUT", "accounts/maker/limits", {"orders_per_day": 9})
    again = SimulatedExchange(lambda: world.now)
    again.restore(world.exchange.state())
    assert again.state() == world.exchange.state()
    assert everything(again) == everything(world.exchange)
    assert again.keyring.find(maker.apiKey) == world.exchange.keyring.find(maker.apiKey)
    world.pass_time(hours=1)
    for whole in (again, world.exchange):
        (leaving,) = whole.wallet.withdrawals.outbox()
        assert (leaving.withdrawal_id, leaving.fee) == (withdrawal_id, Decimal(1))
        assert [str(deposit.status) for deposit in whole.wallet.deposits.of("maker")] == ["CREDITED"] * 2
        assert whole.venue.limits_of("maker").orders_per_day == 9
