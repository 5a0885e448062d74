"""Deposits and withdrawals at Binance, by way of ccxt's own `binance`.

    GET  {base_url}/sapi/v1/capital/config/getall       every coin with its networks: about 2 MiB
    GET  {base_url}/sapi/v1/capital/deposit/address     coin, network
    GET  {base_url}/sapi/v1/capital/deposit/hisrec      coin, startTime, endTime, offset, limit: the newest first
    GET  {base_url}/sapi/v1/capital/withdraw/history    likewise; ten requests a minute, for an account
    POST {base_url}/sapi/v1/capital/withdraw/apply      coin, network, address, addressTag, amount, withdrawOrderId,
                                                        walletType 0 (spot; without it whichever a person looked at)
    GET  {base_url}/api/v3/account                      omitZeroBalances
    signed as orders are                                (`ccxt`)

    deposit      0 pending, 1 credited, 6 credited but not to be withdrawn yet, 8 waiting for a person;
                 2 rejected, 7 wrong: neither will be credited
    withdrawal   0 e-mail sent, 2 awaiting approval, 4 processing, 6 completed; 1 cancelled, 3 rejected, 5 failed

The amount that is applied for has the fee in it; the amount that a withdrawal is told with is what arrives. Binance
does not say so in words, so a repeat is recognised by either.

Networks have Binance's names but for two, since it calls Ethereum's tokens after their chain: `ERC20` is its ETH and
`TRC20` its TRX.

Binance looks for a withdrawOrderId among those of seven days. So the whole list of a coin is read, which goes back 90
days in one request, and ours is looked for in it. What it answers to a second withdrawal of one id is not documented:
the list is read before each, and again after each no, since an earlier one of ours may have caused that no.

Source of the wire format: developers.binance.com/docs/wallet/capital (and error-code), ccxt 4.5.90 binance.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Literal, TypeVar

from common.clock import now
from common.custody import Address
from common.errors import Refusal
from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable, not_believed
from common.gateways.exchange.binance_answers import (
    NOT_LET_IN,
    garbled,
    said_of,
    told_amount,
    told_decimal,
    told_text,
    unavailable,
)
from common.gateways.exchange.ccxt_wire import CcxtWire
from common.gateways.exchange.funds import (
    ExchangeDeposit,
    ExchangeWithdrawal,
    ExchangeWithdrawalUnknown,
    Movement,
    Network,
    NetworkUnknown,
    WithdrawalState,
)
from common.gateways.transport import Answer
from common.log import log
from common.money import EXACT, Quantity, plain

T = TypeVar("T")
PAGE = 1000
SPAN = timedelta(days=89)  # from startTime to endTime; Binance takes less than 90
REPEATED_WITHIN = SPAN - timedelta(days=1)  # a withdrawal is looked for so far back, which is one request

_AN_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_THEIRS = {"ERC20": "ETH", "TRC20": "TRX"}
_OURS = {theirs: ours for ours, theirs in _THEIRS.items()}

_CREDITED, _NOT_CREDITED = {1, 6}, {2, 7}
_STATES = {
    0: WithdrawalState.PENDING,
    2: WithdrawalState.PENDING,
    4: WithdrawalState.PENDING,
    6: WithdrawalState.COMPLETED,
    1: WithdrawalState.REFUSED,
    3: WithdrawalState.REFUSED,
    5: WithdrawalState.REFUSED,
}

About = Literal["address", "withdraw", "list"]  # what is asked: where to send to, a new withdrawal, what there is

_NO_NETWORK = {-4018, -4019}
_DUPLICATE = -4001  # the simulated exchange's word for it; "Invalid operation.", which may be anything
# After these nothing was withdrawn. First those over the withdrawal itself: its address, its tag, its amount.
_ITS_OWN = {-4007, -4008, -4021, -4022, -4028, -4033, -4034}
# Then those that the next withdrawal meets, too: funds, limits, the list of addresses, what the account may do now.
_THE_DESKS = {-4006, *range(-4017, -4011), -4023, -4024, -4025, -4026, -4035, -4036, -4044, -4046}


@dataclass(frozen=True)
class _Way:
    """A network as Binance tells it. address, tag: expressions that those of the network match; "" for any."""

    network: Network
    address: str
    tag: str
    tagged: bool  # one address is many owners'

    def refuse_unless_fits(self, there: Address) -> None:
        """Raises ExchangeUnavailable."""
        for what, told, form in (("address", there.destination, self.address), ("tag", there.tag, self.tag)):
            if told and form and not _matches(form, told):
                raise not_believed(f"the {what} {told[:200]!r} is none of {self.network.name}")
        if self.tagged and not there.tag:
            raise not_believed(f"on {self.network.name} an address needs a tag, and none is told")


class CcxtFunds:
    """The port `ExchangeFunds`, kept by Binance.

    base_url, api_key, secret, connect_seconds, read_seconds, monotonic: as `CcxtExchange` has them. The key may read;
    `withdraw` needs one that may withdraw besides.
    clock: for how far back lists are read.

    Nothing is imported or asked before the first call. Safe to use from several threads. No request is sent twice.

    Raises ValueError for a base_url, key or time-out that can not be one.
    """

    name = "binance"

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        secret: str,
        connect_seconds: float = 1.0,
        read_seconds: float = 5.5,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire = CcxtWire(
            base_url,
            api_key=api_key,
            secret=secret,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            monotonic=monotonic,
        )
        self._clock = clock

    def networks(self, coin: str) -> Sequence[Network]:
        """See `ExchangeFunds.networks`."""
        self._wire.begin()
        return [way.network for way in self._ways(coin)]

    def deposit_address(self, coin: str, network: str) -> Address:
        """See `ExchangeFunds.deposit_address`. The answer does not name its network: the address has to look like one
        of it."""
        self._wire.begin()
        way = next((way for way in self._ways(coin) if way.network.name == network), None)
        if way is None or not way.network.deposits:
            raise _no_network(coin, network)
        asked = {"coin": coin, "network": _theirs(coin, network)}
        told = self._ask("address", self._wire.client.sapi_get_capital_deposit_address, asked)
        if told_text(told, "coin") != coin:
            raise not_believed("an address of another coin than was asked for")
        there = Address(told_text(told, "address"), _perhaps(told, "tag"))
        way.refuse_unless_fits(there)
        return there

    def deposits(self, coin: str, since: datetime) -> Sequence[ExchangeDeposit]:
        """See `ExchangeFunds.deposits`."""
        self._wire.begin()
        told = self._list(self._wire.client.sapi_get_capital_deposit_hisrec, coin, since)
        return sorted((_deposit(entry, coin) for entry in told), key=lambda deposit: deposit.at)

    def all_deposits(self, since: datetime) -> Sequence[ExchangeDeposit]:
        """As `deposits`, of all coins."""
        self._wire.begin()
        told = self._list(self._wire.client.sapi_get_capital_deposit_hisrec, None, since)
        found = _readable(told, lambda entry: _deposit(entry, told_text(entry, "coin")))
        return sorted(found, key=lambda deposit: deposit.at)

    def all_withdrawals(self, since: datetime) -> Sequence[ExchangeWithdrawal]:
        """Those of all coins that have a withdrawOrderId."""
        self._wire.begin()
        told = self._list(self._wire.client.sapi_get_capital_withdraw_history, None, since)
        ours = [entry for entry in told if entry.get("withdrawOrderId")]
        return _readable(ours, lambda entry: _withdrawal(entry, told_text(entry, "coin")))

    def movements(self, day: date) -> Sequence[Movement]:
        """See `Movements.movements`."""
        self._wire.begin()
        begin = datetime.combine(day, datetime.min.time(), UTC)
        end, client = begin + timedelta(days=1) - _MILLISECOND, self._wire.client
        came = self._between(client.sapi_get_capital_deposit_hisrec, None, begin, end)
        went = self._between(client.sapi_get_capital_withdraw_history, None, begin, end)
        deposits = [_came(entry) for entry in came if _number(entry, "status") not in _NOT_CREDITED]
        return [*deposits, *(_went(entry) for entry in went if _state(entry) is not WithdrawalState.REFUSED)]

    def free(self, coin: str) -> Quantity:
        """See `ExchangeFunds.free`."""
        self._wire.begin()
        told = self._ask("list", self._wire.client.private_get_account, {"omitZeroBalances": "true"})
        balances = _entries(_member(told, "balances"), "balances")
        mine = [balance for balance in balances if told_text(balance, "asset") == coin]
        if len(mine) > 1:
            raise garbled(f"{coin} has {len(mine)} balances")
        return Quantity(told_amount(mine[0], "free") if mine else 0, coin)

    def withdraw(self, coin: str, network: str, to: Address, quantity: Quantity, withdrawal_id: str) -> None:
        """See `ExchangeFunds.withdraw`. A repeat is recognised for REPEATED_WITHIN."""
        if quantity.asset_id != coin:
            raise ValueError(f"{quantity} are no {coin}")
        if quantity.amount <= 0:
            raise ExchangeRefused(f"{quantity} can not be withdrawn", ours=False)
        self._wire.begin()
        asked = {
            "coin": coin,
            "network": _theirs(coin, network),
            "address": to.destination,
            **({"addressTag": to.tag} if to.tag else {}),
            "amount": plain(quantity.amount),
            "walletType": "0",
            "withdrawOrderId": withdrawal_id,
        }
        if self._is_there(asked, quantity):
            return
        try:
            told = self._ask("withdraw", self._wire.client.sapi_post_capital_withdraw_apply, asked)
        except Refusal as no:
            if isinstance(no, ExchangeUnavailable) and no.facts.get("code") != _DUPLICATE:
                raise
            if self._is_there(asked, quantity):
                return
            raise
        told_text(told, "id")

    def withdrawal(self, coin: str, withdrawal_id: str, since: datetime) -> ExchangeWithdrawal:
        """See `ExchangeFunds.withdrawal`."""
        self._wire.begin()
        told = self._found(coin, withdrawal_id, since)
        if told is None:
            raise ExchangeWithdrawalUnknown(f"the exchange knows no withdrawal {withdrawal_id} of {coin} since {since}")
        return _withdrawal(told, coin)

    # What the exchange tells

    def _ways(self, coin: str) -> list[_Way]:
        told = _entries(self._ask("list", self._wire.client.sapi_get_capital_config_getall), "coins")
        if not told:  # a coin that is not there sends money back
            raise garbled("an exchange without any coin")
        mine = [entry for entry in told if told_text(entry, "coin") == coin]
        ways = [_way(entry, coin) for one in mine for entry in _entries(_member(one, "networkList"), "networkList")]
        if len({way.network.name for way in ways}) < len(ways):
            raise garbled(f"a network of {coin} is told twice")
        return ways

    def _is_there(self, asked: Mapping[str, str], quantity: Quantity) -> bool:
        """Whether this withdrawal has been applied for. Raises ExchangeUnavailable for another of its id."""
        told = self._found(asked["coin"], asked["withdrawOrderId"], self._clock() - REPEATED_WITHIN)
        if told is None:
            return False
        there = _withdrawal(told, asked["coin"])
        same = (
            told_text(told, "network") == asked["network"]
            and _one_address(there.destination, asked["address"])
            and _perhaps(told, "addressTag") == asked.get("addressTag", "")
            and quantity.amount in (there.quantity.amount, EXACT.add(there.quantity.amount, there.fee))
        )
        if not same:
            raise not_believed(f"withdrawal {there.withdrawal_id} is there, and another than was asked for")
        return True

    def _found(self, coin: str, withdrawal_id: str, since: datetime) -> Mapping[str, Any] | None:
        told = self._list(self._wire.client.sapi_get_capital_withdraw_history, coin, since)
        mine = [entry for entry in told if entry.get("withdrawOrderId") == withdrawal_id]
        if len(mine) > 1:
            raise not_believed(f"there are {len(mine)} withdrawals of the id {withdrawal_id}")
        return mine[0] if mine else None

    def _list(self, call: Callable[..., Any], coin: str | None, since: datetime) -> list[Mapping[str, Any]]:
        """All entries of a coin, or of all, each once. One that comes in while pages are read pushes others onto the
        next page."""
        found: dict[str, Mapping[str, Any]] = {}
        begin, until = since, self._clock()
        while begin <= until:  # as long as there is time
            found |= {told_text(entry, "id"): entry for entry in self._between(call, coin, begin, begin + SPAN)}
            begin += SPAN
        return list(found.values())

    def _between(
        self, call: Callable[..., Any], coin: str | None, begin: datetime, end: datetime
    ) -> list[Mapping[str, Any]]:
        """The entries of a span, each once."""
        found: dict[str, Mapping[str, Any]] = {}
        span, offset = {"startTime": str(_ms(begin)), "endTime": str(_ms(end))}, 0
        while True:  # as long as there is time
            asked = {**({} if coin is None else {"coin": coin}), **span, "offset": str(offset), "limit": str(PAGE)}
            page = _entries(self._ask("list", call, asked), "list")
            for entry in page:
                if coin is not None and told_text(entry, "coin") != coin:
                    raise not_believed(f"of {coin} was asked, of {told_text(entry, 'coin')[:40]!r} is told")
                found[told_text(entry, "id")] = entry
            if len(page) < PAGE:
                return list(found.values())
            offset += PAGE

    def _ask(self, about: About, call: Callable[..., Any], asked: Mapping[str, str] | None = None) -> Any:
        return self._wire.ask(partial(_in_our_words, about), call, asked or {})


def _readable(told: Sequence[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], T]) -> list[T]:
    """Of many who wait nobody waits for what is another's: an entry that can not be read is not told."""
    found = []
    for entry in told:
        try:
            found.append(read(entry))
        except ExchangeUnavailable as no:
            log.warning("not read", extra={"why": no.detail})
    return found


def _way(entry: Mapping[str, Any], coin: str) -> _Way:
    if told_text(entry, "coin") != coin:
        raise not_believed(f"a network of another coin among those of {coin}")
    name = told_text(entry, "network")
    network = Network(
        name=_OURS.get(name, name),
        deposits=_flag(entry, "depositEnable"),
        withdrawals=_flag(entry, "withdrawEnable"),
        withdrawal_fee=told_decimal(entry, "withdrawFee"),
        withdrawal_min=told_decimal(entry, "withdrawMin"),
        withdrawal_step=told_decimal(entry, "withdrawIntegerMultiple"),
    )
    if network.withdrawals and not network.withdrawal_step:
        raise garbled(f"the step of {coin} on {name} is 0")
    tagged = entry.get("sameAddress") is True
    return _Way(network, _perhaps(entry, "addressRegex"), _perhaps(entry, "memoRegex"), tagged)


def _deposit(entry: Mapping[str, Any], coin: str) -> ExchangeDeposit:
    quantity, network = Quantity(told_amount(entry, "amount"), coin), _perhaps(entry, "network")
    if not quantity.amount:
        raise not_believed("a deposit of nothing")
    deposit_id = told_text(entry, "id")
    if not _AN_ID.fullmatch(deposit_id):
        raise garbled(f"a deposit is called {deposit_id[:80]!r}")
    return ExchangeDeposit(
        deposit_id=deposit_id,
        transaction_hash=_perhaps(entry, "txId"),
        quantity=quantity,
        network=_OURS.get(network, network),
        credited=_number(entry, "status") in _CREDITED,
        at=_instant(entry, "insertTime"),
    )


def _withdrawal(entry: Mapping[str, Any], coin: str) -> ExchangeWithdrawal:
    withdrawal_id, network = told_text(entry, "withdrawOrderId"), told_text(entry, "network")
    quantity, state = Quantity(told_amount(entry, "amount"), coin), _state(entry)
    hash_ = _perhaps(entry, "txId") or None
    if not quantity.amount:
        raise not_believed(f"a withdrawal of nothing, {withdrawal_id}")
    if state is WithdrawalState.REFUSED and hash_ is not None:
        raise not_believed(f"withdrawal {withdrawal_id} is refused and has left with {hash_[:100]!r}")
    if state is WithdrawalState.COMPLETED and hash_ is None:
        raise ExchangeUnavailable(
            "a withdrawal is completed, and its transaction not told; ask again", what="unsettled"
        )
    return ExchangeWithdrawal(
        withdrawal_id=withdrawal_id,
        quantity=quantity,
        fee=told_amount(entry, "transactionFee"),
        network=_OURS.get(network, network),
        destination=told_text(entry, "address"),
        state=state,
        transaction_hash=hash_,
    )


def _state(entry: Mapping[str, Any]) -> WithdrawalState:
    status = _number(entry, "status")
    if status not in _STATES:
        raise garbled(f"a withdrawal in a state that we do not know, {status}")
    return _STATES[status]


def _came(entry: Mapping[str, Any]) -> Movement:
    amount = told_amount(entry, "amount")
    return _moved(entry, amount, went_out=False, our_id=None)


def _went(entry: Mapping[str, Any]) -> Movement:
    paid = EXACT.add(told_amount(entry, "amount"), told_amount(entry, "transactionFee"))
    return _moved(entry, paid, went_out=True, our_id=_perhaps(entry, "withdrawOrderId") or None)


def _moved(entry: Mapping[str, Any], amount: Decimal, *, went_out: bool, our_id: str | None) -> Movement:
    movement_id = told_text(entry, "id")
    if not _AN_ID.fullmatch(movement_id):
        raise garbled(f"a deposit or withdrawal is called {movement_id[:80]!r}")
    if not amount:
        raise not_believed(f"a deposit or withdrawal of nothing, {movement_id}")
    return Movement(movement_id, went_out, Quantity(amount, told_text(entry, "coin")), our_id)


def _theirs(coin: str, network: str) -> str:
    """Raises NetworkUnknown."""
    if network in _OURS:
        raise _no_network(coin, network)
    return _THEIRS.get(network, network)


def _no_network(coin: str, network: str) -> NetworkUnknown:
    return NetworkUnknown(f"the exchange has no {coin} on {network} now", coin=coin, network=network)


def _one_address(one: str, other: str) -> bool:
    """Those of Ethereum's form are the same in any case of letters."""
    return one == other or (one[:2] == other[:2] == "0x" and one.lower() == other.lower())


def _entries(told: Any, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(told, list) or not all(isinstance(entry, dict) for entry in told):
        raise garbled(f"{what} is no list of entries")
    return told


def _member(entry: Any, name: str) -> Any:
    return entry.get(name) if isinstance(entry, Mapping) else None


def _perhaps(entry: Any, name: str) -> str:
    """A text, or "" where there is none."""
    value = _member(entry, name)
    if not isinstance(value, str | None):
        raise garbled(f"{name} is no text")
    return value or ""


def _number(entry: Mapping[str, Any], name: str) -> int:
    value = _member(entry, name)
    if type(value) is not int or value < 0:
        raise garbled(f"{name} is no number")
    return value


def _flag(entry: Mapping[str, Any], name: str) -> bool:
    value = _member(entry, name)
    if not isinstance(value, bool):
        raise garbled(f"{name} is neither yes nor no")
    return value


def _matches(form: str, told: str) -> bool:
    try:
        return re.fullmatch(form, told) is not None
    except re.error:
        raise garbled(f"{form[:200]!r} is no form of addresses") from None


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND


def _instant(entry: Mapping[str, Any], name: str) -> datetime:
    milliseconds = _number(entry, name)
    try:
        return _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        raise garbled(f"{name} is {milliseconds}") from None


def _in_our_words(about: About, trouble: Exception, answer: Answer | None) -> Refusal:
    """The one place where their errors become ours, for what `ccxt` says of orders.

    After `withdraw` only what can not go together with a withdrawal is ExchangeRefused or NetworkUnknown: HTTP 4xx with
    one of the codes above, or one of -1100 … -1199, a malformed request, or one over our key (ours). All else may have
    been done: -4001, -4005 (too many), -4027, -4032, -4038, -4041, 5xx, what can not be read, and silence.
    """
    said = said_of(answer)
    if said is not None and 400 <= said.status < 500:
        if about != "list" and said.code in _NO_NETWORK:
            return NetworkUnknown(f"the exchange has no such network now: {said}", code=said.code)
        ours = said.code in _THE_DESKS or said.code in NOT_LET_IN
        if about == "withdraw" and (ours or said.code in _ITS_OWN or -1199 <= said.code <= -1100):
            return ExchangeRefused(
                f"the exchange refuses the withdrawal: {said}", ours=ours, reason=said.message, code=said.code
            )
    return unavailable(trouble, said)
