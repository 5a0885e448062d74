"""The console on AWS: what stands before its files and the API, and how its files come to their bucket."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from moto import mock_aws

from infra import edge
from infra.browser import HEADERS, POLICY, TYPES, headers
from infra.bundle import ROOT
from infra.console import NEVER_KEPT
from infra.deploy import fill_console
from infra.environment import EnvironmentName
from infra.publish import ASKED_ANEW, FOR_A_YEAR, NoSuchFile, publish, release
from local.front import Front
from sandbox.serving import Answer, Request
from tests.infra.conftest import Synth, Synthesised
from tests.infra.templates import logical_id

ON_AWS = pytest.mark.parametrize("environment", [EnvironmentName.STAGING, EnvironmentName.PRODUCTION])
FUNCTION = ROOT / "infra" / "viewer_request.js"
CACHES = {"disabled": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "optimised": "658327ea-f89d-4fab-a63d-7e88639e58f6"}
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # AWS's own policies have these ids everywhere
BUCKET = "console"


def _distribution(made: Synthesised) -> dict[str, Any]:
    return dict(made.only("CloudFront::Distribution")["DistributionConfig"])


def _origin(made: Synthesised, behaviour: dict[str, Any]) -> dict[str, Any]:
    (found,) = [o for o in _distribution(made)["Origins"] if o["Id"] == behaviour["TargetOriginId"]]
    return dict(found)


def _text(said: Any) -> str:
    """With what is not known yet in `<>`."""
    match said:
        case str():
            return said
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(map(_text, parts))
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
    raise AssertionError(said)


@ON_AWS
def test_the_api_is_asked_under_the_consoles_address_and_never_kept(synth: Synth, environment: EnvironmentName) -> None:
    """With all that a browser has sent but its host, by every method; errors are somebody's own, too."""
    made = synth(environment)
    (behaviour,) = _distribution(made)["CacheBehaviors"]
    assert behaviour["PathPattern"] == "/api/*"
    assert (behaviour["CachePolicyId"], behaviour["OriginRequestPolicyId"]) == (CACHES["disabled"], ALL_BUT_HOST)
    assert set(behaviour["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    origin = _origin(made, behaviour)
    api = logical_id(made.stack.http_api.api)
    assert _text(origin["DomainName"]) == f"<{api}>.execute-api.<AWS::Region>.amazonaws.com"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    assert 30 < origin["CustomOriginConfig"]["OriginReadTimeout"] < 35, "between API Gateway's and the page's"
    kept = {each["ErrorCode"]: each for each in _distribution(made)["CustomErrorResponses"]}
    assert set(kept) == set(NEVER_KEPT)
    assert all(each == {"ErrorCode": code, "ErrorCachingMinTTL": 0} for code, each in kept.items()), "nor replaced"


@ON_AWS
def test_the_files_are_cloudfronts_alone_to_read(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    assert made.stack.console is not None
    files, logs = (logical_id(bucket) for bucket in (made.stack.console.files, made.stack.console.logs))
    behaviour = _distribution(made)["DefaultCacheBehavior"]
    assert (behaviour["CachePolicyId"], behaviour["Compress"]) == (CACHES["optimised"], True)
    assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"
    assert behaviour.get("AllowedMethods", ["GET", "HEAD"]) == ["GET", "HEAD"]
    origin = _origin(made, behaviour)
    assert origin["DomainName"] == {"Fn::GetAtt": [files, "RegionalDomainName"]}
    signing = made.only("CloudFront::OriginAccessControl")["OriginAccessControlConfig"]
    assert (signing["SigningBehavior"], signing["SigningProtocol"]) == ("always", "sigv4")
    assert origin["OriginAccessControlId"]
    for bucket in (files, logs):
        blocked = made.of("S3::Bucket")[bucket]["PublicAccessBlockConfiguration"]
        assert all(blocked.values())
        assert len(blocked) == 4
    (policy,) = [p for p in made.of("S3::BucketPolicy").values() if p["Bucket"] == {"Ref": files}]
    refused, allowed = policy["PolicyDocument"]["Statement"]
    assert (refused["Effect"], refused["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (allowed["Action"], allowed["Principal"]) == ("s3:GetObject", {"Service": "cloudfront.amazonaws.com"})
    distribution = logical_id(made.stack.console.distribution)
    assert f"distribution/<{distribution}>" in _text(allowed["Condition"]["StringEquals"]["AWS:SourceArn"])
    assert made.of("S3::Bucket")[logs]["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 90
    assert _distribution(made)["Logging"]["Bucket"] == {"Fn::GetAtt": [logs, "RegionalDomainName"]}


@ON_AWS
def test_a_browser_is_told_on_aws_what_it_is_told_on_a_laptop(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    ((policy, told),) = made.of("CloudFront::ResponseHeadersPolicy").items()
    told = told["ResponseHeadersPolicyConfig"]
    security = told["SecurityHeadersConfig"]
    assert all(each["Override"] for each in (*security.values(), *told["CustomHeadersConfig"]["Items"]))
    hsts = security["StrictTransportSecurity"]
    said = {each["Header"]: each["Value"] for each in told["CustomHeadersConfig"]["Items"]}
    said |= {
        "Strict-Transport-Security": f"max-age={hsts['AccessControlMaxAgeSec']}"
        + "; includeSubDomains" * hsts["IncludeSubdomains"],
        "X-Content-Type-Options": "nosniff" * ("ContentTypeOptions" in security),
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
    }
    assert said == HEADERS
    policy_said = _text(security["ContentSecurityPolicy"]["ContentSecurityPolicy"])
    connect = re.search(r"connect-src 'self' ([^;]*)", policy_said)
    assert connect is not None
    assert policy_said.replace(connect[1], "POOLS") == headers(["POOLS"])[POLICY]
    hosts = {urlsplit(origin).netloc.partition(".")[2] for origin in connect[1].split()}
    assert hosts == {"auth.<AWS::Region>.amazoncognito.com", "<AWS::Region>.amazonaws.com"}
    config = _distribution(made)
    for behaviour in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert behaviour["ResponseHeadersPolicyId"] == {"Ref": policy}


@ON_AWS
def test_no_browser_is_let_in_before_the_web_acl_has_looked(synth: Synth, environment: EnvironmentName) -> None:
    """It stands in us-east-1, whatever the desk's region; no deployment goes without its ARN."""
    made = synth(environment)
    assert _distribution(made)["WebACLId"] == {"Ref": "WebAclArn"}
    ((_, acl),) = [(i, r["Properties"]) for i, r in made.edge.resources.items()]
    assert (acl["Scope"], acl["DefaultAction"]) == ("CLOUDFRONT", {"Allow": {}})
    first, *groups = sorted(acl["Rules"], key=lambda rule: rule["Priority"])
    limit = first["Statement"]["RateBasedStatement"]
    assert (limit["AggregateKeyType"], limit["Limit"], limit["EvaluationWindowSec"]) == ("IP", 6000, 300)
    refused = first["Action"]["Block"]["CustomResponse"]
    assert (refused["ResponseCode"], refused["ResponseHeaders"]) == (429, [{"Name": "Retry-After", "Value": "300"}])
    assert json.loads(acl["CustomResponseBodies"][refused["CustomResponseBodyKey"]]["Content"])["message"]
    assert {group["Statement"]["ManagedRuleGroupStatement"]["Name"] for group in groups} == set(edge.GROUPS)
    assert all(group["OverrideAction"] == {"None": {}} for group in groups), "they block"
    names = [rule["VisibilityConfig"]["MetricName"] for rule in acl["Rules"]]
    assert len(set(names)) == len(names)
    assert all(name.startswith(f"{made.environment.prefix}-") for name in names)


def test_a_body_is_the_desks_to_refuse_in_words(production: Synthesised) -> None:
    """A reason with `<` in it, or a webhook's address, would end in a 403 that nobody can explain."""
    ((_, acl),) = production.edge.resources.items()
    counted = {
        override["Name"]
        for rule in acl["Properties"]["Rules"]
        for override in rule["Statement"].get("ManagedRuleGroupStatement", {}).get("RuleActionOverrides", [])
        if override["ActionToUse"] == {"Count": {}}
    }
    assert counted
    assert all(name.endswith("_BODY") for name in counted)


def test_a_name_of_ones_own_is_served_by_tls_from_1_2_on(production: Synthesised, staging: Synthesised) -> None:
    own = _distribution(production)
    assert own["Aliases"] == ["desk.example.com"]
    assert own["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert own["ViewerCertificate"]["SslSupportMethod"] == "sni-only"
    assert "Aliases" not in _distribution(staging)
    assert (own["HttpVersion"], own["PriceClass"]) == ("http2and3", "PriceClass_100")


@pytest.mark.parametrize("environment", list(EnvironmentName))
def test_the_console_has_a_client_of_each_pool_that_takes_no_password(
    synth: Synth, environment: EnvironmentName
) -> None:
    """It comes back to the console alone; a token is spent by its use, which the embedded AWS does not know of."""
    made = synth(environment)
    clients = [c for at, c in made.of("Cognito::UserPoolClient").items() if "Console" in at]
    pools = made.stack.state.pools
    assert [client["UserPoolId"] for client in clients] == [{"Ref": logical_id(pool.users)} for pool in pools]
    at = {
        EnvironmentName.LOCAL: "http://127.0.0.1:4580",
        EnvironmentName.STAGING: "https://<ConsoleDistribution022D3262.DomainName>",
        EnvironmentName.PRODUCTION: "https://desk.example.com",
    }[environment]
    for client in clients:
        assert (client["AllowedOAuthFlows"], client["AllowedOAuthScopes"]) == (["code"], ["openid"])
        assert (client["GenerateSecret"], client["EnableTokenRevocation"]) == (False, True)
        assert "ExplicitAuthFlows" not in client
        assert [_text(url) for url in client["CallbackURLs"]] == [f"{at}/signed-in"]
        assert [_text(url) for url in client["LogoutURLs"]] == [f"{at}/"]
        assert (client["AccessTokenValidity"], client["RefreshTokenValidity"]) == (5, 8 * 60)
        assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}


@ON_AWS
def test_the_stack_tells_the_console_where_people_sign_in(synth: Synth, environment: EnvironmentName) -> None:
    """As local/front.py does, in the same form."""
    made = synth(environment)
    told = json.loads(_text(made.templates.output("ConsoleConfig")))
    front = Front(ROOT / "web", ROOT / "docs" / "openapi.json", _api, {})
    assert told.keys() == json.loads(front(_request("GET", "/config.json")).body).keys()
    assert told["api"] == "/api"
    assert set(told["pools"]) == {"customers", "operators"}
    clients = {f"<{at}>" for at in made.of("Cognito::UserPoolClient") if "Console" in at}
    assert {pool["client_id"] for pool in told["pools"].values()} == clients
    for pool in told["pools"].values():
        assert pool["tokens"] == "https://cognito-idp.<AWS::Region>.amazonaws.com/"
        assert re.fullmatch(r"https://<\w+Domain\w+>\.auth\.<AWS::Region>\.amazoncognito\.com", pool["pages"])


PATHS = [
    *("/", "/work", "/signed-in", "/orders/one.two", "/work/S1%23x", "/portfolio/", "/app.js", "/vendor/preact.js"),
    *("/app.css", "/nothing.js", "/config.json", "/vendor/htm.LICENSE", "/api", "/apis/x", "/js", "/x.js/y", "/x.JS"),
    *("/api/orders", "/api/orders/O%231", "/api/", "/api/x.js", "/api/operations/work/S1%2Fx/redrive", "/x/api/y"),
]


def _api(request: Request, target: str) -> Answer:
    return Answer(299, target)


def _request(method: str, target: str) -> Request:
    parts = [unquote(part) for part in urlsplit(target).path.split("/") if part]
    return Request(method, parts, "", Message(), b"", target)


def test_cloudfront_leads_every_path_to_where_a_laptop_does() -> None:
    code = FUNCTION.read_text() + (
        "const paths = JSON.parse(process.argv[1]);"
        "console.log(JSON.stringify(paths.map((uri) => handler({ request: { uri, method: 'GET' } }).uri)));"
    )
    asked = ["node", "--eval", code, json.dumps(PATHS)]
    led = json.loads(subprocess.run(asked, capture_output=True, check=True, text=True).stdout)
    front = Front(ROOT / "web", ROOT / "docs" / "openapi.json", _api, {})
    index = (ROOT / "web" / "index.html").read_bytes()
    for path, to in zip(PATHS, led, strict=True):
        got = front(_request("GET", path))
        if got.status == 299:
            assert to == got.body, path
        elif got.body == index:
            assert to == "/index.html", path
        else:
            assert to == path
    assert {"/orders/O%231", "/index.html", "/app.js"} <= set(led)
    assert json.loads(re.search(r"FILES = (\[[^\]]*\])", code)[1].replace("'", '"')) == list(TYPES)  # type: ignore[index]


def test_what_cloudfront_runs_is_what_it_takes(staging: Synthesised) -> None:
    ((function, told),) = staging.of("CloudFront::Function").items()
    assert (told["FunctionCode"], told["FunctionConfig"]["Runtime"]) == (FUNCTION.read_text(), "cloudfront-js-2.0")
    assert len(told["FunctionCode"]) < 10_240
    config = _distribution(staging)
    for behaviour in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        (association,) = behaviour["FunctionAssociations"]
        assert association["EventType"] == "viewer-request"
        assert association["FunctionARN"] == {"Fn::GetAtt": [function, "FunctionARN"]}


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A console of three files."""
    (tmp_path / "index.html").write_text('<script type="module" src="/app.js"></script><link href="/app.css">')
    (tmp_path / "app.js").write_text("import './parts.js'")
    (tmp_path / "parts.js").write_text("")
    (tmp_path / "app.css").write_text("")
    return tmp_path


def _get(s3: Any, key: str) -> Any:
    return s3.get_object(Bucket=BUCKET, Key=key)


def _keys(s3: Any) -> set[str]:
    return {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def _named(index: bytes) -> list[str]:
    return re.findall(r'(?:href|src)="/([^"]+)"', index.decode())


def test_a_release_lies_whole_under_its_digest_and_index_names_it(s3: Any) -> None:
    fill_console(s3, {"ConsoleBucket": BUCKET, "ConsoleConfig": '{"api": "/api"}'})
    index = _get(s3, "index.html")
    assert (index["CacheControl"], index["ContentType"]) == (ASKED_ANEW, TYPES[".html"])
    named = _named(index["Body"].read())
    (digest,) = {name.partition("/")[0] for name in named}
    shipped = {p.relative_to(ROOT / "web").as_posix() for p in (ROOT / "web").rglob("*.js")} | {
        "app.css",
        "config.json",
    }
    assert {f"{digest}/{name}" for name in shipped} | set(named) <= _keys(s3)
    assert not [key for key in _keys(s3) if key.endswith((".ts", "tsconfig.json"))]
    for name, kind in (("app.js", TYPES[".js"]), ("config.json", TYPES[".json"]), ("vendor/pico.css", TYPES[".css"])):
        got = _get(s3, f"{digest}/{name}")
        assert (got["CacheControl"], got["ContentType"]) == (FOR_A_YEAR, kind)


def test_a_module_asks_for_others_beside_itself_alone() -> None:
    """So that a page goes on with the release that it has begun with. What has no release is asked for by no module."""
    for path in (ROOT / "web").rglob("*.js"):
        text = path.read_text()
        if path.parent.name != "vendor":
            asked = [*re.findall(r'from "([^"]+)"', text), *re.findall(r'import\("([^"]+)"\)', text)]
            assert all(name.startswith(("./", "../")) for name in asked), path
            assert not re.search(r'fetch\("/', text), path
    for path in (ROOT / "web").rglob("*.css"):
        assert not re.search(r"url\(['\"]?/", path.read_text()), path


def test_a_page_that_is_open_goes_on_while_the_next_release_comes(s3: Any, web: Path) -> None:
    publish(s3, BUCKET, release(web, "{}"))
    before = {key: _get(s3, key)["Body"].read() for key in _keys(s3)}
    publish(s3, BUCKET, release(web, '{"api": "/other"}'))
    for key, body in before.items():
        assert _get(s3, key)["Body"].read() == body or key == "index.html"
    assert _get(s3, "index.html")["Body"].read() != before["index.html"]
    publish(s3, BUCKET, release(web, "{}"))
    assert _get(s3, "index.html")["Body"].read() == before["index.html"], "and back"


class _Broken(Exception):
    """The machine that deploys is gone."""


class _BreaksAfter:
    def __init__(self, s3: Any, puts: int) -> None:
        self._s3, self._left = s3, puts

    def put_object(self, **asked: Any) -> None:
        if self._left == 0:
            raise _Broken
        self._left -= 1
        self._s3.put_object(**asked)


def test_a_deployment_that_breaks_off_changes_no_page(s3: Any, web: Path) -> None:
    """Wherever it does; done again, it ends."""
    old, new = release(web, "{}"), release(web, '{"api": "/other"}')
    publish(s3, BUCKET, old)
    for puts in range(len(new.files) + 1):
        with pytest.raises(_Broken):
            publish(_BreaksAfter(s3, puts), BUCKET, new)
        assert _get(s3, "index.html")["Body"].read() == old.index
    publish(s3, BUCKET, new)
    assert set(_named(new.index)) <= _keys(s3)
    assert _get(s3, "index.html")["Body"].read() == new.index


def test_an_index_that_names_what_is_not_there_is_not_put_anywhere(web: Path) -> None:
    (web / "app.css").unlink()
    with pytest.raises(NoSuchFile, match=r"app\.css: no such file"):
        release(web, "{}")


def test_each_change_of_a_file_or_of_the_settings_is_another_release(web: Path) -> None:
    seen = {release(web, "{}").index}
    for name, body, config in (("app.js", "2", "{}"), ("b.css", "", "{}"), ("b.css", "", "[]")):
        (web / name).write_text(body)
        seen.add(release(web, config).index)
    assert len(seen) == 4
