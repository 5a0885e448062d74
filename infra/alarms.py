"""What wakes a person: one alarm for each thing that must always be true, each with its runbook; and the dashboard.

Our own metrics are those of `common.log`, printed by the functions in the embedded metric format.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from aws_cdk import (
    Duration,
    Stack,
    aws_apigatewayv2,
    aws_cloudwatch,
    aws_cloudwatch_actions,
    aws_dynamodb,
    aws_iam,
    aws_kms,
    aws_lambda,
    aws_sns,
    aws_sns_subscriptions,
    aws_sqs,
    aws_stepfunctions,
)
from constructs import Construct

from common.log import NAMESPACE
from infra.backups import vault_name
from infra.context import API_SECONDS, title
from infra.environment import Environment
from infra.streams import Queues

RUNBOOKS = "docs/runbooks"
MINUTE = Duration.minutes(1)
PRICE_LEFT_SECONDS_MIN = 60  # a round of prices more may fail before its asset is not traded any more
SILENT_ROUNDS = 3  # of prices
OVERDUE_MINUTES = 5  # what the sweeper can move has moved after that many rounds
FAILING_MINUTES, WITHIN_MINUTES = 3, 15  # the sweeper mends an execution that dies now and then
PAYMENT_LATE_SECONDS = 900  # what fails comes again each three minutes
CHANGE_LATE_MINUTES = 10  # of a day that the table's stream keeps them
SILENT_MINUTES = 10  # what a custody is silent about for less is taken when it speaks again
JOINS_FAILING, JOINS_WITHIN = 6, 60  # a round each five minutes; a join that is late costs an hour of volume
FAILED_ROUNDS, OF_ROUNDS = 2, 3  # one failed round of a schedule is mended by the next
DAY_MINUTES = 24 * 60  # CloudWatch looks no further back in minutes
SLOW_MILLISECONDS = API_SECONDS * 750  # three quarters of what a function of the API has
RECONCILED_WITHIN = Duration.hours(1)
CHECKED_WITHIN = Duration.days(1)
ANCHORED_WITHIN = Duration.hours(3)
ABOVE = aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = aws_cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD

Graph = tuple[str, Sequence[aws_cloudwatch.IMetric]]


class Watch(Construct):
    """The alarms of the stack, the topic they tell, and the dashboard that shows what they look at."""

    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        *,
        key: aws_kms.IKey | None,
        table: aws_dynamodb.ITable,
        api: aws_apigatewayv2.HttpApi,
        missed: aws_sqs.IQueue,
        queues: Mapping[str, Queues],
        given_up_changes: aws_sqs.IQueue,
        functions: Mapping[str, aws_lambda.IFunction],
        machines: Mapping[str, aws_stepfunctions.IStateMachine],
        tasks: Collection[str],
        every_minutes: Mapping[str, int],
    ) -> None:
        """`key` encrypts what alarms say; `tasks` are those of the functions that machines call, `every_minutes` says
        how often those of the clock run."""
        super().__init__(scope, "Watch")
        self._prefix = environment.prefix
        self._runbooks = environment.runbooks_url.rstrip("/") if environment.runbooks_url else RUNBOOKS
        self.alarms: list[aws_cloudwatch.Alarm] = []
        self.topic = aws_sns.Topic(self, "Alarms", enforce_ssl=True, master_key=key)
        # A policy of its own, here for TLS, takes the place of the one that lets alarms in.
        self.topic.add_to_resource_policy(
            aws_iam.PolicyStatement(
                principals=[aws_iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        if environment.alarm_email is not None:
            self.topic.add_subscription(aws_sns_subscriptions.EmailSubscription(environment.alarm_email))
        self._dashboard(
            [
                *self._books_and_prices(),
                *([] if environment.embedded else self._backups(vault_name(environment))),
                *self._payouts(),
                *self._custody(),
                *self._quotes(),
                *self._billing(queues["billing.take_payments"]),
                *self._webhooks(functions["notifications.take_changes"], given_up_changes),
                *self._machines(machines, {name: functions[name] for name in tasks}),
                *self._platform(table, api, missed, functions, tasks, every_minutes),
            ]
        )

    def _books_and_prices(self) -> list[Graph]:
        bugs, hold_missing, drift = self._ours("Bugs"), self._ours("HoldMissing"), self._ours("Drift", "Maximum")
        unreadable, reconciled = self._ours("BooksUnreadable", "Maximum"), self._ours("Reconciled")
        checked, anchored = self._ours("ItemsChecked"), self._ours("AuditAnchored")
        bank_off, exchange_off = self._ours("BankOff"), self._ours("ExchangeOff")
        price_left, price_jump = self._ours("PriceLeftSeconds", "Minimum"), self._ours("PriceJump")
        halted = self._ours("WorkHalted", "Maximum")
        self._alarm("Bugs", bugs, "bug", "A request or a round met something that nobody had thought of.")
        self._alarm(
            "HoldMissing",
            hold_missing,
            "hold-missing",
            "An order in the book has no hold behind it; it was not filled.",
        )
        self._alarm("Drift", drift, "drift", "Books are not what they add up to. Money is wrong.")
        self._alarm(
            "BooksUnreadable",
            unreadable,
            "books-unreadable",
            "The journal of an account can not be added up. Nobody knows whether its balances are right.",
        )
        self._alarm(
            "NoneReconciled",
            reconciled.with_(period=RECONCILED_WITHIN),
            "none-reconciled",
            "For an hour no account was held against its journal.",
            below=1,
            missing=aws_cloudwatch.TreatMissingData.BREACHING,
        )
        self._alarm(
            "NoneChecked",
            checked.with_(period=CHECKED_WITHIN),
            "none-checked",
            "For a day no item of the books was checked with what must stand beside it.",
            below=1,
            missing=aws_cloudwatch.TreatMissingData.BREACHING,
        )
        self._alarm(
            "NoneAnchored",
            anchored.with_(period=ANCHORED_WITHIN),
            "none-anchored",
            "For three hours nobody has signed where the audit of operators stands.",
            below=1,
            missing=aws_cloudwatch.TreatMissingData.BREACHING,
        )
        self._alarm(
            "BankOff",
            bank_off,
            "bank-off",
            "The bank has done something in our name that we do not know, or otherwise.",
        )
        self._alarm(
            "ExchangeOff",
            exchange_off,
            "exchange-off",
            "An account of ours at the exchange has done something that we do not know, or otherwise.",
        )
        self._alarm(
            "WorkHalted",
            halted,
            "halted",
            "Operators have halted a part of the desk: customers are refused, or what is to be sent waits.",
        )
        self._alarm(
            "PriceAge",
            price_left,
            "price-age",
            f"In {PRICE_LEFT_SECONDS_MIN} s the price of an asset is too old, and it is not traded any more.",
            below=PRICE_LEFT_SECONDS_MIN,
        )
        self._alarm(
            "NoPrices",
            self._ours("PriceLeftSeconds", "SampleCount"),
            "price-age",
            f"For {SILENT_ROUNDS} minutes nobody has looked at prices: trading stops.",
            below=1,
            minutes=SILENT_ROUNDS,
            missing=aws_cloudwatch.TreatMissingData.BREACHING,
        )
        self._alarm(
            "PriceJump",
            price_jump,
            "price-jump",
            "A price has jumped. Its asset is not traded until the exchange or an operator confirms the new one.",
        )
        return [
            ("Bugs, holds missing, drift, books unreadable: always 0", [bugs, hold_missing, drift, unreadable]),
            ("Seconds until the oldest price is too old to trade at", [price_left]),
            ("Prices written, jumped, not had", self._all("OrdersMarked", "PriceJump", "PriceSourceUnavailable")),
            ("Orders filled, orders and pools expired", self._all("OrdersFilled", "OrdersExpired", "PoolsExpired")),
            ("Flows that are halted", [halted]),
            ("Recurring buys", self._all("RecurringOrdered", "RecurringSkipped", "RecurringPostponed")),
            (
                "Accounts held against their journal; items checked; anchors of the audit",
                [reconciled, checked, anchored],
            ),
            ("Differences with the bank, with the exchange: always 0", [bank_off, exchange_off]),
            ("Days compared with the bank, with the exchange", self._all("BankCompared", "ExchangeCompared")),
        ]

    def _backups(self, vault: str) -> list[Graph]:
        jobs = [
            aws_cloudwatch.Metric(
                namespace="AWS/Backup",
                metric_name=f"NumberOfBackupJobs{ended}",
                dimensions_map={"BackupVaultName": vault},
                period=Duration.hours(1),
                statistic="Sum",
            )
            for ended in ("Completed", "Failed")
        ]
        self._alarm("BackupFailed", jobs[1], "backup-failed", "The table's copy of this month could not be made.")
        return [("Copies of the table that were made, that failed", jobs)]

    def _payouts(self) -> list[Graph]:
        overdue, needs_person = self._ours("WorkOverdue", "Maximum"), self._ours("WorkNeedsPerson", "Maximum")
        parked = self._ours("WorkParked", "Maximum")
        failed, turned_up, not_believed = (
            self._ours("PayoutsFailed"),
            self._ours("OrdersTurnedUp"),
            self._ours("FillsNotBelieved"),
        )
        to_approve = self._ours("PayoutsToApprove")
        contradictions, mismatch = self._ours("BankContradictions"), self._ours("BankMismatch")
        desk_refused, signatures = self._ours("DeskRefused"), self._ours("SignaturesRefused")
        self._alarm(
            "PayoutsFailed",
            failed,
            "payouts-failed",
            "The bank rejected the last attempt of a payout. A customer waits for dollars that a person has to send.",
        )
        self._alarm(
            "PayoutsToApprove",
            to_approve,
            "payouts-to-approve",
            "A payout is over the limit: nothing of it is sent until two operators have approved it.",
        )
        self._alarm(
            "OrdersTurnedUp", turned_up, "orders-turned-up", "The exchange has an order whose hold was given back."
        )
        self._alarm(
            "FillsNotBelieved",
            not_believed,
            "fills-not-believed",
            "What the exchange says of an order can not be. It is not written down, and waits for a person.",
        )
        self._alarm(
            "DeskRefused",
            desk_refused,
            "desk-refused",
            "The exchange or the bank refuses the desk itself: its funds, its limits, its key or its rights.",
        )
        self._alarm(
            "BankContradictions",
            contradictions,
            "bank-contradictions",
            "The bank says of a decided payout the contrary of what it said before.",
        )
        self._alarm(
            "BankMismatch",
            mismatch,
            "bank-mismatch",
            "What the bank says of a payout is of another account or amount. It is not believed, and the payout waits.",
        )
        self._alarm(
            "SignaturesRefused",
            signatures,
            "signatures-refused",
            "Events that say they are the bank's are not signed by it: a stranger's, or our secret is not the bank's.",
            minutes=60,
            of_them=3,
        )
        self._alarm(
            "WorkParked",
            parked,
            "parked-events",
            "Events of the bank can not be placed or read, and wait for a person.",
        )
        self._alarm(
            "WorkNeedsPerson", needs_person, "needs-person", "Orders, withdrawals or accounts wait for an operator."
        )
        self._alarm(
            "WorkOverdue",
            overdue,
            "work-overdue",
            f"For {OVERDUE_MINUTES} minutes something has not moved by its time, or nobody sweeps any more.",
            minutes=OVERDUE_MINUTES,
            missing=aws_cloudwatch.TreatMissingData.BREACHING,
        )
        return [
            ("Unfinished work: overdue, for a person, parked", [overdue, needs_person, parked]),
            ("The sweeper: machines started, events replayed", self._all("WorkStarted", "WorkReplayed")),
            ("Payouts failed, orders turned up, fills not believed: always 0", [failed, turned_up, not_believed]),
            ("Payouts over the limit, for two operators to approve", [to_approve]),
            (
                "The bank: against itself, not fitting, parked, not signed",
                [contradictions, mismatch, self._ours("EventsParked"), signatures],
            ),
            ("The outside: refuses the desk itself, asks us to wait", [desk_refused, self._ours("BansTold")]),
        ]

    def _custody(self) -> list[Graph]:
        """Every counter here is seldom, but silence: the custody is polled every five seconds."""
        off = self._ours("CustodyOff")
        self._alarm(
            "CustodyOff", off, "custody-off", "The custody has not what is booked, of an asset. Money is wrong."
        )
        self._alarm(
            "CustodyNotBelieved",
            self._ours("CustodyNotBelieved"),
            "custody-not-believed",
            "What the custody tells of a transfer or a snapshot can not be. Nothing is decided by it.",
        )
        self._alarm(
            "CustodyShort",
            self._ours("CustodyShort"),
            "custody-short",
            "The custody has not enough outputs for what is to be sent, since half an hour.",
        )
        self._alarm(
            "SnapshotTies",
            self._ours("SnapshotTies"),
            "snapshot-ties",
            "More snapshots have one time than a page holds: somebody floods the custody.",
        )
        self._alarm(
            "SnapshotsFailed",
            self._ours("SnapshotsFailed"),
            "snapshots-failed",
            f"In {FAILING_MINUTES} of {WITHIN_MINUTES} minutes a snapshot could not be taken: it holds the cursor.",
            minutes=WITHIN_MINUTES,
            of_them=FAILING_MINUTES,
        )
        self._alarm(
            "SnapshotsParked",
            self._ours("SnapshotsParked"),
            "snapshots-parked",
            "Money has come to the custody that is nobody's: two operators say whose it is.",
        )
        self._alarm(
            "TransfersFailed",
            self._ours("TransfersFailed"),
            "transfers-failed",
            f"In {FAILING_MINUTES} of {WITHIN_MINUTES} minutes a transfer met something that nobody had thought of.",
            minutes=WITHIN_MINUTES,
            of_them=FAILING_MINUTES,
        )
        self._alarm(
            "TransfersDenied",
            self._ours("TransfersDenied"),
            "transfers-denied",
            f"In {FAILING_MINUTES} of {WITHIN_MINUTES} minutes the custody has refused to send, and the cause is ours.",
            minutes=WITHIN_MINUTES,
            of_them=FAILING_MINUTES,
        )
        self._alarm(
            "MarketMakingStopped",
            self._ours("MarketMakingStopped"),
            "market-making-stopped",
            "A market-making order waits for a person: its money is where no machine can move it.",
        )
        self._alarm(
            "CampaignJoinsFailed",
            self._ours("CampaignJoinsFailed"),
            "campaign-joins-failed",
            f"In {JOINS_FAILING} of {JOINS_WITHIN} minutes a campaign could not be joined, or not asked what it pays.",
            minutes=JOINS_WITHIN,
            of_them=JOINS_FAILING,
        )
        self._alarm(
            "CustodySilent",
            self._ours("CustodySilent"),
            "custody-silent",
            f"For {SILENT_MINUTES} minutes the custody has not answered: no payment is taken, none is sent.",
            minutes=SILENT_MINUTES,
        )
        return [
            (
                "The custody: snapshots taken, transfers moved",
                self._all("SnapshotsTaken", "TransfersMoved", "CustodyCompared"),
            ),
            (
                "The custody: not taken, not sent, ties, not believed, short of outputs: always 0",
                self._all(
                    "CustodyOff",
                    "SnapshotsFailed",
                    "TransfersFailed",
                    "TransfersDenied",
                    "SnapshotTies",
                    "CustodyNotBelieved",
                    "CustodyShort",
                ),
            ),
            (
                "The custody: silent, parked for a person; orders stopped for one",
                self._all("CustodySilent", "SnapshotsParked", "MarketMakingStopped"),
            ),
            ("Campaigns joined; joins that failed", self._all("CampaignsJoined", "CampaignJoinsFailed")),
        ]

    def _billing(self, queues: Queues) -> list[Graph]:
        not_believed = self._ours("BillingNotBelieved")
        failed, age = (
            _waiting(queues.failed),
            queues.taken.metric_approximate_age_of_oldest_message(period=MINUTE, statistic="Maximum"),
        )
        self._alarm(
            "BillingNotBelieved",
            not_believed,
            "billing-not-believed",
            "The billing system contradicts itself: a payment is told anew, or a refund refused that was made.",
        )
        self._alarm(
            "PaymentsFailed",
            failed,
            "payments-failed",
            "A payment of a dealer could not be taken for an hour. Money came, and is not in the books.",
        )
        self._alarm(
            "PaymentsLate",
            age,
            "payments-failed",
            f"A payment of a dealer waits in its queue for more than {PAYMENT_LATE_SECONDS // 60} minutes.",
            above=PAYMENT_LATE_SECONDS,
        )
        off = self._ours("BillingOff")
        self._alarm(
            "BillingOff",
            off,
            "billing-off",
            "An invoice or a payment is not the same at the billing system and here. Money is wrong.",
        )
        graphs: list[Graph] = [
            ("The billing system: against itself, against the books: always 0", [not_believed, off]),
            (
                "Payments: taken, parked, spread by the clock",
                self._all("PaymentsTaken", "PaymentsParked", "PaymentsSpread"),
            ),
            (
                "Taken back by banks; refunds over, refused",
                self._all("PaymentsTakenBack", "RefundsOver", "RefundsRefused"),
            ),
            ("The billing system: invoices and payments compared", [self._ours("BillingCompared")]),
            ("Bills: overdue", [self._ours("BillsOverdue")]),
            ("Payments: totals compared, and those that differ", self._all("PaymentsCompared", "PaymentsDiffer")),
            ("Payments: failed, of the queue", [failed]),
            ("Payments: age of the oldest that waits, seconds", [age]),
        ]
        if queues.given_up is not None:
            given_up = _waiting(queues.given_up)
            self._alarm(
                "PaymentsGivenUp",
                given_up,
                "payments-failed",
                "A batch of payments of Kafka has failed again and again, and was passed over.",
            )
            graphs.append(("Payments: batches of Kafka that were given up", [given_up]))
        return graphs

    def _webhooks(self, takes: aws_lambda.IFunction, given_up_changes: aws_sqs.IQueue) -> list[Graph]:
        """Of customers. A receiver that is down is its owner's to mend: no alarm tells of it."""
        unread, given_up = self._ours("ChangesUnread"), _waiting(given_up_changes)
        self._alarm(
            "ChangesUnread",
            unread,
            "changes-late",
            "A change of the table could not be read. It is kept; its owner is told when there is code that reads it.",
        )
        self._alarm(
            "ChangesGivenUp",
            given_up,
            "changes-late",
            "Changes of the table have failed again and again, and were passed over: customers are not told of them.",
        )
        age = takes.metric("IteratorAge", period=MINUTE, statistic="Maximum")
        self._alarm(
            "ChangesLate",
            age,
            "changes-late",
            f"What has changed in the table was not taken for {CHANGE_LATE_MINUTES} minutes: customers are not told.",
            above=CHANGE_LATE_MINUTES * 60 * 1000,
        )
        return [
            ("Changes of the table: age of the oldest that is taken, milliseconds", [age]),
            ("Changes of the table: that could not be read, that were given up: always 0", [unread, given_up]),
            (
                "Webhooks: made, delivered, unanswered, given up",
                self._all("WebhooksMade", "WebhooksDelivered", "WebhooksUnanswered", "WebhooksGivenUp"),
            ),
        ]

    def _quotes(self) -> list[Graph]:
        """Market making at exchanges."""
        late, stray, orphaned, silent = map(self._ours, ("TicksLate", "StrayTrades", "QuotesOrphaned", "QuotingSilent"))
        self._alarm(
            "TicksLate",
            late,
            "ticks-late",
            f"In {FAILING_MINUTES} of {WITHIN_MINUTES} minutes quotes were looked after too late.",
            minutes=WITHIN_MINUTES,
            of_them=FAILING_MINUTES,
        )
        self._alarm(
            "NoTicks",
            self._ours("Ticks"),
            "ticks-late",
            f"For {OVERDUE_MINUTES} minutes nobody has looked after any quotes.",
            below=1,
            minutes=OVERDUE_MINUTES,
            missing=aws_cloudwatch.TreatMissingData.BREACHING,
        )
        self._alarm("StrayTrades", stray, "stray-trades", "A trading account has traded, and none of our orders has.")
        self._alarm(
            "QuotesOrphaned", orphaned, "quotes-orphaned", "An order of ours was open that the table does not know."
        )
        off, halted = self._ours("AccountsOff"), self._ours("QuotesOpenThoughHalted")
        self._alarm(
            "AccountsOff",
            off,
            "accounts-off",
            "An exchange has less on a trading account than its orders are owed: it is halted. Money is wrong.",
        )
        self._alarm(
            "QuotesOpenThoughHalted",
            halted,
            "accounts-off",
            "Quotes are open on a trading account that is halted. They are cancelled again and again.",
        )
        self._alarm(
            "AccountsUnwatched",
            self._ours("AccountsUnwatched"),
            "accounts-off",
            "For an hour nobody could say whether a trading account has all that its orders are owed.",
        )
        paused = self._ours("QuotesPaused")
        self._alarm(
            "QuotesPaused", paused, "quotes-paused", "An order has lost too much or is refused: it quotes no more."
        )
        self._alarm(
            "QuotingSilent",
            silent,
            "quoting-silent",
            f"For {SILENT_MINUTES} minutes an exchange has not answered who makes a market there.",
            minutes=SILENT_MINUTES,
        )
        return [
            ("Quotes: ticks, and late ones", [self._ours("Ticks"), late]),
            (
                "Quotes: unknown, would take, refused, left out",
                self._all(
                    "QuotesUnknown",
                    "QuotesWouldTake",
                    "QuotesRefused",
                    "QuotesLeftOut",
                    "QuotesBeyondLimits",
                    "QuotesReachedVolume",
                ),
            ),
            ("Quotes: strays, orphans, silent exchanges: always 0", [stray, orphaned, silent]),
            ("Accounts: short of what is owed, open though halted: always 0", [off, halted]),
            (
                "Accounts compared, or not; quotes withdrawn",
                self._all("AccountsCompared", "AccountsNotCompared", "AccountsUnwatched", "QuotesCancelledUndecided"),
            ),
            ("Quotes: orders paused, markets whose price has jumped", [paused, self._ours("MarketsJumped")]),
            (
                "Quotes: cycles and books that came to nothing",
                self._all("CyclesUnfinished", "BooksUnread", "QuotesMeetOurs", "FillsFoundLate"),
            ),
        ]

    def _machines(
        self,
        machines: Mapping[str, aws_stepfunctions.IStateMachine],
        tasks: Mapping[str, aws_lambda.IFunction],
    ) -> list[Graph]:
        graphs: list[Graph] = []
        for name, machine in machines.items():
            # Of how it may end, only a failure comes by itself: no machine has a time-out (those that the clock starts
            # end after a minute, long before AWS would stop them), and to abort takes a person.
            self._alarm(
                f"ExecutionsFailed{title(name)}",
                machine.metric_failed(period=MINUTE, statistic="Sum"),  # with a label it would be metric math
                "executions-failed",
                f"{name} failed in {FAILING_MINUTES} of {WITHIN_MINUTES} minutes: that does not mend itself.",
                minutes=WITHIN_MINUTES,
                of_them=FAILING_MINUTES,
                scope=Stack.of(machine),
            )
            shown = {
                "started": machine.metric_started,
                "succeeded": machine.metric_succeeded,
                "failed": machine.metric_failed,
                "timed out": machine.metric_timed_out,
                "aborted": machine.metric_aborted,
            }
            lines = [metric(period=MINUTE, statistic="Sum", label=label) for label, metric in shown.items()]
            graphs.append((f"Executions of {name}", lines))
        calls = [task.metric_invocations(period=MINUTE, statistic="Sum", label=name) for name, task in tasks.items()]
        return [*graphs, ("Tasks called by machines", calls)]

    def _platform(
        self,
        table: aws_dynamodb.ITable,
        api: aws_apigatewayv2.HttpApi,
        missed: aws_sqs.IQueue,
        functions: Mapping[str, aws_lambda.IFunction],
        tasks: Collection[str],
        every_minutes: Mapping[str, int],
    ) -> list[Graph]:
        missed_rounds = _waiting(missed)
        server_errors = api.metric_server_error(period=MINUTE, statistic="Sum")
        # Two alarms: the embedded AWS does not know a sum of metrics.
        throttled = {kind: _throttled(table, f"{kind}ThrottleEvents") for kind in ("Read", "Write")}
        errors = {name: f.metric_errors(period=MINUTE, statistic="Sum") for name, f in functions.items()}
        self._alarm(
            "MissedRounds", missed_rounds, "missed-rounds", "EventBridge could not start a round of a schedule."
        )
        for name, metric in errors.items():
            if name in tasks:
                continue  # it ends in an exception to be asked again; its machine knows when that is too much
            # It may run seldom: the failures that are waited for need not come minute after minute. For those of one
            # that runs once a day nobody can wait.
            within, failures = max(WITHIN_MINUTES, OF_ROUNDS * every_minutes.get(name, 1)), FAILED_ROUNDS
            if within > DAY_MINUTES:
                within, failures = WITHIN_MINUTES, 1
            times = "twice" if failures == FAILED_ROUNDS else "once"
            self._alarm(
                f"Errors{title(name)}",
                metric,
                "function-errors",
                f"{name} ended in an exception, ran out of time, or could not start, {times} in {within} minutes.",
                minutes=within,
                of_them=failures,
                scope=Stack.of(functions[name]),
            )
        self._alarm(
            "ServerErrors",
            server_errors,
            "server-errors",
            f"The API answered 5xx to somebody, in two of {WITHIN_MINUTES} minutes.",
            minutes=WITHIN_MINUTES,
            of_them=2,
        )
        slow = api.metric_latency(period=MINUTE, statistic="Maximum")
        self._alarm(
            "RequestsSlow",
            slow,
            "server-errors",
            f"In {FAILING_MINUTES} of {WITHIN_MINUTES} minutes a request took {SLOW_MILLISECONDS // 1000} s or more: "
            f"after {API_SECONDS} it is answered 5xx.",
            above=SLOW_MILLISECONDS,
            minutes=WITHIN_MINUTES,
            of_them=FAILING_MINUTES,
        )
        refused = aws_cloudwatch.Metric(namespace="AWS/Lambda", metric_name="Throttles", period=MINUTE, statistic="Sum")
        self._alarm(
            "FunctionsThrottled",
            refused,
            "function-errors",
            "Lambda refuses to run functions: as many run as the account may, or one alone may.",
        )
        for kind, metric in throttled.items():
            says = f"DynamoDB refuses {kind.lower()}s: a hot key, or a limit."
            self._alarm(f"{kind}sThrottled", metric, "table-throttled", says)
        return [
            ("Requests", [api.metric_count(period=MINUTE), api.metric_client_error(period=MINUTE), server_errors]),
            (
                "Latency, p50, p99, and longest",
                [*(api.metric_latency(period=MINUTE, statistic=s) for s in ("p50", "p99")), slow],
            ),
            ("Errors of functions", list(errors.values())),
            ("Functions that Lambda refused to run", [refused]),
            (
                "Duration of functions, p99",
                [f.metric_duration(period=MINUTE, statistic="p99") for f in functions.values()],
            ),
            (
                "Table: units used, requests throttled",
                [
                    table.metric_consumed_write_capacity_units(period=MINUTE),
                    table.metric_consumed_read_capacity_units(period=MINUTE),
                    *throttled.values(),
                ],
            ),
            ("Rounds that could not be started", [missed_rounds]),
        ]

    def _alarm(
        self,
        name: str,
        metric: aws_cloudwatch.IMetric,
        runbook: str,
        says: str,
        *,
        above: int = 0,
        below: int | None = None,
        minutes: int = 1,
        of_them: int | None = None,
        missing: aws_cloudwatch.TreatMissingData = aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        scope: Construct | None = None,
    ) -> None:
        """Rings when the metric is above that, or `below` that, in each of the last `minutes` (or longer periods of the
        metric), or in `of_them` of these. What it watches of a context is in the context's stack."""
        alarm = aws_cloudwatch.Alarm(
            scope or self,
            name,
            alarm_description=f"{says} Runbook: {self._runbooks}/{runbook}.md",
            metric=metric,
            comparison_operator=ABOVE if below is None else BELOW,
            threshold=above if below is None else below,
            evaluation_periods=minutes,
            datapoints_to_alarm=of_them,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(aws_cloudwatch_actions.SnsAction(self.topic))
        self.alarms.append(alarm)

    def _ours(self, name: str, statistic: str = "Sum") -> aws_cloudwatch.Metric:
        """A metric of `common.log`; without its dimension it would be another metric."""
        return aws_cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"service": self._prefix},
            period=MINUTE,
            statistic=statistic,
        )

    def _all(self, *names: str) -> list[aws_cloudwatch.Metric]:
        return [self._ours(name) for name in names]

    def _dashboard(self, graphs: Sequence[Graph]) -> None:
        dashboard = aws_cloudwatch.Dashboard(self, "Dashboard", dashboard_name=self._prefix)
        dashboard.add_widgets(aws_cloudwatch.AlarmStatusWidget(title="Alarms", alarms=self.alarms, width=24, height=4))
        dashboard.add_widgets(
            *(aws_cloudwatch.GraphWidget(title=title, left=list(left), width=8) for title, left in graphs)
        )


def _waiting(queue: aws_sqs.IQueue) -> aws_cloudwatch.Metric:
    return queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic="Maximum")


def _throttled(table: aws_dynamodb.ITable, events: str) -> aws_cloudwatch.Metric:
    return aws_cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=events,
        dimensions_map={"TableName": table.table_name},
        period=MINUTE,
        statistic="Sum",
    )
