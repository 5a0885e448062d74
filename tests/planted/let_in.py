"""What is planted in whom the desk lets in."""

from __future__ import annotations

from tests.planted.plants import Kind, Plant, plant

IDENTITY, OUTS = "common/identity.py", "common/sign_outs.py"
SERVICE = "functions/operations/service/operators.py"
OPERATORS, TOKENS, POOLS = (
    "tests/operations/test_operators.py",
    "tests/test_http_tokens.py",
    "tests/infra/test_stack.py",
)
ASKING, SIGNING_IN = "tests/common/test_identity.py", "tests/console/test_sign_in.py"
LOGGING_IN = "tests/console/test_login.py"
BARRED = f"{OPERATORS}::test_whom_the_pool_was_not_told_of_is_refused_whatever_he_brings"

PLANTS: list[Plant] = [
    plant(
        "let-in-under-a-name-that-is-the-desks",
        Kind.CONDITION,
        f"{IDENTITY}:caller",
        "if username and FEDERATED.fullmatch(str(username)):",
        "if False:",
        "Whoever knows what the desk will call somebody signs up under it.",
        f"{ASKING}::test_nobody_signs_up_under_a_name_that_is_the_desks_to_give",
    ),
    plant(
        "let-in-by-what-a-provider-calls-one",
        Kind.CONDITION,
        f"{IDENTITY}:_desks_own",
        "uuid.UUID(sub).bytes",
        "username.lower().encode().ljust(16)[:16]",
        "A provider says who somebody is at the desk, and may say the same of two.",
        f"{ASKING}::test_who_comes_from_a_provider_has_a_name_that_is_the_desks",
    ),
    plant(
        "let-in-by-the-customers-pool",
        Kind.CONDITION,
        f"{IDENTITY}:caller",
        'if claims.get("iss") != issuer:',
        'if claims.get("iss") not in (settings.token_issuer, settings.operator_issuer):',
        "Whoever makes himself a group of the customers' pool moves everybody's money.",
        f"{TOKENS}::test_issuer_and_client_of_a_token_are_both_of_the_routes_pool",
    ),
    plant(
        "let-in-by-groups-of-customers",
        Kind.CONDITION,
        f"{IDENTITY}:caller",
        'groups=groups(claims.get("cognito:groups")) if operator else frozenset(),',
        'groups=groups(claims.get("cognito:groups")),',
        "A group of the customers' pool says something on a route where nobody expects one.",
        f"{ASKING}::test_groups_of_the_customers_pool_say_nothing",
    ),
    plant(
        "let-in-who-came-before-the-pool-knew",
        Kind.CONDITION,
        f"{OUTS}:unbarred",
        "        item.signed_out_at.set(at),  # also who has signed in meanwhile, before the pool knew\n",
        "",
        "Who has a disabled operator's password, and signs in all the time, moves money for as long as a token lives.",
        f"{OPERATORS}::test_who_signs_in_while_the_pool_is_told_gets_in_no_more",
    ),
    plant(
        "let-in-who-acts-all-the-time",
        Kind.LIMIT,
        "common/domain/audit.py:write_stop",
        "range(STOP_TRIES)",
        "range(1)",
        "Whoever has got in keeps all from signing him out, and from halting what he empties, by acting all the time.",
        f"{OPERATORS}::test_who_acts_all_the_time_is_stopped_all_the_same",
    ),
    plant(
        "let-in-an-operator-with-an-account",
        Kind.CONDITION,
        f"{IDENTITY}:Caller.owner",
        "if self.operator:",
        "if False:",
        "An operator's token moves the money of a customer who has his name.",
        f"{ASKING}::test_who_asks_as_an_operator_owns_nothing",
    ),
    plant(
        "let-in-after-a-sign-out",
        Kind.CONDITION,
        "common/http.py:_identified",
        "sign_outs.must_be_signed_in(aws.table(), asking)",
        "pass",
        "Who has an operator's stolen token goes on for half an hour.",
        f"{OPERATORS}::test_who_is_signed_out_is_refused_at_once_and_signs_in_anew",
        f"{OPERATORS}::test_where_the_list_can_not_be_read_no_operator_gets_in",
    ),
    plant(
        "let-in-by-a-refreshed-token",
        Kind.CONDITION,
        f"{IDENTITY}:caller",
        'signed_in_at = str(claims.get("auth_time", ""))',
        'signed_in_at = str(claims.get("iat", ""))',
        "Who has an operator's refresh token is in again, where Cognito was not told.",
        f"{OPERATORS}::test_a_sign_in_of_the_very_second_is_no_good",
        f"{OPERATORS}::test_a_token_that_does_not_say_when_is_refused",
    ),
    plant(
        "let-in-within-the-second",
        Kind.LIMIT,
        f"{OUTS}:SignOut.refuses",
        "signed_in_at <= self.at.timestamp()",
        "signed_in_at < int(self.at.timestamp())",
        "Who signs in with a stolen password just before the sign-out stays in.",
        f"{OPERATORS}::test_a_sign_in_of_the_very_second_is_no_good",
    ),
    plant(
        "let-in-by-an-eventual-read",
        Kind.CONDITION,
        f"{OUTS}:find",
        "consistent=True",
        "consistent=False",
        "A sign-out is seen by some requests and by others not, for a moment.",
        "tests/test_budget.py::test_every_call_asks_the_table_in_its_golden_words",
    ),
    plant(
        "let-in-whom-cognito-still-signs-in",
        Kind.CONDITION,
        f"{OUTS}:SignOut.refuses",
        "self.barred or ",
        "",
        "A disabled operator signs in anew, since Cognito was never told.",
        BARRED,
        f"{OPERATORS}::test_a_sign_out_lets_nobody_in_who_is_barred",
    ),
    plant(
        "let-in-before-cognito-has-said-so",
        Kind.ORDER_OF_WRITES,
        f"{SERVICE}:Operators.disable",
        """            self._tell(self.pool().disable, username, "whatever is brought is refused")
            self.table.write(sign_outs.unbarred(username, at, self.now()))
""",
        """            self.table.write(sign_outs.unbarred(username, at, self.now()))
            self._tell(self.pool().disable, username, "whatever is brought is refused")
""",
        "The bar falls, Cognito is silent, and the disabled operator signs in anew.",
        BARRED,
    ),
    plant(
        "let-in-while-cognito-is-asked-first",
        Kind.ORDER_OF_WRITES,
        f"{SERVICE}:Operators.sign_out",
        """            self._out(before, username, reason, operator, self.now(), disable=False)
            self._tell(self.pool().sign_out, username, "no sign-in until now is good any more")
""",
        """            self._tell(self.pool().sign_out, username, "no sign-in until now is good any more")
            self._out(before, username, reason, operator, self.now(), disable=False)
""",
        "Cognito is silent, and who has the stolen token goes on.",
        f"{OPERATORS}::test_a_sign_out_that_the_pool_was_not_told_of_holds",
    ),
    plant(
        "let-in-by-anothers-answer",
        Kind.CONDITION,
        f"{OUTS}:unbarred",
        "when=item.disabled_at == disabled_at",
        "when=item.disabled_at.exists()",
        "The answer to an earlier act lifts the bar of a later one, of which Cognito was not told.",
        f"{OPERATORS}::test_of_two_who_disable_at_once_neither_lifts_the_others_bar",
    ),
    plant(
        "let-in-by-a-later-sign-out",
        Kind.CONDITION,
        f"{OUTS}:sign_out",
        "barred = disable or (before is not None and before.barred)",
        "barred = disable",
        "Who signs a disabled operator out lets him in, since Cognito was never told that he is disabled.",
        f"{OPERATORS}::test_a_sign_out_lets_nobody_in_who_is_barred",
    ),
    plant(
        "let-in-by-one-authorizer",
        Kind.CONDITION,
        "infra/http_api.py:HttpApi._authorizer_of",
        "self._of_operators if route.path.startswith(OPERATIONS) else self._authorizer",
        "self._authorizer",
        "API Gateway lets customers ask for operators' routes, and operators for none.",
        f"{POOLS}::test_every_route_wants_a_token_of_one_user_pool_but_where_the_bank_signs",
    ),
    plant(
        "let-in-without-a-second-factor",
        Kind.CONDITION,
        "infra/user_pool.py:operator_pool",
        "mfa=aws_cognito.Mfa.REQUIRED",
        "mfa=aws_cognito.Mfa.OPTIONAL",
        "Who has an operator's password has all that he may.",
        f"{POOLS}::test_operators_have_a_second_factor_and_nobody_makes_himself_one",
    ),
    plant(
        "let-in-by-a-key-that-anybody-knows",
        Kind.CONDITION,
        "console/srp.py:Srp._key",
        "theirs % N == 0 or mixed == 0",
        "mixed == 0",
        "Who stands between desk and the user pool gets a proof that he can search for the password.",
        f"{SIGNING_IN}::test_a_part_of_the_proof_that_anybody_could_send_is_none",
    ),
    plant(
        "let-in-by-a-forged-answer",
        Kind.CONDITION,
        "console/callback.py:_Listener.take",
        'not secrets.compare_digest(told.get("state", "").encode(), self.state.encode())',
        '"state" not in told',
        "A page that an operator looks at logs him in as whom it likes, and the audit names that one for what he does.",
        f"{LOGGING_IN}::test_whoever_does_not_know_the_state_is_refused_and_waited_past",
    ),
    plant(
        "let-in-by-a-token-of-another-sign-in",
        Kind.CONDITION,
        "console/browser.py:BrowserSignIn._wrong",
        'identity.get("nonce") != nonce or ',
        "",
        "An answer that was made for another sign-in is taken for this one's.",
        f"{LOGGING_IN}::test_a_token_of_another_sign_in_is_not_taken",
    ),
    plant(
        "let-in-after-logging-out",
        Kind.ORDER_OF_WRITES,
        "console/logins.py:Logins.end",
        "if refused.code not in _ENDED:  # what the pool knows no more gets nobody anything",
        "if not refused.code:",
        "Who logs out while the pool is busy is told that he is out, and his refresh token is good for half a day.",
        f"{LOGGING_IN}::test_what_the_pool_knows_no_more_is_forgotten",
    ),
]
