"""What each operation of the API answers, as far as its types do not tell: what is done, what it refuses, examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.anchors import AnchorsUnavailable
from common.data_keys import DataKeysUnavailable
from common.domain.catalogue.model import (
    AboveMaximum,
    AmountTooLarge,
    AssetExists,
    AssetInactive,
    AssetMoved,
    AssetNotFound,
    BelowMinimum,
    ContradictoryTerms,
    NothingToConfirm,
    PrecisionExceeded,
    PrecisionLowered,
    PriceMoved,
    PriceOffStep,
    PriceUnavailable,
    SymbolTaken,
)
from common.domain.clients import (
    AccountNeeded,
    AccountNotNeeded,
    ClientBlocked,
    ClientMoved,
    ClientNotFound,
    ClientTaken,
    TooManyAsked,
)
from common.domain.comparisons import NeverCompared
from common.domain.custody.model import IncomingNotFound
from common.domain.exchange_orders.model import ExchangeOrderNotFilled
from common.domain.flow_halts import Halted, ImpossibleHalt
from common.domain.halts import HaltMoved, HaltOwn
from common.domain.ledger.model import (
    AccountExists,
    AccountNotFound,
    InsufficientAsset,
    InsufficientFunds,
    NothingToSell,
    TooManyOpenOrders,
    UnreadableLine,
)
from common.domain.ledger.moves import StatementTooLong
from common.domain.limits import DailyLimitExceeded
from common.domain.pairs.model import PairFixed, PairMoved, PairNotFound, PairTaken
from common.domain.payouts.events import EventNotFound
from common.domain.payouts.model import PayoutNotFound, PayoutUnclear, PayoutUnsettled
from common.domain.persons import AccountForgotten
from common.domain.proposals.model import (
    BeneficiaryDecides,
    OwnProposal,
    ProposalDecided,
    ProposalEnded,
    ProposalNotFound,
)
from common.domain.segments.model import SegmentNotFound, SegmentWrong
from common.domain.work import Redriven
from common.errors import Refusal
from common.gateways.bank import SignatureRefused
from common.gateways.billing import BillingUnavailable
from common.gateways.custody import CustodyUnavailable
from common.gateways.exchange import ExchangeUnavailable, MarketUnknown
from common.gateways.exchange.funds import NoTradingKey
from common.gateways.receivers import AddressRefused
from common.machines import MachinesUnavailable
from common.operator_pool import OperatorNotFound, OperatorPoolUnavailable
from common.table.transaction import Busy
from functions.accounts.model import DepositsByBankOnly, WithdrawalNotFound
from functions.billing.model import (
    AccountNotOpened,
    AccountNotReady,
    BillDiffers,
    BillNotFound,
    BuyoutOpen,
    DealCancelled,
    DealDiffers,
    DealerForgotten,
    DealerLeaves,
    DealerNotFound,
    DealNotFound,
    DepositEmpty,
    NothingToBill,
    NotSettled,
    ReleasedBefore,
    RequisitesMoved,
    RequisitesWrong,
)
from functions.billing.service.bills import AmountWrong
from functions.billing.service.corrections import NothingChanged, TooManyBills
from functions.billing.service.dealers import DealerExists
from functions.billing.statement import MonthNotBegun
from functions.market_making.campaigns import CampaignNotJoined
from functions.market_making.hummingbot import InvalidConfiguration
from functions.market_making.model import (
    AccountStillShort,
    ConfigurationMoved,
    FeeCoinOwn,
    FundingTooSmall,
    HaltNotFound,
    MarketMakingOrderMoved,
    MarketMakingOrderNotFound,
    NoCapacity,
    NoMarketPrice,
    NotConfigurable,
    NothingToWithdraw,
    NotPausable,
    NotResumable,
    NotStoppable,
    ShardFull,
    TradingAccountFixed,
    TradingAccountMoved,
    TradingAccountNotFound,
)
from functions.market_making.service.opening import PairUnreachable
from functions.notifications.model import (
    DeliveryNotFound,
    DeliveryPending,
    EndpointDisabled,
    EndpointMoved,
    EndpointNotFound,
    TooManyEndpoints,
    UnknownEventType,
)
from functions.offramp.model import (
    EstimateOutOfBand,
    NotALot,
    SaleRefused,
    SaleUnresolved,
    SellOrderNotFound,
    SellOrderNotOpen,
)
from functions.operations.model import (
    AccountBusy,
    DayNotOver,
    EvidenceNotBelieved,
    ImpossibleAsset,
    NeverChecked,
    NotDriven,
    NothingKnown,
    NothingWaits,
    NotProposable,
    StillAddingUp,
    StillRunning,
    TooManyDays,
)
from functions.operations.service.operators import TooManyOwn
from functions.orders.history import TooManySteps
from functions.orders.model import (
    BoughtElsewhere,
    ExpiryOutOfRange,
    FeeTakesAll,
    HoldingNotFound,
    OrderNotFound,
    OrderNotPending,
)
from functions.orders.quotes import QuoteExpired, QuoteNotFound, QuoteOfOtherTerms, QuoteUsed, TooManyQuotes
from functions.purchases.model import (
    AmountTooSmall,
    BatchNotFound,
    BatchNotStuck,
    BoughtHere,
    PurchaseNotFound,
    PurchaseNotPending,
)
from functions.purchases.recurring import (
    DateOutOfRange,
    RecurringBuyChanged,
    RecurringBuyNotFound,
    RecurringBuyOver,
    TooManyRecurringBuys,
)
from functions.purchases.sale_model import PartTooSmall, SaleNotFound, SaleNotPending, SoldHere
from local.seed_billing import REQUISITES

Json = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What an operation answers, as far as its types do not tell.

    `refuses` need not name what follows from the form of a route: `docgen.openapi` knows that. `examples` of its body.
    """

    done: Mapping[int, str]
    refuses: tuple[type[Refusal], ...] = ()
    repeats: bool = False  # a repeat is answered as the first time, under a header
    examples: Mapping[str, Json] | None = None
    media: str = "application/json"


_FOUND = {200: "as asked"}
_BY_HAND = {"reason": "wire 4711 received"}
_UNPAID = (PayoutNotFound, PayoutUnsettled)
_NEVER_CAME = {"lost": {"reason": "the bank says that it never came, ticket 4714"}}
_BANK_IS_BACK = {"the bank is back": {"reason": "the bank says the account is open again"}}

_HE_ASKS = {"his wish": {"reason": "the owner asks for it, ticket 4713"}}
_PROPOSED = {200: "proposed, or it was already: another operator confirms it"}
_AGAIN = (NothingKnown, NothingWaits, NotDriven, Redriven)
_PROPOSABLE = (NothingKnown, NotProposable, BeneficiaryDecides, DailyLimitExceeded)
_LOOKED_UP = {"reference": "ticket 4711 of the exchange"}
_TO_HIM = {"his": {"to": "773e5e77-4107-45c2-b648-8fc722ed77f5", **_LOOKED_UP, "reason": "his old account is closed"}}

_RECURS = (
    DateOutOfRange,
    AssetNotFound,
    AssetInactive,
    PriceUnavailable,
    BoughtHere,
    PrecisionExceeded,
    AmountTooLarge,
    AmountTooSmall,
    AboveMaximum,
    BelowMinimum,
)

_REGISTERED: dict[str, Any] = {
    "cme_dealer_id": "cme-4711",
    "requisites": REQUISITES,
}

TOLD: dict[str, Told] = {
    # accounts
    "open_account": Told({201: "opened", 200: "it was open already"}, (AccountExists,), repeats=True),
    "me": Told(_FOUND, (AccountNotFound,)),
    "balance": Told(_FOUND, (AccountNotFound,)),
    "deposit": Told(
        {201: "credited, or it was already"},
        (DepositsByBankOnly, DailyLimitExceeded, AccountNotFound),
        repeats=True,
        examples={"a thousand dollars": {"amount": "1000.00"}},
    ),
    "withdraw": Told(
        {202: "reserved, and on its way to the bank"},
        (
            Halted,
            ClientNotFound,
            ClientBlocked,
            AccountForgotten,
            DailyLimitExceeded,
            AccountNotFound,
            InsufficientFunds,
        ),
        repeats=True,
        examples={"fifty dollars": {"amount": "50.00", "banking_client_id": "ann-bank"}},
    ),
    "withdrawal": Told(_FOUND, (WithdrawalNotFound,)),
    "own_clients": Told(_FOUND),
    "ask_for_client": Told(
        {202: "asked for: the desk looks at it"},
        (AccountNeeded, AccountNotNeeded, AccountNotFound, TooManyAsked, DataKeysUnavailable, AccountForgotten),
        repeats=True,
        examples={
            "to be paid": {"kind": "BANKING", "account_id": "acc-ann"},
            "to sell coins": {"kind": "CRYPTO"},
        },
    ),
    "register_endpoint": Told(
        {201: "registered: this is the secret"},
        (AddressRefused, UnknownEventType, TooManyEndpoints),
        repeats=True,
        examples={
            "everything": {"url": "https://hooks.example.com/desk"},
            "orders that are filled": {"url": "https://hooks.example.com/desk", "events": ["order.completed"]},
        },
    ),
    "own_endpoints": Told(_FOUND),
    "delete_endpoint": Told({200: "deleted: this is what it was"}, (EndpointNotFound,)),
    "rotate_secret": Told(
        {200: "this is the secret that signs from now on; for a day, or not `at_once`, the one before signs as well"},
        (EndpointNotFound, EndpointMoved),
        repeats=True,
        examples={"the first": {"secret_number": 1}, "one that leaked": {"secret_number": 1, "at_once": True}},
    ),
    "change_endpoint": Told(
        {200: "changed: this is what it is"},
        (AddressRefused, UnknownEventType, EndpointNotFound, EndpointMoved),
        examples={
            "elsewhere": {"url": "https://hooks.example.com/desk/2"},
            "fewer": {"events": ["order.completed", "order.failed"]},
        },
    ),
    "send_test": Told({201: "it is on its way"}, (EndpointNotFound, EndpointDisabled)),
    "deliveries_of_endpoint": Told(_FOUND, (EndpointNotFound,)),
    "replay_delivery": Told(
        {200: "it is made again"}, (DeliveryNotFound, EndpointNotFound, EndpointDisabled, DeliveryPending)
    ),
    "withdrawals": Told(_FOUND),
    "transactions": Told(_FOUND, (Busy,)),
    "users": Told(_FOUND),
    # billing
    "register": Told(
        {201: "registered; his accounts are opened at the billing system"},
        (RequisitesWrong, DealerExists, DataKeysUnavailable),
        examples={
            "a company": {**_REGISTERED, "offer_version": "2026-11", "offer_accepted_at": "2026-11-20T12:00:00Z"}
        },
    ),
    "dealer": Told(_FOUND, (DealerNotFound,)),
    "update_requisites": Told(
        {200: "changed, or they were these already; they are on their way to the billing system"},
        (DealerNotFound, DealerForgotten, RequisitesWrong, RequisitesMoved, DataKeysUnavailable),
        examples={"a company": {**_REGISTERED["requisites"], "replaces": 1}},
    ),
    "bills_of_dealer": Told(_FOUND, (DealerNotFound,)),
    "close_deal": Told(
        {201: "closed, and its commission billed", 200: "it was already"},
        (DealerNotFound, NothingToBill, DealCancelled, DealDiffers),
        examples={"a million": {"deal_id": "deal-4711", "cme_dealer_id": "cme-7", "price": "1000000.00"}},
    ),
    "create_bill": Told(
        {201: "billed; its invoice is asked for", 200: "it was already"},
        (AmountWrong, DealerNotFound, DealNotFound, DealCancelled, AccountNotOpened, DealerLeaves, BillDiffers),
        examples={"the reward": {"operation": "GET_REWARD", "cme_dealer_id": "cme-7", "deal_id": "deal-1"}},
    ),
    "bill": Told(_FOUND, (BillNotFound,)),
    "deal": Told(_FOUND, (DealNotFound,)),
    "change_deal": Told(
        {200: "changed; credit notes and a new bill are on their way"},
        (NothingChanged, DealNotFound, DealCancelled, NotSettled, DealerNotFound, NothingToBill, TooManyBills),
        repeats=True,
        examples={
            "a lower price": {"price": "900000.00"},
            "another dealer": {"cme_dealer_id": "cme-8"},
            "a slip of what was paid for the car": {"settlement": "900000.00"},
        },
    ),
    "add_fast_buyout": Told(
        {201: "added; his accounts are opened at the billing system", 200: "he has it already"},
        (DealerNotFound, DealerForgotten, DealerLeaves),
    ),
    "fast_buyout": Told(_FOUND, (SegmentNotFound, DealerNotFound)),
    "release_deposit": Told(
        {202: "he leaves; his deposit is on its way", 200: "what has become of it"},
        (
            DealerNotFound,
            AccountNotOpened,
            ReleasedBefore,
            DealerForgotten,
            AccountNotReady,
            BuyoutOpen,
            DepositEmpty,
        ),
    ),
    "segments": Told(_FOUND),
    "dealer_statement": Told(_FOUND, (MonthNotBegun, DealerNotFound)),
    "dealer_statement_as_csv": Told(_FOUND, (MonthNotBegun, DealerNotFound), media="text/csv"),
    "dealer_statement_as_pdf": Told(_FOUND, (MonthNotBegun, DealerNotFound), media="application/pdf"),
    # orders
    "assets": Told(_FOUND),
    "asset": Told(_FOUND, (AssetNotFound,)),
    "asset_prices": Told(_FOUND, (AssetNotFound, TooManySteps)),
    "desk_status": Told(_FOUND),
    "asset_transactions": Told(_FOUND, (Busy,)),
    "place": Told(
        {201: "done, or resting in the book until the market gets there"},
        (
            AssetNotFound,
            Halted,
            AssetInactive,
            PriceUnavailable,
            BoughtElsewhere,
            PriceMoved,
            ContradictoryTerms,
            PriceOffStep,
            ExpiryOutOfRange,
            PrecisionExceeded,
            BelowMinimum,
            AboveMaximum,
            FeeTakesAll,
            AmountTooLarge,
            AccountNotFound,
            InsufficientFunds,
            InsufficientAsset,
            TooManyOpenOrders,
            QuoteNotFound,
            QuoteOfOtherTerms,
            QuoteUsed,
            QuoteExpired,
        ),
        repeats=True,
        examples={
            "buy at the market": {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.001"},
            "spend fifty dollars": {"asset_id": "BTC", "order_type": "BUY", "quote_amount": "50.00"},
            "buy at a limit": {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.1", "order_price": "20.00"},
        },
    ),
    "quote": Told(
        {201: "what the order comes to, if it is placed with this quote and in time"},
        (
            AssetNotFound,
            Halted,
            AssetInactive,
            PriceUnavailable,
            BoughtElsewhere,
            ContradictoryTerms,
            PrecisionExceeded,
            BelowMinimum,
            AboveMaximum,
            FeeTakesAll,
            AmountTooLarge,
            AccountNotFound,
            TooManyQuotes,
        ),
        repeats=True,
        examples={
            "to buy": {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.001"},
            "to get fifty dollars": {"asset_id": "BTC", "order_type": "SELL", "quote_amount": "50.00"},
        },
    ),
    "quoted": Told(_FOUND, (QuoteNotFound,)),
    "list_orders": Told(_FOUND),
    "order": Told(_FOUND, (OrderNotFound,)),
    "cancel": Told({200: "cancelled, and the hold given back"}, (OrderNotFound, OrderNotPending), repeats=True),
    "cancel_all": Told({200: "the orders of this page that were cancelled"}),
    "balances": Told(_FOUND, (AccountNotFound,)),
    "asset_balance": Told(_FOUND, (HoldingNotFound,)),
    "portfolio": Told(_FOUND, (AccountNotFound,)),
    "portfolio_history": Told(_FOUND, (TooManySteps, AccountNotFound, StatementTooLong, Busy)),
    "held": Told(_FOUND, (AccountNotFound,)),
    "any_statement": Told(_FOUND, (AccountNotFound, StatementTooLong, Busy)),
    "any_statement_as_csv": Told(_FOUND, (AccountNotFound, StatementTooLong, Busy), media="text/csv"),
    "statement": Told(_FOUND, (AccountNotFound, StatementTooLong, Busy), media="text/csv"),
    "fail": Told(
        {200: "failed, and the hold given back, or it was already"},
        (OrderNotFound, OrderNotPending),
        examples={"a delisted asset": {"reason": "the asset is delisted"}},
    ),
    # market making
    "open_market_making": Told(
        {201: "opened: pay it by the transfers that are told, until `pay_by`"},
        (
            InvalidConfiguration,
            PairNotFound,
            PairUnreachable,
            Halted,
            FundingTooSmall,
            NoCapacity,
            NoTradingKey,
            ExchangeUnavailable,
            CustodyUnavailable,
        ),
        repeats=True,
        examples={
            "bitcoin against tether": {"pair": "BTC-USDT", "base_quantity": "0.1", "quote_quantity": "5000"},
            "by a configuration of hummingbot's": {
                "pair": "BTC-USDT",
                "base_quantity": "0.1",
                "quote_quantity": "5000",
                "configuration": {
                    "bid_spread": "0.2",
                    "ask_spread": "0.2",
                    "order_amount": "0.01",
                    "order_refresh_time": "30",
                    "order_levels": "2",
                    "stop_at_volume": "100000",
                },
            },
        },
    ),
    "check_configuration": Told(
        {200: "so it would be"},
        (InvalidConfiguration, PairNotFound, PairUnreachable, NoMarketPrice, NoTradingKey, ExchangeUnavailable),
        examples={
            "of hummingbot's": {
                "pair": "BTC-USDT",
                "configuration": {
                    "bid_spread": "0.2",
                    "ask_spread": "0.2",
                    "order_amount": "0.01",
                    "order_refresh_time": "30",
                },
            }
        },
    ),
    "market_making_orders": Told(_FOUND),
    "market_making_order": Told(_FOUND, (MarketMakingOrderNotFound,)),
    "pause_market_making": Told(
        {200: "it is paused: what is open is cancelled with its next cycle"},
        (MarketMakingOrderNotFound, NotPausable, MarketMakingOrderMoved),
    ),
    "resume_market_making": Told(
        {200: "it is running"},
        (
            MarketMakingOrderNotFound,
            NotResumable,
            NoMarketPrice,
            NoTradingKey,
            ExchangeUnavailable,
            MarketMakingOrderMoved,
        ),
    ),
    "market_making_configuration": Told(_FOUND, (MarketMakingOrderNotFound, NotConfigurable)),
    "market_making_performance": Told(
        _FOUND, (MarketMakingOrderNotFound, NotConfigurable, NoMarketPrice, NoTradingKey, ExchangeUnavailable)
    ),
    "market_making_history": Told(_FOUND, (MarketMakingOrderNotFound, MarketMakingOrderMoved)),
    "market_making_book": Told(
        _FOUND, (MarketMakingOrderNotFound, NotConfigurable, NoMarketPrice, NoTradingKey, ExchangeUnavailable)
    ),
    "market_making_fills": Told(_FOUND, (MarketMakingOrderNotFound,)),
    "market_making_fills_as_csv": Told(_FOUND, (MarketMakingOrderNotFound,), media="text/csv"),
    "configure_market_making": Told(
        {200: "it quotes so from its next cycle on"},
        (MarketMakingOrderNotFound, NotConfigurable, InvalidConfiguration, ConfigurationMoved),
        examples={"a narrower spread": {"version": 1, "configuration": {"bid_spread": "0.1", "ask_spread": "0.1"}}},
    ),
    "stop_market_making": Told(
        {200: "it stops, or has stopped"}, (MarketMakingOrderNotFound, NotStoppable, MarketMakingOrderMoved)
    ),
    "withdraw_market_making": Told(
        {200: "it is on its way home, or there already"},
        (MarketMakingOrderNotFound, NothingToWithdraw, MarketMakingOrderMoved),
    ),
    "pairs": Told(_FOUND),
    # offramp
    "sell": Told(
        {200: "the exchange has it, and it goes on by itself"},
        (
            ClientNotFound,
            ClientBlocked,
            AccountForgotten,
            AssetNotFound,
            Halted,
            AssetInactive,
            PriceUnavailable,
            MarketUnknown,
            ContradictoryTerms,
            NothingToSell,
            PrecisionExceeded,
            AmountTooLarge,
            EstimateOutOfBand,
            BelowMinimum,
            AboveMaximum,
            NotALot,
            ExchangeUnavailable,
            InsufficientAsset,
            TooManyOpenOrders,
            SaleRefused,
            SaleUnresolved,
        ),
        repeats=True,
        examples={
            "a hundredth of a bitcoin": {
                "asset_id": "BTC",
                "quantity": "0.01",
                "estimated_amount": "300.00",
                "crypto_client_id": "ann-crypto",
                "banking_client_id": "ann-bank",
            },
            "everything": {
                "asset_id": "SOL",
                "quantity": "all",
                "crypto_client_id": "ann-crypto",
                "banking_client_id": "ann-bank",
            },
        },
    ),
    "sell_orders": Told(_FOUND),
    "sell_order": Told(_FOUND, (SellOrderNotFound,)),
    "void": Told(
        {200: "ended, and the coins given back"},
        (SellOrderNotFound, SellOrderNotOpen, ExchangeOrderNotFilled, ExchangeUnavailable),
        examples={"his wish": {"reason": "the customer asks for it, ticket 4713"}},
    ),
    # payouts
    "bank_event": Told(
        {200: "taken, whatever it says: it need not be sent again"},
        (SignatureRefused, PayoutUnclear, DataKeysUnavailable),
    ),
    **dict.fromkeys(
        ("retry_payout", "retry_withdrawal"),
        Told({200: "one more attempt may be made"}, _UNPAID, examples=_BANK_IS_BACK),
    ),
    **dict.fromkeys(
        ("abandon_attempt", "abandon_withdrawal"),
        Told({200: "nobody sends it any more; the bank is asked once more"}, _UNPAID, examples=_NEVER_CAME),
    ),
    **dict.fromkeys(
        ("mark_filled", "complete"),
        Told(
            _PROPOSED,
            _PROPOSABLE,
            examples={
                "paid": {"reference": "transfer 4712", "reason": "his bank takes no others"},
                "only say": {"reference": "transfer 4712", "reason": "a question", "dry_run": True},
            },
        ),
    ),
    **dict.fromkeys(
        ("credit_usd", "reject"),
        Told(
            {200: "the dollars are on the balance here, or they were already"},
            _UNPAID,
            examples={"his wish": {"reason": "the customer asks for it, ticket 4713"}},
        ),
    ),
    # purchases
    "buy": Told(
        {201: "the dollars are held, and the rest goes on by itself"},
        (
            AssetNotFound,
            Halted,
            AssetInactive,
            PriceUnavailable,
            BoughtHere,
            ContradictoryTerms,
            PrecisionExceeded,
            AmountTooLarge,
            AmountTooSmall,
            AboveMaximum,
            PriceMoved,
            AccountNotFound,
            InsufficientFunds,
            TooManyOpenOrders,
        ),
        repeats=True,
        examples={
            "four dollars": {"asset_id": "SOL", "quote_amount": "4.00"},
            "one, if it is not above $160": {"asset_id": "SOL", "quantity": "1", "max_price": "160"},
        },
    ),
    "purchase": Told(_FOUND, (PurchaseNotFound,)),
    "cancel_purchase": Told({200: "cancelled, or it was already"}, (PurchaseNotFound, PurchaseNotPending)),
    "pools": Told(_FOUND),
    "recur": Told(
        {201: "it waits for its first date; where that is now, it is bought within a minute"},
        (*_RECURS, ContradictoryTerms, AccountNotFound, TooManyRecurringBuys),
        repeats=True,
        examples={
            "four dollars a week, from now on": {"asset_id": "SOL", "quote_amount": "4.00", "every": "weekly"},
            "on the last day of each month, for a year": {
                "asset_id": "SOL",
                "quantity": "0.5",
                "every": "monthly",
                "starts_at": "2026-12-31T09:00:00Z",
                "ends_at": "2027-12-31T09:00:00Z",
            },
        },
    ),
    "list_recurring_buys": Told(_FOUND),
    "recurring_buy": Told(_FOUND, (RecurringBuyNotFound,)),
    "recurring_buy_dates": Told(_FOUND, (RecurringBuyNotFound,)),
    "change_recurring_buy": Told(
        {200: "it is as you want it from its next date on, or it was already"},
        (RecurringBuyNotFound, RecurringBuyOver, RecurringBuyChanged, ContradictoryTerms, *_RECURS),
        examples={
            "more": {"version": 1, "quote_amount": "5.00"},
            "monthly, without a limit": {"version": 1, "every": "monthly", "max_price": None},
        },
    ),
    "pause_recurring_buy": Told({200: "paused, or it was already"}, (RecurringBuyNotFound, RecurringBuyOver)),
    "resume_recurring_buy": Told(
        {200: "it waits for its next date, or it did already"},
        (RecurringBuyNotFound, RecurringBuyOver, DateOutOfRange),
    ),
    "cancel_recurring_buy": Told({200: "cancelled, or it was already"}, (RecurringBuyNotFound, RecurringBuyOver)),
    "sell_coins": Told(
        {201: "the coins are held, and the rest goes on by itself"},
        (
            AssetNotFound,
            Halted,
            AssetInactive,
            PriceUnavailable,
            SoldHere,
            PrecisionExceeded,
            AmountTooLarge,
            AboveMaximum,
            PriceMoved,
            NothingToSell,
            PartTooSmall,
            InsufficientAsset,
        ),
        repeats=True,
        examples={
            "everything": {"asset_id": "SOL", "quantity": "all"},
            "a part, if it is not below $90": {"asset_id": "SOL", "quantity": "0.05", "min_price": "90"},
        },
    ),
    "sale": Told(_FOUND, (SaleNotFound,)),
    "cancel_sale": Told({200: "cancelled, or it was already"}, (SaleNotFound, SaleNotPending)),
    "sale_pools": Told(_FOUND),
    "void_batch": Told(
        {200: "its members are refunded"},
        (BatchNotFound, BatchNotStuck, ExchangeUnavailable),
        examples={"lost": {"reason": "the exchange says that it has lost the order, ticket 4715"}},
    ),
    # market making, by operators
    "operated_orders": Told(_FOUND),
    "operated_order": Told(_FOUND, (MarketMakingOrderNotFound,)),
    "operated_fills": Told(_FOUND, (MarketMakingOrderNotFound,)),
    "stop_for_owner": Told(
        {200: "it quotes no more, or did not any more"},
        (MarketMakingOrderNotFound, NotStoppable, MarketMakingOrderMoved),
        examples=_HE_ASKS,
    ),
    "withdraw_for_owner": Told(
        {200: "it comes home, or did already"},
        (MarketMakingOrderNotFound, NothingToWithdraw, MarketMakingOrderMoved),
        examples=_HE_ASKS,
    ),
    "joined_campaigns": Told(_FOUND),
    "joined_campaign": Told(_FOUND, (CampaignNotJoined,)),
    "trading_accounts": Told(_FOUND),
    "halt_account": Told(
        {200: "halted, or it was already"},
        (TradingAccountNotFound, HaltMoved),
        examples={"drill": {"reason": "its keys are known to others"}},
    ),
    "halt_market_making": Told(
        {200: "paused, and halted, or it was already"},
        (MarketMakingOrderNotFound, NotPausable, MarketMakingOrderMoved, HaltMoved),
        examples={"drill": {"reason": "it does what nobody understands"}},
    ),
    "lift_halt": Told(
        {200: "lifted, or it was already"},
        (HaltNotFound, HaltOwn, AccountStillShort, ExchangeUnavailable, NoTradingKey, HaltMoved),
        examples={"back": {"reason": "what was missing is there again"}},
    ),
    "save_trading_account": Told(
        {200: "written, or it was so already"},
        (TradingAccountFixed, FeeCoinOwn, ShardFull, TradingAccountMoved, HaltMoved),
        examples={"ten orders": {"exchange": "binance", "capacity": 10, "reason": "its limits were raised"}},
    ),
    "operated_pairs": Told(_FOUND),
    # operations
    "bring_home": Told(_PROPOSED, _PROPOSABLE, examples={"a leg was refused": {"reason": "the custody takes no USDT"}}),
    "decide_deposit": Told(
        _PROPOSED,
        (*_PROPOSABLE, EvidenceNotBelieved),
        examples={
            "less": {"asset": "BTC", "credited": "0.0999", **_LOOKED_UP, "reason": "the exchange takes a fee"},
            "nothing": {"asset": "BTC", "credited": "0", **_LOOKED_UP, "reason": "sent without its tag"},
        },
    ),
    "decide_fills": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={
            "sold": {"base": "0.0792", "quote": "6248.42", **_LOOKED_UP, "reason": "the exchange's statement of trades"}
        },
    ),
    "decide_return": Told(
        _PROPOSED,
        (*_PROPOSABLE, EvidenceNotBelieved),
        examples={
            "less": {
                "asset": "BTC",
                "snapshot": "NAAAAAAAAABAAPAAAAAAAAAAAAA",
                **_LOOKED_UP,
                "reason": "the network takes a fee",
            }
        },
    ),
    "withdraw_again": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={"refused": {"asset": "BTC", **_LOOKED_UP, "reason": "the address is known to the exchange now"}},
    ),
    "keep_rest": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={
            "paid": {
                "asset": "BTC",
                "payer": "paid",
                **_LOOKED_UP,
                "reason": "too small to be withdrawn: paid from our own",
            },
            "not paid": {"asset": "BTC", "payer": "unpaid", **_LOOKED_UP, "reason": "less than a cent"},
        },
    ),
    "look_back": Told(
        _PROPOSED,
        (*_PROPOSABLE, EvidenceNotBelieved),
        examples={"missed": {"after": 4711, **_LOOKED_UP, "reason": "trade 4712 is in no list of ours"}},
    ),
    "snapshots": Told(_FOUND),
    "snapshot": Told(_FOUND, (IncomingNotFound,)),
    "assign_snapshot": Told(
        _PROPOSED,
        (*_PROPOSABLE, EvidenceNotBelieved),
        examples={"his": {"order": "MAAAAAAAAABAALAAAAAAAAAAAAA", **_LOOKED_UP, "reason": "he forgot the memo"}},
    ),
    "refund_snapshot": Told(_PROPOSED, _PROPOSABLE, examples=_TO_HIM),
    "take_snapshot": Told(_PROPOSED, _PROPOSABLE, examples={"ours": {**_LOOKED_UP, "reason": "we sent it ourselves"}}),
    "book_loss": Told(
        _PROPOSED, _PROPOSABLE, examples={"stolen": {**_LOOKED_UP, "reason": "the key was known to others"}}
    ),
    "skip_tie": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={"flood": {**_LOOKED_UP, "reason": "somebody sends dust; the rest has to go on"}},
    ),
    "settle_tie": Told(
        _PROPOSED, _PROPOSABLE, examples={"seen to": {**_LOOKED_UP, "reason": "Mixin has listed them: all are dust"}}
    ),
    "assign_payment": Told(
        _PROPOSED, _PROPOSABLE, examples={"his": {"contract": "contract-7", **_LOOKED_UP, "reason": "he named another"}}
    ),
    "identify_payment": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={
            "found there": {
                "payment": "payment-29915e600b2c0edfe64a",
                "contract": "contract-7",
                "sum": "100.00",
                **_LOOKED_UP,
                "reason": "its message has the currency in small letters",
            }
        },
    ),
    "dismiss_payment": Told(
        _PROPOSED, _PROPOSABLE, examples={"no payment": {**_LOOKED_UP, "reason": "a test of the billing system's"}}
    ),
    "recall_payment": Told(
        _PROPOSED, _PROPOSABLE, examples={"a fraud": {**_LOOKED_UP, "reason": "its payer's bank has asked for it back"}}
    ),
    "let_deposit_go": Told(
        _PROPOSED, _PROPOSABLE, examples={"his own": {**_LOOKED_UP, "reason": "he has changed his bank, and says so"}}
    ),
    "keep_deposit": Told(
        _PROPOSED, _PROPOSABLE, examples={"a stranger's": {**_LOOKED_UP, "reason": "he has not changed his bank"}}
    ),
    "book_deposit_paid": Told(
        _PROPOSED, _PROPOSABLE, examples={"he has it": {**_LOOKED_UP, "reason": "the bank's statement shows it"}}
    ),
    "agree_total": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={"it went back": {**_LOOKED_UP, "reason": "the billing system counts a refund"}},
    ),
    "refund_of_account": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={"paid twice": {"sum": "1.00", **_LOOKED_UP, "reason": "he has paid it twice, and asks for it"}},
    ),
    "call_off_outgoing": Told(
        _PROPOSED, _PROPOSABLE, examples={"too late": {**_LOOKED_UP, "reason": "its order has failed: it goes back"}}
    ),
    "retry_outgoing": Told(
        {200: "it is sent, or asked for, again, by the sender's next round"},
        _AGAIN,
        examples={"mended": {"reason": "the key may do that again", "dry_run": True}},
    ),
    "replay_payment": Told(
        {200: "within a minute it is looked for again whose it is"},
        _AGAIN,
        examples={"known by now": {"reason": "its contract is made", "dry_run": True}},
    ),
    "retry_refund": Told(
        {200: "within five minutes the billing system is asked again"},
        _AGAIN,
        examples={"asked": {"reason": "they have looked", "dry_run": True}},
    ),
    "snooze_reminder": Told(
        {200: "it is asked for again in a week, if the bill is not paid by then"},
        _AGAIN,
        examples={"called": {"reason": "called him: he pays on Friday", "dry_run": True}},
    ),
    "resend_outgoing": Told(_PROPOSED, _PROPOSABLE, examples=_TO_HIM),
    "decide_outgoing": Told(
        _PROPOSED,
        (*_PROPOSABLE, EvidenceNotBelieved),
        examples={
            "sent": {"sent": "yes", **_LOOKED_UP, "reason": "the custody shows it as sent"},
            "never": {"sent": "no", **_LOOKED_UP, "reason": "the custody has never had it"},
        },
    ),
    "operated_assets": Told(_FOUND),
    "operated_asset": Told(_FOUND, (AssetNotFound,)),
    "list_asset": Told(
        _PROPOSED,
        (ImpossibleAsset, AssetExists, SymbolTaken, DailyLimitExceeded),
        examples={
            "dogecoin": {
                "name": "Dogecoin",
                "precision": 8,
                "min_notional": "10.00",
                "max_notional": "100000.00",
                "price_source_id": "dogecoin",
                "reason": "customers ask for it, ticket 4718",
            }
        },
    ),
    "change_asset": Told(
        {200: "proposed, or it was so already; switched off at once"},
        (AssetNotFound, ImpossibleAsset, PrecisionLowered, SymbolTaken, AssetMoved),
        examples={
            "off": {"active": False, "reason": "the exchange has taken it out"},
            "larger orders only": {"min_notional": "20.00", "reason": "smaller orders cost more than they bring"},
        },
    ),
    "save_pair": Told(
        {200: "proposed, or it was so already; disabled at once"},
        (PairFixed, PairTaken, PairMoved),
        examples={
            "bitcoin": {
                "pair": "BTC-USDT",
                "exchange": "binance",
                "base_asset_id": "c6d0c728-2624-429b-8e0d-d9d19b6592fa",
                "quote_asset_id": "4d8c508b-91c5-375b-92b0-ee702ed2dac5",
                "base_min": "0.01",
                "quote_min": "500",
                "fee_bps": 10,
                "reason": "it is asked for",
            }
        },
    ),
    "save_segment": Told(
        _PROPOSED,
        (SegmentWrong,),
        examples={"dear cars": {"deposit_min": "300000.00", "price_max": "3000000.00", "reason": "as decided in May"}},
    ),
    "operator_list": Told(_FOUND, (OperatorPoolUnavailable,)),
    "sign_out_operator": Told(
        {200: "his sign-ins until now are refused"},
        (OperatorNotFound, OperatorPoolUnavailable),
        examples={"a lost machine": {"reason": "his laptop was stolen, ticket 4720"}},
    ),
    "disable_operator": Told(
        {200: "he is refused, and signs in no more"},
        (OperatorNotFound, OperatorPoolUnavailable),
        examples={"he has left": {"reason": "he has left, ticket 4721"}},
    ),
    "own_user": Told(
        {200: "written down, or it was already"},
        (AccountNotFound, TooManyOwn),
        examples={"under another name": {"reason": "I have it since before I was an operator"}},
    ),
    "flow_halts": Told(_FOUND),
    "halt_flow": Told(
        {200: "halted, or it was already"},
        (ImpossibleHalt, AssetNotFound, HaltMoved),
        examples={
            "all of it": {"reason": "the exchange says strange things"},
            "of one coin": {"asset_id": "BTC", "reason": "its network has split"},
        },
    ),
    "lift_flow": Told(
        {200: "it runs again, or it did already"},
        (HaltOwn, HaltMoved),
        examples={"all of it": {"reason": "the exchange has mended it"}},
    ),
    "work": Told(_FOUND),
    "story": Told(_FOUND, (NothingKnown, MachinesUnavailable)),
    "machine": Told(_FOUND, (MachinesUnavailable,)),
    "redrive": Told(
        {200: "its next execution has started"},
        (NothingKnown, NothingWaits, NotDriven, StillRunning, Redriven, MachinesUnavailable),
        examples=_BANK_IS_BACK,
    ),
    "approve_payout": Told(
        _PROPOSED,
        (*_PROPOSABLE, DataKeysUnavailable),
        examples={"known": {"reason": "the customer was called back, ticket 4717"}},
    ),
    "decide_order": Told(
        _PROPOSED,
        (*_PROPOSABLE, EvidenceNotBelieved),
        examples={
            "nothing": {
                "executed": "0",
                "gross": "0.00",
                "reference": "letter of November 3rd",
                "reason": "the exchange has closed its doors",
            },
            "a fee in coins": {
                "executed": "0.05",
                "gross": "6.25",
                "fees_in_coins": "0.0002 BNB, 0.00005 BTC",
                "reference": "order 4711 in the statement of November 3rd",
                "reason": "the market had moved further than the band",
            },
        },
    ),
    "decide_payout": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={
            "less the bank's fee": {"paid": "19.00", "reference": "statement 47, line 11", **_BY_HAND},
        },
    ),
    "credit": Told(
        {200: "proposed, or it was already: another operator confirms it; or it is credited already"},
        _PROPOSABLE,
        examples={"a wire": {"amount": "1000.00", **_BY_HAND}},
    ),
    "apart_user": Told(
        _PROPOSED,
        (OperatorNotFound, OperatorPoolUnavailable, *_PROPOSABLE),
        examples={
            "a namesake": {
                "operator": "olga",
                "reference": "ticket 4722, passports of both seen",
                "reason": "a customer has signed up under her name",
            }
        },
    ),
    "forget_user": Told(
        _PROPOSED, _PROPOSABLE, examples={"he has left": {"reason": "he asked for it in writing, ticket 4720"}}
    ),
    "forget_dealer": Told(
        _PROPOSED, _PROPOSABLE, examples={"he has left": {"reason": "he asked for it in writing, ticket 4721"}}
    ),
    "set_tier": Told(
        _PROPOSED, _PROPOSABLE, examples={"the fees of GOLD": {"tier": "GOLD", "reason": "volume of October"}}
    ),
    "move_user": Told(
        _PROPOSED,
        _PROPOSABLE,
        examples={
            "made anew": {
                "sub": "6f0c2b1e-8d53-4c1b-9a47-1c2f3e4d5a6b",
                "reference": "ticket 4719, passport seen",
                "reason": "he lost his second factor, and his login was deleted",
            }
        },
    ),
    "close_stray": Told(
        {200: "closed, or it was already"}, (NothingKnown,), examples={"sold": {"reason": "sold by order 4711"}}
    ),
    "confirm": Told(
        {200: "done, or it was already"},
        (
            ProposalNotFound,
            ProposalDecided,
            OwnProposal,
            ProposalEnded,
            BeneficiaryDecides,
            NotProposable,
            ClientTaken,
            AccountNeeded,
            DataKeysUnavailable,
            DailyLimitExceeded,
        ),
        examples={"seen": {"reason": "line 11 of statement 47 says so"}},
    ),
    "dismiss_proposal": Told(
        {200: "dismissed, or it was already"},
        (ProposalNotFound, ProposalDecided, BeneficiaryDecides, NotProposable),
        examples={"mistaken": {"reason": "line 11 is of another payout"}},
    ),
    "parked": Told(_FOUND),
    "replay": Told(
        {200: "placed, or told why it can not be"},
        (EventNotFound, PayoutUnclear),
        examples={"the order was repaired": {"reason": "the attempt is there by now"}},
    ),
    "dismiss": Told(
        {200: "dismissed, or what else became of it before; what tells of dollars paid is proposed, to be confirmed"},
        (EventNotFound, NotProposable, BeneficiaryDecides),
        examples={"a test of the bank's": {"reason": "the bank says it was a test"}},
    ),
    "stopped_prices": Told(_FOUND),
    "confirm_price": Told(
        {200: "proposed, or it was already; or it is the price"},
        (AssetNotFound, NothingToConfirm),
        examples={"a crash": {"price": "75.25", "reason": "the market is there: two other exchanges say so"}},
    ),
    "save_crypto_client": Told(
        {200: "written, or it was so already; one that may be used then is proposed: another operator confirms it"},
        (AccountNotFound, ClientTaken, ClientMoved, *_PROPOSABLE),
        examples={"may sell": {"username": "ann", "reason": "his papers are complete"}},
    ),
    "save_banking_client": Told(
        {200: "written, or it was so already; one that may be paid then is proposed: another operator confirms it"},
        (AccountNotFound, ClientTaken, AccountNeeded, ClientMoved, AccountForgotten, DataKeysUnavailable, *_PROPOSABLE),
        examples={
            "is paid": {"username": "ann", "account_id": "acc-ann", "reason": "his papers are complete"},
            "is not paid": {
                "username": "ann",
                "status": "BLOCKED",
                "reason": "his account is looked into, ticket 4716",
            },
        },
    ),
    "operated_client": Told(_FOUND, (ClientNotFound,)),
    "customer": Told(_FOUND, (AccountNotFound, Busy)),
    "moves_of_amount": Told(_FOUND, (AccountNotFound,)),
    "find": Told(_FOUND),
    "operated_pools": Told(_FOUND),
    "machines": Told(_FOUND, (MachinesUnavailable,)),
    "executions": Told(_FOUND, (MachinesUnavailable,)),
    "failures": Told(_FOUND),
    "audit": Told(_FOUND),
    "audit_head": Told(_FOUND, (AnchorsUnavailable,)),
    "audit_anchors": Told(_FOUND, (AnchorsUnavailable,)),
    "reconcile": Told(
        _FOUND,
        (AccountNotFound, AccountBusy, StillAddingUp, UnreadableLine),
        examples={"one account": {"username": "ann"}},
    ),
    "operated_dealers": Told(_FOUND),
    "operated_dealer": Told(_FOUND, (DealerNotFound,)),
    "operated_bills": Told(_FOUND, (DealerNotFound,)),
    "operated_bill": Told(_FOUND, (BillNotFound,)),
    "payments_of_dealer": Told(_FOUND, (DealerNotFound,)),
    "payments_of_contract": Told(_FOUND),
    "operated_statement": Told(_FOUND, (MonthNotBegun, DealerNotFound)),
    "operated_statement_as_pdf": Told(_FOUND, (MonthNotBegun, DealerNotFound), media="application/pdf"),
    "desk_books": Told(_FOUND, (NeverChecked,)),
    "add_up_books": Told({200: "a pass over the books begins within five minutes"}),
    "comparison_with_bank": Told(_FOUND, (NeverCompared,)),
    "compare_bank": Told(
        {200: "it is compared within a quarter of an hour"},
        (DayNotOver, TooManyDays),
        examples={"a day that is over": {"date": "2026-11-20"}},
    ),
    "comparison_with_exchange": Told(_FOUND, (NeverCompared,)),
    "compare_exchange": Told(
        {200: "it is compared within a quarter of an hour"},
        (DayNotOver, TooManyDays),
        examples={"a day that is over": {"date": "2026-11-20"}},
    ),
    "last_comparison_of_billing": Told(_FOUND, (NeverCompared,)),
    "compare_billing": Told({200: "compared, as many accounts as there was time for"}, (BillingUnavailable,)),
    "last_comparison_of_custody": Told(_FOUND, (NeverCompared,)),
    "compare_custody": Told({200: "compared, at up to three looks"}, (CustodyUnavailable,)),
}
