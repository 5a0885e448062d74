"""What ships in the Lambda assets, and that each function runs on what ships with it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
import zlib
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import botocore
import botocore.session
import pytest
from pydantic import ValidationError

from common import clock
from common.identity import OPERATIONS
from functions.orders.api.trading import OrderRequest
from infra import bundle, trim
from infra.bundle import AWS_PYTHON, Assets, Bundle, Target
from infra.contexts import contexts
from infra.grants import EXCHANGE_KEYS, GRANTS, LOGIN_KEYS, Grant, Secret
from sandbox.exchange.alphapoint import AlphaPointFace
from sandbox.exchange.binance import BinanceFace, Credential
from sandbox.exchange.faults import Faults
from sandbox.exchange.venue import Kind, Symbol, Venue
from sandbox.hufi.face import HufiFace
from sandbox.hufi.faults import Faults as HufiFaults
from sandbox.mixin.assets import BTC
from sandbox.mixin.desk import DESK
from sandbox.mixin.face import MixinFace
from sandbox.mixin.faults import Faults as CustodyFaults
from sandbox.mixin.safe import Safe
from sandbox.mixin.signatures import Keystore, Member
from sandbox.serving import Answer, Request, as_json, serve
from tests import settled
from tests.depth import PROVED
from tests.doors import NEXT_SECRET
from tests.sandbox.hufi import US, HufiWorld

MIB = 1024 * 1024
# Of the plain asset, those with the packages for the exchange, the custody, campaigns, documents, the first two.
ZIP_BYTES_MAX = {
    Target.AWS: (6 * MIB + MIB // 2, 7 * MIB + MIB // 4, 8 * MIB, 8 * MIB + MIB // 4, 7 * MIB + MIB // 4, 9 * MIB),
    Target.EMBEDDED: (7 * MIB + MIB // 2, 8 * MIB + MIB // 4, 9 * MIB + MIB // 4, 9 * MIB, 8 * MIB, 10 * MIB),
}
AARCH64 = (183).to_bytes(2, "little")  # in the header of an ELF file
MAGIC_OF_AWS_PYTHON = (3571).to_bytes(2, "little") + b"\r\n"  # CPython 3.13
PROJECT: list[str] = tomllib.loads((bundle.ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
NEVER_CHECKED = (1).to_bytes(4, "little")  # a hash-based .pyc whose source is not looked at


# An AWS in which there is nothing: no item, no execution, and a secret that fits the exchange.
EMPTY_AWS = {
    "Items": [],
    "Count": 0,
    "ScannedCount": 0,
    "executions": [],
    "SecretString": '{"api_key": "key", "secret": "secret"}',
    "Signature": "",
}
# As Lambda calls them. An API is asked one of its routes by an operator.
CALLS_FUNCTIONS = """\
import importlib, json, sys
from types import SimpleNamespace
sys.path.insert(0, "")
context = SimpleNamespace(aws_request_id='call', get_remaining_time_in_millis=lambda: 60_000)
for handler, event in json.load(open(sys.argv[1])):
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    try:
        answer = function(event, context)
    except Exception as elsewhere:  # of a task: there is nothing to move
        if type(elsewhere).__name__ != "ElsewhereNow":
            raise
        answer = str(elsewhere)
    print(json.dumps([handler, answer]))
"""


@pytest.fixture(scope="module")
def embedded() -> Assets:
    return bundle.build(Target.EMBEDDED)


@pytest.fixture(scope="module")
def for_aws() -> Assets:
    return bundle.build(Target.AWS)


@pytest.fixture
def assets(request: pytest.FixtureRequest) -> Assets:
    made: Assets = request.getfixturevalue(request.param)
    return made


EVERY_TARGET = pytest.mark.parametrize("assets", ["embedded", pytest.param("for_aws", marks=PROVED)], indirect=True)


def _run(asset: Bundle, code: str, *arguments: str, **more: str) -> str:
    """As the bootstrap runs it: without anything that happens to be installed here."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        **more,
    }
    command = [sys.executable, "-ESsB", "-c", code, *arguments]
    done = subprocess.run(command, cwd=asset.directory, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def _zipped_bytes(folder: Path) -> int:
    """How large an archive of it is. Most files are in several assets, and compressed once."""
    paths = list(folder.rglob("*"))
    names = sum(len(path.relative_to(folder).as_posix()) + path.is_dir() for path in paths)
    content = sum(_deflated_bytes(path.stat().st_ino, path) for path in paths if path.is_file())
    headers = len(paths) * (zipfile.sizeFileHeader + zipfile.sizeCentralDir) + zipfile.sizeEndCentDir  # type: ignore[attr-defined]
    return int(content + 2 * names + headers)


_COMPRESSED: dict[int, int] = {}


def _deflated_bytes(inode: int, path: Path) -> int:
    if inode not in _COMPRESSED:
        deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
        _COMPRESSED[inode] = len(deflate.compress(path.read_bytes()) + deflate.flush())
    return _COMPRESSED[inode]


def _each(assets: Assets) -> list[Bundle]:
    others = [assets.with_exchange, assets.with_custody, assets.with_campaigns, assets.with_documents]
    return [assets.plain, *others, assets.whole]


def test_the_same_inputs_are_the_same_assets_and_cost_nothing(embedded: Assets) -> None:
    made_at = [asset.directory.stat().st_mtime_ns for asset in _each(embedded)]
    assert bundle.build(Target.EMBEDDED) == embedded
    assert [asset.directory.stat().st_mtime_ns for asset in _each(embedded)] == made_at


def _handlers() -> dict[str, tuple[str, dict[str, Any]]]:
    """Each function's handler and an event for it, by grant name."""

    def claims(path: str) -> dict[str, str]:
        whose, now = "OPERATOR" if path.startswith(OPERATIONS) else "TOKEN", int(clock.now().timestamp())
        return {
            "iss": settled.ENVIRONMENT[f"{whose}_ISSUER"],
            "token_use": "access",
            "client_id": settled.ENVIRONMENT[f"{whose}_CLIENTS"],
            "auth_time": str(now),
            "exp": str(now + 3600),
            "sub": "47ae20c8-149d-42d2-8207-cf6a8aea7394",
            "username": "olga",
            "cognito:groups": "[operators]",
        }

    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for context in contexts():
        for door, routes in context.routes.items():
            route = min(routes, key=lambda route: (route.method != "GET", "{" in route.path))
            at = re.sub(r"\{.*?\}", f"S{'A' * 25}", route.path.replace("{month}", "2026-11"))
            event: dict[str, Any] = {
                "version": "2.0",
                "routeKey": f"{route.method} {route.path}",
                "rawPath": at,
                "requestContext": {
                    "requestId": "r",
                    "http": {"method": route.method, "path": at},
                    "stage": "$default",
                    "authorizer": {"jwt": {"claims": claims(at)}},
                },
                "headers": {"content-type": "application/json"},
                "body": '{"reason": "by hand"}',
                "rawQueryString": "",
            }
            if route.path == "/operations/audit":
                event |= {"rawQueryString": "date=2026-11-20", "queryStringParameters": {"date": "2026-11-20"}}
            found[f"{context.name}.{door}"] = f"functions.{context.name}.{door}.handler", event
        for name in context.every_minutes:
            found[f"{context.name}.{name}"] = f"functions.{context.name}.schedule.{name}", {}
        for name in context.tasks:
            event = {"id": "S0", "attempts": 0, "token": "a token", "time": "2026-11-28T12:00:00Z", "shard": "0"}
            found[f"{context.name}.{name}"] = f"functions.{context.name}.tasks.{name}", event
        for name in context.entities:
            found[f"{context.name}.{name}"] = f"functions.{context.name}.changes.{name}", {"Records": []}
        for name in context.topics:
            found[f"{context.name}.{name}"] = f"functions.{context.name}.stream.{name}", {"Records": []}
    return found


@pytest.mark.parametrize(
    "kind",
    [
        "plain",
        *(pytest.param(kind, marks=PROVED) for kind in ("with_exchange", "with_custody", "with_campaigns")),
        pytest.param("with_documents", marks=PROVED),
        "whole",
    ],
)
def test_every_function_answers_with_nothing_but_its_asset(embedded: Assets, tmp_path: Path, kind: str) -> None:
    handlers = _handlers()
    assert handlers.keys() == GRANTS.keys()
    asset = getattr(embedded, kind)
    called = [handlers[name] for name, grant in GRANTS.items() if embedded.for_grant(grant) is asset]
    (tmp_path / "calls.json").write_text(json.dumps(called))

    fitting = {b"banks-key": "key", b"webhook": NEXT_SECRET, b"custody": json.dumps(_looks(DESK))}

    def empty(asked: Request) -> Answer:
        if asked.method == "PUT":  # to S3, whose client takes what is no XML for an error
            return Answer(200, "<Done/>", content_type="application/xml")
        told = next((secret for name, secret in fitting.items() if name in asked.body), EMPTY_AWS["SecretString"])
        return as_json({**EMPTY_AWS, "SecretString": told})

    with serve(empty, name="aws") as aws:
        secrets = {"BANK_WEBHOOK_SECRET": "webhook", "BANK_KEY_SECRET": "banks-key", "CUSTODY_READ_SECRET": "custody"}
        secrets["EXCHANGE_KEY_SECRET"] = "exchanges-key"
        named = {"AWS_LAMBDA_FUNCTION_NAME": "composes", "AWS_ENDPOINT_URL": aws.url}
        anchors = {"AUDIT_KEY_ID": "key", "AUDIT_BUCKET": "bucket"}
        environment = {**settled.ENVIRONMENT, **named, **secrets, **anchors}
        printed = _run(asset, CALLS_FUNCTIONS, str(tmp_path / "calls.json"), **environment)
    answers = dict(json.loads(line) for line in printed.splitlines() if line.startswith('["functions.'))
    assert list(answers) == [handler for handler, _ in called]
    for handler, answer in answers.items():
        assert not handler.endswith(".handler") or answer["statusCode"] in (200, 403, 404), answer


def _looks(keystore: Keystore) -> dict[str, str]:
    """Of a keystore what may look and not spend."""
    return {name: value for name, value in asdict(keystore).items() if name != "spend_private_key"}


def test_the_runtime_client_of_the_embedded_aws_is_in_every_asset(embedded: Assets) -> None:
    for asset in _each(embedded):
        _run(asset, "import sys; sys.path.insert(0, ''); import awslambdaric.bootstrap")


def test_who_may_read_the_exchanges_key_gets_its_packages_and_nobody_else(embedded: Assets) -> None:
    having = (embedded.with_exchange, embedded.whole)
    with_exchange = {name for name, grant in GRANTS.items() if embedded.for_grant(grant) in having}
    asks = {name for name, grant in GRANTS.items() if grant.secrets & EXCHANGE_KEYS and not grant.secrets & LOGIN_KEYS}
    assert with_exchange == asks, "who hands a key over to campaigns does not ask with it"
    assert {"offramp.api", "purchases.place_batch"} <= with_exchange
    assert not {"orders.api", "accounts.api", "operations.api"} & with_exchange


@pytest.mark.parametrize(
    ("secrets", "asset"),
    [
        ({Secret.BANK_KEY}, "plain"),
        ({Secret.EXCHANGE_KEY}, "with_exchange"),
        ({Secret.READING_KEYS}, "with_exchange"),
        ({Secret.TRADING_KEYS}, "with_exchange"),
        ({Secret.WITHDRAWING_KEYS, Secret.CUSTODY_READ}, "whole"),
        ({Secret.CUSTODY_READ}, "with_custody"),
        ({Secret.CAMPAIGN_KEYS, Secret.READING_KEYS}, "with_campaigns"),
        ({Secret.CUSTODY_SPEND, Secret.CURSOR_KEY}, "with_custody"),
        ({Secret.EXCHANGE_KEY, Secret.CUSTODY_READ}, "whole"),
        ({Secret.EXCHANGE_KEY, Secret.CUSTODY_SPEND}, "whole"),
    ],
)
def test_a_function_gets_the_packages_for_whom_it_has_a_key(embedded: Assets, secrets: set[Secret], asset: str) -> None:
    assert embedded.for_grant(Grant(table=frozenset(), secrets=frozenset(secrets))) is getattr(embedded, asset)


@EVERY_TARGET
def test_an_asset_lacks_what_only_one_adapter_asks_for_and_nothing_else(assets: Assets) -> None:
    plain, with_exchange, with_custody, with_campaigns, with_documents, whole = (
        {path.name for path in asset.directory.iterdir()} for asset in _each(assets)
    )
    lacking = {_module(package) for package in _asked_for("ccxt") - _asked_for(*_without("ccxt"))}
    assert whole - with_custody == with_exchange - plain == set(trim.OF_THE_EXCHANGE) == (lacking & whole)
    of_the_custody = whole - with_exchange
    assert of_the_custody == with_custody - plain
    (backend,) = of_the_custody - {"nacl", "blake3"}  # what cffi leaves, which PyNaCl loads
    assert backend.startswith("_cffi_backend.")
    assert with_custody | with_exchange == whole
    assert with_campaigns - plain == set(trim.OF_THE_CAMPAIGNS)
    assert not whole & set(trim.OF_THE_CAMPAIGNS)
    assert with_documents - plain == {"reportlab"}
    assert not whole & {"reportlab"}


def _without(package: str) -> set[str]:
    return {name for line in PROJECT if (name := _named(line)) != package}


def _asked_for(*packages: str) -> set[str]:
    """Packages and all that they require, as installed here, without extras."""
    found: set[str] = set()
    left = list(packages)
    while left:
        package = left.pop()
        if package in found:
            continue
        found.add(package)
        try:
            required = importlib.metadata.requires(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform
        left += [_named(line) for line in required if "extra ==" not in line]
    return found


def _named(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def _module(package: str) -> str:
    return package.replace("-", "_")


CLIENTS = [
    (service, region)
    for service in sorted(trim.OPERATIONS)
    for region in ("us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1")
]


def test_the_trimmed_botocore_calls_the_same_addresses_as_the_whole(embedded: Assets) -> None:
    code = (
        "import sys; sys.path.insert(0, ''); import json, botocore.session\n"
        "session = botocore.session.get_session()\n"
        "for service, region in json.loads(sys.argv[1]):\n"
        "    client = session.create_client(service, region_name=region)\n"
        "    meta, signer = client.meta, client._request_signer\n"
        "    told = [meta.endpoint_url, signer.signing_name, signer.region_name]\n"
        "    print(json.dumps([told, sorted(meta.service_model.operation_names)]))\n"
    )
    lines = _run(embedded.plain, code, json.dumps(CLIENTS)).splitlines()
    session: Any = botocore.session.Session()
    for (service, region), line in zip(CLIENTS, lines, strict=True):
        told, operations = json.loads(line)
        whole = session.create_client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
        signer = whole._request_signer
        assert told == [whole.meta.endpoint_url, signer.signing_name, signer.region_name]
        assert operations == sorted(trim.OPERATIONS[service])


@pytest.mark.parametrize("service", sorted(trim.OPERATIONS))
def test_what_is_left_of_a_model_is_what_the_whole_says(embedded: Assets, service: str) -> None:
    (version,) = (embedded.plain.directory / "botocore" / "data" / service).iterdir()
    left = json.loads((version / "service-2.json").read_text())
    whole: Any = botocore.session.Session().get_service_model(service, version.name)
    for name, operation in left["operations"].items():
        of_whole = whole.operation_model(name)
        assert operation["input"]["shape"] == of_whole.input_shape.name
        assert operation["output"]["shape"] == of_whole.output_shape.name
        assert {e["shape"] for e in operation.get("errors", [])} == {e.name for e in of_whole.error_shapes}
    for name, shape in left["shapes"].items():
        of_whole = whole.shape_for(name)
        assert list(shape.get("members", [])) == list(getattr(of_whole, "members", []))


def test_trimming_leaves_the_installed_packages_as_they_were(embedded: Assets) -> None:
    """An installer may link one file into many places; what we cut is a copy."""
    installed = Path(botocore.__file__).parent / "data" / "endpoints.json"
    assert not installed.samefile(embedded.plain.directory / "botocore" / "data" / "endpoints.json")
    assert "ec2" in json.loads(installed.read_text())["partitions"][0]["services"]


def test_an_asset_holds_no_tests_no_stubs_and_no_page_for_browsers(embedded: Assets) -> None:
    for asset in _each(embedded):
        for pattern in (
            "tests",
            "*.dist-info",
            "*.pyi",
            "swagger-ui*.js",
            "boto3",
            "aws_cdk",
            "moto",
            "sandbox",
            "infra",
        ):
            assert not list(asset.directory.rglob(pattern)), pattern
        assert not list(asset.directory.glob("*mypyc*"))
        assert {path.name for path in (asset.directory / "botocore" / "data").iterdir()} == {
            "_retry.json",
            "endpoints.json",
            "partitions.json",
            "sdk-default-configuration.json",
            *trim.OPERATIONS,
        }


def test_bytecode_that_is_never_checked_ships_in_the_place_of_its_source(embedded: Assets) -> None:
    for asset in _each(embedded):
        assert not list(asset.directory.rglob("*.py"))
        assert not list(asset.directory.rglob("__pycache__"))
        compiled = list(asset.directory.rglob("*.pyc"))
        assert len(compiled) > 300
        assert {path.read_bytes()[:8] for path in compiled} == {importlib.util.MAGIC_NUMBER + NEVER_CHECKED}


@EVERY_TARGET
def test_every_module_of_ours_ships(assets: Assets) -> None:
    ours = {
        str(path.relative_to(bundle.ROOT).with_suffix(".pyc"))
        for room in bundle.OURS
        for path in (bundle.ROOT / room).rglob("*.py")
    }
    for asset in _each(assets):
        modules = [path for room in bundle.OURS for path in (asset.directory / room).rglob("*.pyc")]
        writes = asset is assets.with_documents  # nobody else could import what writes documents
        expected = {one for one in ours if writes or not one.startswith("functions/billing/pdf/")}
        assert {str(path.relative_to(asset.directory)) for path in modules} == expected


def test_a_traceback_names_the_file_below_the_root_and_the_line(embedded: Assets) -> None:
    code = (
        "import sys; sys.path.insert(0, ''); import traceback\n"
        "from common.money import Money\n"
        "try:\n    Money('x')\nexcept Exception:\n    print(traceback.format_exc())\n"
    )
    assert re.search(r'File "common/money.py", line \d+, in ', _run(embedded.plain, code))


@PROVED
def test_the_assets_for_aws_are_for_its_python_and_its_processor(for_aws: Assets) -> None:
    for asset, size_max in zip(_each(for_aws), ZIP_BYTES_MAX[Target.AWS], strict=True):
        assert not list(asset.directory.rglob("*.py"))
        compiled = list(asset.directory.rglob("*.pyc"))
        assert len(compiled) > 300
        assert {path.read_bytes()[:8] for path in compiled} == {MAGIC_OF_AWS_PYTHON + NEVER_CHECKED}
        natives = list(asset.directory.rglob("*.so"))
        assert {native.read_bytes()[18:20] for native in natives} == {AARCH64}
        assert {native.name.partition(".")[2].partition("-linux")[0] for native in natives} <= {
            f"cpython-{AWS_PYTHON.replace('.', '')}-aarch64",
            "abi3.so",  # for any Python
        }
        assert not (asset.directory / "bootstrap").exists()
        assert _zipped_bytes(asset.directory) <= size_max


@pytest.mark.parametrize("number", [0, *(pytest.param(number, marks=PROVED) for number in range(1, 6))])
def test_the_assets_for_the_embedded_aws_fit_too(number: int, embedded: Assets) -> None:
    """Every day the one that most functions have: to compress the others' packages takes seconds."""
    asset, size_max = list(zip(_each(embedded), ZIP_BYTES_MAX[Target.EMBEDDED], strict=True))[number]
    assert os.access(asset.directory / "bootstrap", os.X_OK)
    assert _zipped_bytes(asset.directory) <= size_max


def test_an_archive_has_the_size_that_is_reckoned(embedded: Assets, tmp_path: Path) -> None:
    folder = embedded.plain.directory / "common"
    with zipfile.ZipFile(tmp_path / "common.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    assert _zipped_bytes(folder) == (tmp_path / "common.zip").stat().st_size


WRONG_BODIES = [
    {},
    {"asset_id": "BTC", "order_type": "HOLD", "quantity": "1"},
    {"asset_id": "BTC", "order_type": "BUY", "quantity": 1.5},
    {"asset_id": "BTC", "order_type": "BUY", "quantity": "1", "expires_at": "tomorrow", "more": [1]},
]


def test_the_trimmed_pydantic_refuses_in_the_words_of_the_whole(embedded: Assets) -> None:
    """Among what is trimmed are the types of its own schemas."""
    code = (
        "import sys; sys.path.insert(0, ''); import json\n"
        "from pydantic import ValidationError\n"
        "from functions.orders.api.trading import OrderRequest\n"
        "print(json.dumps(OrderRequest.model_json_schema()))\n"
        "for body in json.loads(sys.argv[1]):\n"
        "    try:\n        OrderRequest.model_validate(body)\n"
        "    except ValidationError as wrong:\n        print(wrong.json(include_url=False))\n"
    )
    schema, *refusals = map(json.loads, _run(embedded.plain, code, json.dumps(WRONG_BODIES)).splitlines())
    assert schema == OrderRequest.model_json_schema()
    assert len(refusals) == len(WRONG_BODIES)
    for body, told in zip(WRONG_BODIES, refusals, strict=True):
        with pytest.raises(ValidationError) as wrong:
            OrderRequest.model_validate(body)
        assert told == json.loads(wrong.value.json(include_url=False))


# ccxt

# What a package is called when it is imported, where that differs.
_IMPORTED_AS = {
    "aiohttp-fast-zlib": "aiohttp_fast_zlib",
    "attrs": "attr",
    "zlib-ng": "zlib_ng",
}


@EVERY_TARGET
def test_what_ccxt_asks_for_and_we_do_not_need_is_not_installed(assets: Assets) -> None:
    asset = assets.whole.directory
    for package in trim.NOT_SHIPPED:
        assert not list(asset.glob(package)), package
        assert not list(asset.glob(_IMPORTED_AS.get(package, package))), package
    assert (asset / "requests").is_dir()


@pytest.mark.parametrize(
    "lock", sorted(Path(bundle.ROOT, "requirements").glob("[er]*.txt")), ids=lambda path: path.stem
)
def test_a_package_is_left_out_of_the_lock_with_its_hashes_and_nothing_else_is(lock: Path) -> None:
    before, after = lock.read_text(), trim.shipped(lock.read_text())
    names = {line.partition("==")[0] for line in before.splitlines() if "==" in line and line[0].isalnum()}
    left = {line.partition("==")[0] for line in after.splitlines() if "==" in line and line[0].isalnum()}
    assert names - left == trim.NOT_SHIPPED
    for text, packages in ((before, names), (after, left)):
        entries = [entry for entry in text.split("\n") if entry and not entry.startswith((" ", "#"))]
        assert len(entries) == len(packages)
    assert after.count("--hash=") < before.count("--hash=")
    assert set(after.splitlines()) < set(before.splitlines())


def test_a_lock_that_has_changed_is_looked_at_again() -> None:
    lock = (bundle.ROOT / "requirements" / "runtime.txt").read_text()
    without = "".join(line for line in lock.splitlines(keepends=True) if not line.startswith("uvloop=="))
    with pytest.raises(trim.CanNotTrim, match="uvloop"):
        trim.shipped(without)


def test_of_ccxt_only_that_ships_which_our_adapter_imports(embedded: Assets) -> None:
    code = (
        "import sys; sys.path.insert(0, ''); import json\n"
        "from common.gateways.exchange.ccxt import CcxtExchange\n"
        "CcxtExchange('http://127.0.0.1:1', api_key='k', secret='s')._client\n"
        "print(json.dumps([n for n, m in sys.modules.items() if n.startswith('ccxt.') and m.__spec__.has_location]))\n"
        "assert 'charset_normalizer.api' not in sys.modules, 'it waits until it is needed'\n"
    )
    asset = embedded.with_exchange
    imported = {f"{name.replace('.', '/')}.pyc" for name in json.loads(_run(asset, code))}
    imported = {name.replace("ccxt/base.pyc", "ccxt/base/__init__.pyc") for name in imported}
    files = {str(path.relative_to(asset.directory)) for path in (asset.directory / "ccxt").rglob("*.pyc")}
    assert files == imported | {"ccxt/__init__.pyc"}


def test_what_ships_of_ccxt_is_its_own_line_by_line() -> None:
    """But for the imports of `cryptography`, in whose environment something stands that can not be called."""
    spec = importlib.util.find_spec("ccxt")
    assert spec
    assert spec.submodule_search_locations
    whole = Path(spec.submodule_search_locations[0])
    ships = bundle.packages_of(Target.EMBEDDED).directory / "ccxt"  # with its sources; a test above sees what is left
    for path in ships.rglob("*.py"):
        name = path.relative_to(ships)
        if str(name) == "__init__.py":
            continue
        ours, theirs = path.read_text().splitlines(), (whole / name).read_text().splitlines()
        assert len(ours) == len(theirs)
        differing = [theirs[n] for n in range(len(ours)) if ours[n] != theirs[n]]
        assert all(line.startswith("from cryptography") for line in differing), name
        assert len(differing) == (5 if str(name) == "base/exchange.py" else 0)


def test_an_order_is_placed_with_nothing_but_the_asset(embedded: Assets) -> None:
    venue = Venue(clock.now)
    step = Decimal("0.00001")
    venue.list_symbol(Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), step, step, Decimal(5), 1))
    venue.open_account("desk", {"BTC": Decimal(1)})
    code = (
        "import sys; sys.path.insert(0, '')\n"
        "from common.gateways.exchange import Side, Ticket\n"
        "from common.gateways.exchange.ccxt import CcxtExchange\n"
        "from common.money import Price, Quantity\n"
        "exchange = CcxtExchange({url!r}, api_key='key', secret='secret')\n"
        "exchange_order_id = exchange.place(Ticket(Side.SELL, Quantity('0.5', 'BTC'), Price('100'), 'abc'))\n"
        "print(exchange.order('BTC', exchange_order_id).state)\n"
        "exchange.cancel('BTC', exchange_order_id)\n"
        "print(exchange.find('BTC', 'abc').state)\n"
    )
    keys = Credential("desk", api_key="key", secret="secret")
    with serve(BinanceFace(venue, [keys], Faults()).decide, name="binance") as face:
        assert _run(embedded.with_exchange, code.format(url=face.url)).split() == ["WORKING", "CANCELED"]


def test_a_ticker_is_asked_for_without_the_exchanges_packages_and_key(embedded: Assets) -> None:
    """By the function that refreshes prices, which has neither."""
    assert embedded.for_grant(GRANTS["orders.tend_market"]) is embedded.plain
    venue = Venue(clock.now)
    step = Decimal("0.00001")
    venue.list_symbol(Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), step, step, Decimal(5), 1))
    venue.open_account("maker", {"BTC": Decimal(1), "USDT": Decimal(1000)})
    for side, price in (("BUY", "99"), ("SELL", "101")):
        venue.place("maker", "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(1), price=Decimal(price))
    code = (
        "import sys; sys.path.insert(0, '')\n"
        "from common.gateways import configured\n"
        "ticker = configured.tickers().ticker('BTC')\n"
        "print(ticker.bid, ticker.ask)\n"
    )
    faces = {
        "binance": BinanceFace(venue, [], Faults()).decide,
        "alphapoint": AlphaPointFace(venue, [], Faults()).decide,
    }
    for exchange, decide in faces.items():
        with serve(decide, name=exchange) as face:
            url = f"{face.url}/AP" if exchange == "alphapoint" else face.url
            environment = {**settled.ENVIRONMENT, "EXCHANGE": exchange, "EXCHANGE_URL": url}
            assert _run(embedded.plain, code, **environment).split() == ["99", "101"]


def test_money_is_sent_with_nothing_but_the_asset(embedded: Assets) -> None:
    safe, receiver = Safe(clock.now), str(UUID(int=1))
    safe.join(receiver, DESK.app_id)
    safe.pay(receiver, DESK.app_id, BTC.asset_id, 50_000_000)
    code = (
        "import sys; sys.path.insert(0, ''); import json\n"
        "from common.gateways.custody import Sending, User\n"
        "from common.gateways.custody.mixin import MixinCustody, MixinSender\n"
        "from common.money import Quantity\n"
        "url, keystore, asset_id, receiver, request_id = sys.argv[1:]\n"
        "key = json.loads(keystore)\n"
        "sender = MixinSender(url, **key)\n"
        "del key['spend_private_key']\n"
        "custody = MixinCustody(url, **key)\n"
        "inputs = tuple(custody.outputs(asset_id))\n"
        "drafts = sender.draft(Sending(request_id, Quantity('0.3', asset_id), User(receiver), inputs))\n"
        "sender.send(drafts)\n"
        "print(custody.transaction(request_id).state)\n"
    )
    face = MixinFace(safe, [Member.of(DESK)], CustodyFaults(clock.now), clock.now)
    with serve(face.decide, name="mixin") as running:
        told = (running.url, json.dumps(asdict(DESK)), BTC.asset_id, receiver, str(UUID(int=2)))
        assert _run(embedded.with_custody, code, *told).split() == ["SPENT"]
    assert safe.balances(receiver) == {BTC.asset_id: 30_000_000}


def test_an_account_joins_a_campaign_with_nothing_but_its_asset(embedded: Assets) -> None:
    """Also what signs runs there: libsecp256k1 and Keccak, without cffi."""
    world = HufiWorld(clock.now)
    launched, key = world.launch(), world.account("maker")
    code = (
        "import sys; sys.path.insert(0, '')\n"
        "from common.gateways.campaigns import ReadingKey\n"
        "from common.gateways.campaigns.hufi import HufiCampaigns, HufiParticipant\n"
        "url, login_key, api_key, secret = sys.argv[1:]\n"
        "us = HufiParticipant(f'{url}/oracle', login_key=login_key)\n"
        "(campaign,) = HufiCampaigns(f'{url}/launcher', f'{url}/oracle').active()\n"
        "us.register('binance', ReadingKey(api_key, secret))\n"
        "us.join(campaign)\n"
        "print(us.address, us.joined(campaign))\n"
    )
    with serve(HufiFace(world.hufi, HufiFaults()).decide, name="hufi") as running:
        told = _run(embedded.with_campaigns, code, running.url, US, key.api_key, key.secret).split()
    assert told == [*launched.participants, "JOINED"]


def test_a_package_that_is_not_there_can_not_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(trim.CanNotTrim, match="nacl is not in"):
        trim.remove(tmp_path, "nacl")


def test_a_package_that_has_changed_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "exchange.py").write_text("import hmac\n")
    with pytest.raises(trim.CanNotTrim, match="does not import cryptography any more"):
        trim._without_imports(tmp_path / "exchange.py", "cryptography")
    (tmp_path / "core_schema.py").write_text("from typing import TypedDict\n")
    with pytest.raises(trim.CanNotTrim, match="look at it again"):
        trim._without_type_checks(tmp_path / "core_schema.py")
    (tmp_path / "cn").mkdir()
    (tmp_path / "cn" / "md.cpython-313-aarch64-linux-gnu.so").touch()
    with pytest.raises(trim.CanNotTrim, match="no source beside it"):
        trim._compiled_twice(tmp_path, "cn")
