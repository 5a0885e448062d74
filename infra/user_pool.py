"""Two user pools: in one customers sign themselves up; in the other are those who run the desk, made and put into
groups by hand, each with a second factor. One pool can not ask a second factor of some and not of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aws_cdk import Duration, RemovalPolicy, SecretValue, Stack, aws_cognito
from constructs import Construct

from common.identity import APPROVERS, OPERATORS, VIEWERS
from infra.environment import Environment, IdentityProvider

RESOURCE_SERVER, BILLING_SCOPE = "cryptodesk", "billing"  # it looks for them as `cryptodesk/billing`
GROUPS = {
    VIEWERS: "look",
    OPERATORS: "look, act, and propose what takes two",
    APPROVERS: "look, and confirm what another has proposed",
}
DEALER_SYSTEMS = ("Cme", "Lotus")
OPERATORS_TOKEN_MINUTES = 30
OPERATORS_DAY_HOURS = 12  # so long `desk` renews a login: the next morning asks for the second factor again
# Where `desk login` listens (console/callback.py): a code comes back to this machine alone, and needs its verifier.
CALLBACKS = tuple(f"http://127.0.0.1:{port}/signed-in" for port in (14321, 14322, 14323))
CUSTOMERS_TOKEN_MINUTES = 5  # who is disabled is out by then; an app asks for the next one by its refresh token
CONSOLE_TOKEN_MINUTES = 5  # a page asks for the next one by itself
CONSOLE_DAY_HOURS = 8
CONSOLE_SIGNED_IN = "/signed-in"  # where the console takes a code (web/session.js)
# A refresh token is spent by its use; so long it is taken once more, of who got no answer, or duplicated a tab.
CONSOLE_SPENT_SECONDS = 60


@dataclass(frozen=True)
class UserPool:
    users: aws_cognito.UserPool
    client: aws_cognito.UserPoolClient
    machines: tuple[aws_cognito.UserPoolClient, ...]  # the clients of the dealers' systems
    issuer: str  # of its tokens
    pages: str  # where people sign in
    provider: str | None = None  # the name of the one that people come from besides
    console: aws_cognito.UserPoolClient | None = None  # of a browser: made where the console's address is known

    @property
    def client_ids(self) -> tuple[str, ...]:
        """Of all whose tokens are taken."""
        console = () if self.console is None else (self.console,)
        return tuple(client.user_pool_client_id for client in (self.client, *console, *self.machines))


def user_pool(scope: Construct, environment: Environment) -> UserPool:
    users = aws_cognito.UserPool(
        scope,
        "Users",
        self_sign_up_enabled=True,
        # Whoever has shown that an address is his may sign in by it; the token has his username all the same. A pool
        # keeps the aliases that it was made with, so those of laptops, where no mail comes, have none.
        sign_in_aliases=aws_cognito.SignInAliases(username=True, email=None if environment.embedded else True),
        keep_original=aws_cognito.KeepOriginalAttrs(email=True),  # until the new address is shown to be his
        sign_in_case_sensitive=True,  # `Ann` is not `ann`: a username is checked, never changed
        standard_attributes=aws_cognito.StandardAttributes(
            email=aws_cognito.StandardAttribute(required=True, mutable=True)
        ),
        auto_verify=aws_cognito.AutoVerifiedAttrs(email=True),
        account_recovery=aws_cognito.AccountRecovery.EMAIL_ONLY,
        mfa=aws_cognito.Mfa.OPTIONAL,
        mfa_second_factor=aws_cognito.MfaSecondFactor(sms=False, otp=True),
        password_policy=_passwords(min_length=12),
        deletion_protection=not environment.embedded,
        removal_policy=RemovalPolicy.DESTROY if environment.embedded else RemovalPolicy.RETAIN,
    )
    # On a laptop nobody teaches curl to ask for the next token.
    validity = Duration.hours(1) if environment.embedded else Duration.minutes(CUSTOMERS_TOKEN_MINUTES)
    provider = _identity_provider(users, environment)
    client = users.add_client(
        "App",
        # A password goes over the wire only to the embedded AWS, where there is nobody to teach SRP to curl.
        auth_flows=aws_cognito.AuthFlow(user_password=environment.embedded, user_srp=not environment.embedded),
        **_by_page(CALLBACKS, provider=None if provider is None else provider.provider_name),
        access_token_validity=validity,
        id_token_validity=validity,
        refresh_token_validity=Duration.days(30),
    )
    # Where the dealers' systems ask for tokens, too.
    pages = _pages(scope, users, environment.prefix)
    _style(scope, f"{users.node.id}Style", users, client, environment)
    named = None if provider is None or environment.identity_provider is None else environment.identity_provider.name
    return UserPool(users, client, _machines(users), _issuer(scope, users), pages, named)


def operator_pool(scope: Construct, environment: Environment) -> UserPool:
    """Nobody signs himself up, recovers a password or is without a second factor: whoever administers the pool helps.
    The embedded AWS lets in who has none enrolled."""
    users = aws_cognito.UserPool(
        scope,
        "OperatorUsers",
        self_sign_up_enabled=False,
        sign_in_aliases=aws_cognito.SignInAliases(username=True),
        sign_in_case_sensitive=True,
        standard_attributes=aws_cognito.StandardAttributes(
            email=aws_cognito.StandardAttribute(required=True, mutable=True)
        ),
        account_recovery=aws_cognito.AccountRecovery.NONE,
        mfa=aws_cognito.Mfa.REQUIRED,
        mfa_second_factor=aws_cognito.MfaSecondFactor(sms=False, otp=True),
        password_policy=_passwords(min_length=16),
        deletion_protection=not environment.embedded,
        removal_policy=RemovalPolicy.DESTROY if environment.embedded else RemovalPolicy.RETAIN,
    )
    for group, may in GROUPS.items():
        aws_cognito.CfnUserPoolGroup(
            scope,
            group.capitalize(),
            user_pool_id=users.user_pool_id,
            group_name=group,
            description=f"Under /operations, may {may}",
        )
    client = users.add_client(
        "Desk",
        # As the customers' client: by SRP no password leaves the operator's machine.
        auth_flows=aws_cognito.AuthFlow(user_password=environment.embedded, user_srp=True),
        **_by_page(CALLBACKS),
        access_token_validity=Duration.minutes(OPERATORS_TOKEN_MINUTES),
        id_token_validity=Duration.minutes(OPERATORS_TOKEN_MINUTES),
        refresh_token_validity=Duration.hours(OPERATORS_DAY_HOURS),
    )
    pages = _pages(scope, users, f"{environment.prefix}-desk")
    _style(scope, f"{users.node.id}Style", users, client, environment)
    return UserPool(users, client, (), _issuer(scope, users), pages)


def _identity_provider(
    users: aws_cognito.UserPool, environment: Environment
) -> aws_cognito.UserPoolIdentityProviderOidc | None:
    """Of customers alone: an operator's second factor is his pool's to ask. The pool wants an address of everybody, and
    takes the provider's word for it. Whether it is his own, the provider can not say here: it is no way in, and links
    nobody to somebody who was here before."""
    settled = environment.identity_provider
    if settled is None or environment.embedded:
        return None
    return aws_cognito.UserPoolIdentityProviderOidc(
        users,
        "IdentityProvider",
        user_pool=users,
        name=settled.name,
        issuer_url=settled.issuer,
        client_id=settled.client_id,
        client_secret=_secret_of_provider(environment, settled),
        scopes=["openid", "email"],
        attribute_mapping=aws_cognito.AttributeMapping(email=aws_cognito.ProviderAttribute.other("email")),
    )


def _secret_of_provider(environment: Environment, settled: IdentityProvider) -> str:
    """A reference, which CloudFormation resolves: the template has no secret. Another version is another text, or it
    would not look again."""
    secret = SecretValue.secrets_manager(f"{environment.prefix}-identity-provider", version_id=settled.secret_version)
    return secret.unsafe_unwrap()


def with_console(scope: Construct, pool: UserPool, environment: Environment, origins: Sequence[str]) -> UserPool:
    """With a client for the console at these addresses: nobody gives a password to a page of ours, so no flow takes
    one. It holds nothing that could not be made anew, and is where the address is, which a stack before this one can
    not know."""
    if not origins:
        return pool
    name = f"{pool.users.node.id}Console"
    client = aws_cognito.UserPoolClient(
        scope,
        name,
        user_pool=pool.users,
        **_by_page(
            [f"{origin}{CONSOLE_SIGNED_IN}" for origin in origins],
            logout_urls=[f"{origin}/" for origin in origins],
            provider=pool.provider,  # by its name, which no export holds: it can be given up in one deployment
        ),
        access_token_validity=Duration.minutes(CONSOLE_TOKEN_MINUTES),
        id_token_validity=Duration.minutes(CONSOLE_TOKEN_MINUTES),
        refresh_token_validity=Duration.hours(CONSOLE_DAY_HOURS),
        refresh_token_rotation_grace_period=Duration.seconds(CONSOLE_SPENT_SECONDS),
    )
    _style(scope, f"{name}Style", pool.users, client, environment)
    return replace(pool, console=client)


def _by_page(
    callback_urls: Sequence[str], logout_urls: Sequence[str] = (), provider: str | None = None
) -> dict[str, Any]:
    """Of an app client whose users sign in at the pool's own page. It has no secret, which nobody could keep: whoever
    wants tokens for a code shows that he has asked for it (PKCE)."""
    known = aws_cognito.UserPoolClientIdentityProvider
    others = () if provider is None else (known.custom(provider),)
    return {
        "generate_secret": False,
        "prevent_user_existence_errors": True,
        "enable_token_revocation": True,
        "supported_identity_providers": [known.COGNITO, *others],
        "o_auth": aws_cognito.OAuthSettings(
            flows=aws_cognito.OAuthFlows(authorization_code_grant=True),
            scopes=[aws_cognito.OAuthScope.OPENID],
            callback_urls=list(callback_urls),
            logout_urls=list(logout_urls) or None,
        ),
    }


def _pages(scope: Construct, users: aws_cognito.UserPool, prefix: str) -> str:
    """The pool's domain, with managed login. The prefix is unique in a region of AWS."""
    domain = users.add_domain(
        "Domain",
        cognito_domain=aws_cognito.CognitoDomainOptions(domain_prefix=f"{prefix}-{Stack.of(scope).account}"),
        managed_login_version=aws_cognito.ManagedLoginVersion.NEWER_MANAGED_LOGIN,
    )
    return domain.base_url()


def _style(
    scope: Construct,
    name: str,
    users: aws_cognito.UserPool,
    client: aws_cognito.UserPoolClient,
    environment: Environment,
) -> None:
    """Without one, a client has no page on AWS. The embedded AWS has one page, and knows no style."""
    if not environment.embedded:
        aws_cognito.CfnManagedLoginBranding(
            scope,
            name,
            user_pool_id=users.user_pool_id,
            client_id=client.user_pool_client_id,
            use_cognito_provided_values=True,
        )


def _passwords(*, min_length: int) -> aws_cognito.PasswordPolicy:
    return aws_cognito.PasswordPolicy(
        min_length=min_length,
        require_lowercase=True,
        require_uppercase=True,
        require_digits=True,
        require_symbols=True,
        temp_password_validity=Duration.days(3),
    )


def _issuer(scope: Construct, users: aws_cognito.UserPool) -> str:
    """Written out: a pool's ProviderURL does not exist on the embedded AWS."""
    return f"https://cognito-idp.{Stack.of(scope).region}.amazonaws.com/{users.user_pool_id}"


def _machines(users: aws_cognito.UserPool) -> tuple[aws_cognito.UserPoolClient, ...]:
    """A client for each of the dealers' systems: it gets tokens by its own secret, that have one scope and no user."""
    billing = aws_cognito.ResourceServerScope(
        scope_name=BILLING_SCOPE, scope_description="Register dealers, bill them, ask for their bills"
    )
    server = users.add_resource_server("Server", identifier=RESOURCE_SERVER, scopes=[billing])
    return tuple(
        users.add_client(
            name,
            generate_secret=True,
            o_auth=aws_cognito.OAuthSettings(
                flows=aws_cognito.OAuthFlows(client_credentials=True),
                scopes=[aws_cognito.OAuthScope.resource_server(server, billing)],
            ),
            enable_token_revocation=True,
            access_token_validity=Duration.hours(1),
        )
        for name in DEALER_SYSTEMS
    )
