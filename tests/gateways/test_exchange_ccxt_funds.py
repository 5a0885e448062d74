"""The adapter to Binance's funds: what it sends, what it makes of each answer, and that nothing leaves twice."""

import hashlib
import hmac
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest

from common.gateways.custody import Address
from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable
from common.gateways.exchange.ccxt_funds import PAGE, SPAN, CcxtFunds
from common.gateways.exchange.ccxt_wire import RECEIVE_WINDOW_MS
from common.gateways.exchange.funds import (
    ExchangeWithdrawal,
    ExchangeWithdrawalUnknown,
    NetworkUnknown,
    WithdrawalState,
)
from common.money import Quantity
from sandbox.serving import Answer, Drop, Request, serve
from tests.gateways.binance import (
    APPLIED,
    BALANCES,
    TRON,
    WITHDRAWAL,
    address,
    coins,
    deposit,
    network,
    said,
    withdrawal,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOME = Address(TRON)
HUNDRED = Quantity("100", "USDT")
ALL, ADDRESS, DEPOSITS = "GET config/getall", "GET deposit/address", "GET deposit/hisrec"
APPLY, WITHDRAWALS = "POST withdraw/apply", "GET withdraw/history"

Scripted = str | Answer | type[Exception]


@dataclass
class Stub:
    """A Binance that says what it was told to, and remembers what it was asked."""

    scripts: dict[str, list[Scripted]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    funds: CcxtFunds = field(init=False)

    def script(self, call: str, *answers: Scripted) -> None:
        """One answer after the other; the last one for ever."""
        self.scripts[call] = list(answers)

    def decide(self, request: Request) -> Answer:
        self.asked.append(request)
        answers = self.scripts[self.called(request)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, type):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(200, answer)

    @staticmethod
    def called(request: Request) -> str:
        return f"{request.method} {'/'.join(request.path).removeprefix('sapi/v1/capital/')}"

    @property
    def calls(self) -> list[str]:
        return [self.called(request) for request in self.asked]

    def parameters_of(self, call: str) -> list[dict[str, str]]:
        """Those besides the time and the signature."""
        asked = [request for request in self.asked if self.called(request) == call]
        read = [dict(parse_qsl(one.query or one.body.decode(), keep_blank_values=True)) for one in asked]
        return [{k: v for k, v in one.items() if k not in ("timestamp", "signature", "recvWindow")} for one in read]

    def withdraw(self, quantity: Quantity = HUNDRED, to: Address = HOME, network: str = "TRC20") -> None:
        self.funds.withdraw(quantity.asset_id, network, to, quantity, WITHDRAWAL)


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    stub.script(WITHDRAWALS, "[]")
    with serve(stub.decide, name="binance") as face:
        stub.funds = CcxtFunds(face.url, api_key="our-key", secret="our-secret", clock=lambda: NOW)
        yield stub


def listed(*entries: dict[str, object]) -> str:
    return json.dumps(entries)


def what_of(ask: Callable[[], object]) -> object:
    """What the error says, when the exchange is unavailable."""
    with pytest.raises(ExchangeUnavailable) as unavailable:
        ask()
    return unavailable.value.facts["what"]


# What it sends


def test_a_withdrawal_is_sent_as_binance_asks_for_it(stub: Stub) -> None:
    """From the spot wallet, and on the network that Binance calls TRX."""
    stub.script(APPLY, APPLIED)
    stub.withdraw(Quantity("1E+2", "USDT"))
    assert stub.calls == [WITHDRAWALS, APPLY]
    assert stub.asked[1].query == ""
    assert stub.asked[1].headers["Connection"] == "close", "one that was kept may be dead after a freeze of the Lambda"
    assert stub.parameters_of(APPLY) == [
        {
            "coin": "USDT",
            "network": "TRX",
            "address": TRON,
            "amount": "100",
            "walletType": "0",
            "withdrawOrderId": WITHDRAWAL,
        }
    ]


def test_a_tag_is_sent_where_there_is_one(stub: Stub) -> None:
    stub.script(APPLY, APPLIED)
    stub.withdraw(Quantity("20", "XRP"), Address("rTheirs", "4711"), "XRP")
    (sent,) = stub.parameters_of(APPLY)
    assert (sent["addressTag"], sent["network"], sent["address"]) == ("4711", "XRP", "rTheirs")


@pytest.mark.parametrize("amount", ["0.00000001", "1234567890.12345678", "99999999999.000001"])
def test_amounts_are_sent_to_the_last_digit(stub: Stub, amount: str) -> None:
    stub.script(APPLY, APPLIED)
    stub.withdraw(Quantity(amount, "USDT"))
    assert stub.parameters_of(APPLY)[0]["amount"] == amount


def test_every_question_is_signed_over_all_that_it_asks(stub: Stub) -> None:
    for call, answer in ((ALL, coins()), (ADDRESS, address()), (DEPOSITS, "[]"), (APPLY, APPLIED)):
        stub.script(call, answer)
    stub.script("GET api/v3/account", BALANCES)
    stub.funds.deposit_address("USDT", "TRC20")
    stub.funds.deposits("USDT", NOW)
    stub.funds.free("USDT")
    stub.withdraw()
    assert set(stub.calls) == {ALL, ADDRESS, DEPOSITS, APPLY, WITHDRAWALS, "GET api/v3/account"}
    for request in stub.asked:
        assert request.headers["X-MBX-APIKEY"] == "our-key"
        payload, _, signature = (request.query or request.body.decode()).rpartition("&signature=")
        assert signature == hmac.new(b"our-secret", payload.encode(), hashlib.sha256).hexdigest()
        assert dict(parse_qsl(payload))["recvWindow"] == str(RECEIVE_WINDOW_MS)


def test_an_address_is_asked_for_by_binances_name_of_the_network(stub: Stub) -> None:
    stub.script(ALL, coins(network("ETH", addressRegex="^0x[0-9a-f]{40}$"), network("BSC")))
    stub.script(ADDRESS, address(address="0x" + "a" * 40))
    assert stub.funds.deposit_address("USDT", "ERC20") == Address("0x" + "a" * 40)
    assert stub.parameters_of(ADDRESS) == [{"coin": "USDT", "network": "ETH"}]
    assert [way.name for way in stub.funds.networks("USDT")] == ["ERC20", "BSC"]


def test_neither_key_nor_signature_are_written_down(stub: Stub, written_down: io.StringIO) -> None:
    stub.script(APPLY, said(-4026, "You have insufficient balance."))
    with pytest.raises(ExchangeRefused) as refused:
        stub.withdraw()
    told = written_down.getvalue() + str(refused.value) + str(refused.value.facts)
    assert not re.search("our-key|our-secret|signature", told)


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_for_nothing_nothing_is_asked(stub: Stub, amount: str) -> None:
    with pytest.raises(ExchangeRefused):
        stub.withdraw(Quantity(amount, "USDT"))
    assert stub.calls == []


# Nothing leaves twice


@pytest.mark.parametrize(
    "told",
    [
        withdrawal(),
        withdrawal(amount="100", transactionFee="1"),
        withdrawal(status=4, txId=""),
        withdrawal(status=3, txId=""),
        withdrawal(amount="99.00000000", transactionFee="1.0"),
    ],
)
def test_what_is_there_is_not_applied_for_again(stub: Stub, told: dict[str, object]) -> None:
    """Whether its amount is told with the fee in it or without."""
    stub.script(WITHDRAWALS, listed(withdrawal(id="another", withdrawOrderId="another"), told))
    stub.withdraw()
    assert stub.calls == [WITHDRAWALS]


@pytest.mark.parametrize(
    ("code", "message"), [(-4001, "Invalid operation."), (-4026, "You have insufficient balance."), (-4019, "Closed.")]
)
def test_a_no_that_an_earlier_one_has_caused_is_none(stub: Stub, code: int, message: str) -> None:
    """It was not in the list yet when that was read."""
    stub.script(WITHDRAWALS, "[]", listed(withdrawal(status=2, txId="")))
    stub.script(APPLY, said(code, message))
    stub.withdraw()
    assert stub.calls == [WITHDRAWALS, APPLY, WITHDRAWALS]


def test_a_repeat_that_binance_knows_and_does_not_show_leaves_all_open(stub: Stub) -> None:
    stub.script(APPLY, said(-4001, "Invalid operation."))
    assert what_of(stub.withdraw) == "exchange_error"
    assert stub.calls == [WITHDRAWALS, APPLY, WITHDRAWALS]


def test_where_the_list_can_not_be_read_nothing_is_sent(stub: Stub) -> None:
    for silent in (Drop, said(-1003, "Too many requests.", 429), "{}", listed(withdrawal(status=9))):
        stub.script(WITHDRAWALS, silent)
        with pytest.raises(ExchangeUnavailable):
            stub.withdraw()
    assert APPLY not in stub.calls


def test_a_refusal_is_none_where_the_list_can_not_be_read_after_it(stub: Stub) -> None:
    stub.script(WITHDRAWALS, "[]", said(-1000, "An unknown error occurred.", 500))
    stub.script(APPLY, said(-4026, "You have insufficient balance."))
    assert what_of(stub.withdraw) == "exchange_error"


@pytest.mark.parametrize(
    "told",
    [
        {"coin": "BTC"},
        {"network": "ETH"},
        {"address": TRON[:-1] + "x"},
        {"address": TRON.lower()},
        {"addressTag": "1"},
        {"amount": "98"},
        {"amount": "99.000001"},
        {"transactionFee": "2"},
        {"amount": "0"},
        {"amount": "1e2"},
        {"amount": "-99"},
        {"transactionFee": "-1"},
        {"status": 5},  # with a transaction
    ],
)
def test_another_withdrawal_than_was_asked_for_is_not_believed(stub: Stub, told: dict[str, object]) -> None:
    stub.script(WITHDRAWALS, listed(withdrawal(**told)))
    assert what_of(stub.withdraw) == "not_believed"
    assert APPLY not in stub.calls


def test_an_address_of_ethereums_form_is_the_same_in_any_letters(stub: Stub) -> None:
    stub.script(WITHDRAWALS, listed(withdrawal(network="ETH", address="0x" + "aB" * 20)))
    stub.withdraw(to=Address("0x" + "ab" * 20), network="ERC20")
    assert APPLY not in stub.calls


def test_two_withdrawals_of_one_id_are_not_believed(stub: Stub) -> None:
    stub.script(WITHDRAWALS, listed(withdrawal(id="1"), withdrawal(id="2")))
    assert what_of(stub.withdraw) == "not_believed"
    assert what_of(lambda: stub.funds.withdrawal("USDT", WITHDRAWAL, NOW)) == "not_believed"


# What it makes of a no

OWN = [-4007, -4008, -4021, -4022, -4028, -4033, -4034, -1100, -1102, -1111]
DESKS = [-4006, -4012, -4013, -4014, -4015, -4016, -4017, -4023, -4024, -4025, -4026, -4035, -4036, -4044, -4046]
DESKS += [-1002, -1022, -2014, -2015]
OPEN = [-1000, -1003, -1006, -1007, -1015, -1021, -4001, -4005, -4010, -4011, -4020, -4027, -4032, -4038, -4041, 0]


@pytest.mark.parametrize("code", [*OWN, *DESKS])
def test_a_definite_no_is_a_refusal_and_says_whose_the_cause_is(stub: Stub, code: int) -> None:
    stub.script(APPLY, said(code, "No.", 401 if code == -2015 else 400))
    with pytest.raises(ExchangeRefused) as refused:
        stub.withdraw()
    assert refused.value.ours is (code in DESKS)
    assert refused.value.facts == {"reason": "No.", "code": code}


@pytest.mark.parametrize("code", [-4018, -4019])
def test_a_network_that_is_closed_just_now_is_unknown(stub: Stub, code: int) -> None:
    stub.script(APPLY, said(code, "No."))
    stub.script(ALL, coins())
    stub.script(ADDRESS, said(code, "No."))
    with pytest.raises(NetworkUnknown):
        stub.withdraw()
    with pytest.raises(NetworkUnknown):
        stub.funds.deposit_address("USDT", "TRC20")


@pytest.mark.parametrize("code", OPEN)
def test_a_no_that_decides_nothing_leaves_all_open(stub: Stub, code: int) -> None:
    stub.script(APPLY, said(code, "No."))
    with pytest.raises(ExchangeUnavailable):
        stub.withdraw()
    assert stub.calls.count(APPLY) == 1


@pytest.mark.parametrize("code", [*OWN, *DESKS])
def test_no_code_is_definite_with_a_status_of_5xx(stub: Stub, code: int) -> None:
    stub.script(APPLY, said(code, "No.", 503))
    with pytest.raises(ExchangeUnavailable):
        stub.withdraw()


@pytest.mark.parametrize("code", [*OWN, *DESKS, -4018, -4019])
def test_a_question_is_never_refused(stub: Stub, code: int) -> None:
    """What is definite about a withdrawal says nothing about a list."""
    for call in (DEPOSITS, WITHDRAWALS, ALL, "GET api/v3/account"):
        stub.script(call, said(code, "No."))
    asks: list[Callable[[], object]] = [
        lambda: stub.funds.deposits("USDT", NOW),
        lambda: stub.funds.withdrawal("USDT", WITHDRAWAL, NOW),
        lambda: stub.funds.networks("USDT"),
        lambda: stub.funds.free("USDT"),
        stub.withdraw,
    ]
    for ask in asks:
        with pytest.raises(ExchangeUnavailable):
            ask()
    assert APPLY not in stub.calls


@pytest.mark.parametrize("answer", ["{}", '{"id": 7}', '{"id": ""}', "[]", '{"msg": "success"}', Drop])
def test_an_answer_without_an_id_leaves_all_open(stub: Stub, answer: Scripted) -> None:
    stub.script(APPLY, answer)
    assert what_of(stub.withdraw) in ("garbage", "connection")


# Networks and addresses


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        "{}",
        "[7]",
        '[{"name": "USDT"}]',
        coins(network(withdrawFee="x")),
        coins(network(withdrawFee="-1")),
        coins(network(withdrawFee=1)),
        coins(network(withdrawMin=None)),
        coins(network(withdrawIntegerMultiple="0")),
        coins(network(depositEnable="yes")),
        coins(network(network="")),
        coins(network(), network()),
        coins(network("ETH"), network("ERC20")),
        '[{"coin": "USDT"}]',
        '[{"coin": "USDT", "networkList": {}}]',
    ],
)
def test_networks_that_can_not_be_read_are_no_networks(stub: Stub, answer: str) -> None:
    """Least of all that there are none: an order would be given up over it."""
    stub.script(ALL, answer)
    assert what_of(lambda: stub.funds.networks("USDT")) == "garbage"
    assert what_of(lambda: stub.funds.deposit_address("USDT", "TRC20")) == "garbage"
    assert ADDRESS not in stub.calls


def test_a_network_of_another_coin_is_not_believed(stub: Stub) -> None:
    stub.script(ALL, coins(network(coin="USDC")))
    assert what_of(lambda: stub.funds.networks("USDT")) == "not_believed"


def test_a_step_is_read_as_binance_writes_small_ones(stub: Stub) -> None:
    stub.script(ALL, coins(network(withdrawIntegerMultiple="1e-8"), network("LEGAL", withdrawEnable=False)))
    tron, _ = stub.funds.networks("USDT")
    assert tron.withdrawal_step == Decimal("0.00000001")


def test_a_closed_network_may_have_no_step(stub: Stub) -> None:
    stub.script(ALL, coins(network(withdrawEnable=False, withdrawIntegerMultiple="0")))
    assert not stub.funds.networks("USDT")[0].withdrawals


@pytest.mark.parametrize(
    "told",
    [
        {"coin": "USDC"},
        {"address": "0x" + "a" * 40},
        {"address": TRON + "x"},
        {"address": f"{TRON}\n"},
        {"tag": "no-number"},
    ],
)
def test_an_address_that_is_none_of_its_network_is_not_believed(stub: Stub, told: dict[str, object]) -> None:
    stub.script(ALL, coins(network(memoRegex="^[0-9]{1,10}$")))
    stub.script(ADDRESS, address(**told))
    assert what_of(lambda: stub.funds.deposit_address("USDT", "TRC20")) == "not_believed"


def test_where_an_address_is_everybodys_one_without_a_tag_is_not_believed(stub: Stub) -> None:
    """What is sent there would be nobody's."""
    stub.script(ALL, coins(network(sameAddress=True)))
    stub.script(ADDRESS, address(), address(tag="4711"))
    assert what_of(lambda: stub.funds.deposit_address("USDT", "TRC20")) == "not_believed"
    assert stub.funds.deposit_address("USDT", "TRC20") == Address(TRON, "4711")


@pytest.mark.parametrize("told", [{"address": ""}, {"address": None}, {"tag": 7}])
def test_an_address_that_can_not_be_read_is_none(stub: Stub, told: dict[str, object]) -> None:
    stub.script(ALL, coins())
    stub.script(ADDRESS, address(**told))
    assert what_of(lambda: stub.funds.deposit_address("USDT", "TRC20")) == "garbage"


def test_a_network_whose_form_can_not_be_read_has_no_address(stub: Stub) -> None:
    stub.script(ALL, coins(network(addressRegex="^(T")))
    stub.script(ADDRESS, address())
    assert what_of(lambda: stub.funds.deposit_address("USDT", "TRC20")) == "garbage"


# Lists


def test_a_list_is_read_to_its_last_page(stub: Stub) -> None:
    """Each entry once, though one that has come in meanwhile has pushed the last of a page onto the next."""
    first = [deposit(str(n), insertTime=1767225600000 - n) for n in range(PAGE)]
    stub.script(DEPOSITS, listed(*first), listed(first[-1], deposit("last", insertTime=1767225500000)))
    told = stub.funds.deposits("USDT", NOW - timedelta(hours=12))
    assert len(told) == PAGE + 1
    assert told[0].at == datetime(2025, 12, 31, 23, 58, 20, tzinfo=UTC)
    assert [one.at for one in told] == sorted(one.at for one in told)
    pages = stub.parameters_of(DEPOSITS)
    assert [(page["offset"], page["limit"]) for page in pages] == [("0", "1000"), ("1000", "1000")]


def test_a_list_is_asked_for_in_spans_that_leave_nothing_out(stub: Stub) -> None:
    stub.script(DEPOSITS, "[]")
    since = NOW - 2 * SPAN - timedelta(days=1)
    stub.funds.deposits("USDT", since)
    spans = [(int(asked["startTime"]), int(asked["endTime"])) for asked in stub.parameters_of(DEPOSITS)]
    assert len(spans) == 3
    assert spans[0][0] == int(since.timestamp()) * 1000
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert spans[-1][1] >= int(NOW.timestamp()) * 1000
    assert all(0 < end - start < 90 * 86_400_000 for start, end in spans)


def test_what_came_in_two_spans_or_twice_in_one_is_told_once(stub: Stub) -> None:
    stub.script(DEPOSITS, listed(deposit(), deposit("2")), listed(deposit("2"), deposit("3")))
    assert len(stub.funds.deposits("USDT", NOW - SPAN - timedelta(days=1))) == 3


@pytest.mark.parametrize(("status", "credited"), [(0, False), (1, True), (6, True), (2, False), (7, False), (8, False)])
def test_a_deposit_is_credited_once_it_may_be_traded(stub: Stub, status: int, credited: bool) -> None:
    stub.script(DEPOSITS, listed(deposit(status=status)))
    (told,) = stub.funds.deposits("USDT", NOW)
    assert (told.credited, told.quantity, told.network) == (credited, Quantity("12.345678", "USDT"), "TRC20")
    assert (told.transaction_hash, told.at) == ("hash-1", datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC))


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ({"coin": "USDC"}, "not_believed"),
        ({"amount": "0"}, "not_believed"),
        ({"amount": "-1"}, "not_believed"),
        ({"amount": "1e3"}, "not_believed"),
        ({"amount": "1" * 16}, "not_believed"),
        ({"amount": 12.5}, "garbage"),
        ({"amount": None}, "garbage"),
        ({"status": "1"}, "garbage"),
        ({"status": True}, "garbage"),
        ({"insertTime": "today"}, "garbage"),
        ({"insertTime": 10**20}, "garbage"),
        ({"id": None}, "garbage"),
        ({"txId": 7}, "garbage"),
    ],
)
def test_a_deposit_that_can_not_be_is_not_told(stub: Stub, told: dict[str, object], what: str) -> None:
    stub.script(DEPOSITS, listed(deposit() | told))
    assert what_of(lambda: stub.funds.deposits("USDT", NOW)) == what


# A withdrawal


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *((status, WithdrawalState.PENDING) for status in (0, 2, 4)),
        *((status, WithdrawalState.REFUSED) for status in (1, 3, 5)),
        (6, WithdrawalState.COMPLETED),
    ],
)
def test_every_state_of_a_withdrawal_is_known(stub: Stub, status: int, state: WithdrawalState) -> None:
    hash_ = "hash-9" if status == 6 else None
    stub.script(WITHDRAWALS, listed(withdrawal(status=status, txId=hash_ or "")))
    assert stub.funds.withdrawal("USDT", WITHDRAWAL, NOW) == ExchangeWithdrawal(
        withdrawal_id=WITHDRAWAL,
        quantity=Quantity("99", "USDT"),
        fee=Decimal(1),
        network="TRC20",
        destination=TRON,
        state=state,
        transaction_hash=hash_,
    )


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ({"status": 7}, "garbage"),
        ({"status": None}, "garbage"),
        ({"network": None}, "garbage"),
        ({"address": ""}, "garbage"),
        ({"transactionFee": 1}, "garbage"),
        ({"txId": ""}, "unsettled"),
        ({"coin": "BTC"}, "not_believed"),
        ({"amount": "0"}, "not_believed"),
        ({"amount": "0.0000000000000000001"}, "not_believed"),
        ({"status": 1}, "not_believed"),  # cancelled, and there is a transaction
    ],
)
def test_a_withdrawal_that_can_not_be_is_not_told(stub: Stub, told: dict[str, object], what: str) -> None:
    stub.script(WITHDRAWALS, listed(withdrawal(**told)))
    assert what_of(lambda: stub.funds.withdrawal("USDT", WITHDRAWAL, NOW)) == what


def test_a_withdrawal_is_looked_for_from_the_time_that_is_asked_about(stub: Stub) -> None:
    """Among all of the coin: by its own id Binance would look back seven days only."""
    with pytest.raises(ExchangeWithdrawalUnknown):
        stub.funds.withdrawal("USDT", WITHDRAWAL, NOW - timedelta(minutes=5))
    (asked,) = stub.parameters_of(WITHDRAWALS)
    assert asked["startTime"] == str(int((NOW - timedelta(minutes=5)).timestamp() * 1000))
    assert asked.keys() == {"coin", "startTime", "endTime", "offset", "limit"}


# The balance


@pytest.mark.parametrize(
    ("balances", "what"),
    [
        ([{"asset": "USDT", "free": "1"}, {"asset": "USDT", "free": "2"}], "garbage"),
        ([{"asset": "USDT", "free": "-1"}], "not_believed"),
        ([{"asset": "USDT", "free": 1.5}], "garbage"),
        ([{"asset": "USDT"}], "garbage"),
        ([{"free": "1"}], "garbage"),
        ({}, "garbage"),
        (None, "garbage"),
    ],
)
def test_a_balance_that_can_not_be_is_not_told(stub: Stub, balances: object, what: str) -> None:
    stub.script("GET api/v3/account", json.dumps({"balances": balances}))
    assert what_of(lambda: stub.funds.free("USDT")) == what


def test_what_is_in_orders_is_not_free(stub: Stub) -> None:
    stub.script("GET api/v3/account", BALANCES)
    assert stub.funds.free("USDT") == Quantity("900.1", "USDT")
    assert stub.funds.free("BTC") == Quantity(0, "BTC")
