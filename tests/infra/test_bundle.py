"""What ships in the Lambda asset, and that it runs on what ships."""

from __future__ import annotations

import importlib.util
import json
import os
import pkgutil
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest

import functions
from common import clock
from infra import bundle, trim
from infra.bundle import AWS_PYTHON, Bundle, Target
from sandbox.exchange.binance import BinanceFace, Credential
from sandbox.exchange.faults import Faults
from sandbox.exchange.venue import Symbol, Venue
from sandbox.serving import serve

ZIP_BYTES_MAX = {Target.AWS: 9 * 1024 * 1024, Target.EMBEDDED: 10 * 1024 * 1024}
MAGIC_OF_AWS_PYTHON = (3571).to_bytes(2, "little") + b"\r\n"  # CPython 3.13
NEVER_CHECKED = (1).to_bytes(4, "little")  # a hash-based .pyc whose source is not looked at


@pytest.fixture(scope="module")
def embedded() -> Bundle:
    return bundle.build(Target.EMBEDDED)


@pytest.fixture(scope="module")
def for_aws() -> Bundle:
    return bundle.build(Target.AWS)


def _run(asset: Bundle, code: str) -> str:
    """As the bootstrap runs it: without anything that happens to be installed here."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    command = [sys.executable, "-ESsB", "-c", code]
    done = subprocess.run(command, cwd=asset.directory, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def _zipped_bytes(folder: Path, into: Path) -> int:
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return into.stat().st_size


def test_the_same_inputs_are_the_same_asset_and_cost_nothing(embedded: Bundle) -> None:
    made_at = embedded.directory.stat().st_mtime_ns
    assert bundle.build(Target.EMBEDDED) == embedded
    assert embedded.directory.stat().st_mtime_ns == made_at


def test_every_door_opens_with_nothing_but_the_asset(embedded: Bundle) -> None:
    doors = [
        f"functions.{context.name}.{door}"
        for context in pkgutil.iter_modules(functions.__path__)
        for door in ("api", "schedule", "tasks", "stream")
        if importlib.util.find_spec(f"functions.{context.name}.{door}")
    ]
    _run(embedded, f"import sys; sys.path.insert(0, ''); import awslambdaric.bootstrap, {', '.join(doors)}")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"])
@pytest.mark.parametrize("service", sorted(trim.OPERATIONS))
def test_the_trimmed_botocore_calls_the_same_addresses_as_the_whole(
    embedded: Bundle, service: str, region: str
) -> None:
    code = (
        "import sys; sys.path.insert(0, ''); import json, botocore.session\n"
        f"client = botocore.session.get_session().create_client({service!r}, region_name={region!r})\n"
        "meta = client.meta\n"
        "print(json.dumps([meta.endpoint_url, client._request_signer.signing_name, client._request_signer.region_name,"
        " sorted(meta.service_model.operation_names)]))"
    )
    url, name, signed_for, operations = json.loads(_run(embedded, code))
    whole: Any = botocore.session.Session().create_client(
        service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
    )
    signer = whole._request_signer
    assert (url, name, signed_for) == (whole.meta.endpoint_url, signer.signing_name, signer.region_name)
    assert operations == sorted(trim.OPERATIONS[service])


@pytest.mark.parametrize("service", sorted(trim.OPERATIONS))
def test_what_is_left_of_a_model_is_what_the_whole_says(embedded: Bundle, service: str) -> None:
    (version,) = (embedded.directory / "botocore" / "data" / service).iterdir()
    left = json.loads((version / "service-2.json").read_text())
    whole: Any = botocore.session.Session().get_service_model(service, version.name)
    for name, operation in left["operations"].items():
        of_whole = whole.operation_model(name)
        assert operation["input"]["shape"] == of_whole.input_shape.name
        assert operation["output"]["shape"] == of_whole.output_shape.name
        assert {e["shape"] for e in operation["errors"]} == {e.name for e in of_whole.error_shapes}
    for name, shape in left["shapes"].items():
        of_whole = whole.shape_for(name)
        assert list(shape.get("members", [])) == list(getattr(of_whole, "members", []))


def test_trimming_leaves_the_installed_packages_as_they_were(embedded: Bundle) -> None:
    """An installer may link one file into many places; what we cut is a copy."""
    installed = Path(botocore.__file__).parent / "data" / "endpoints.json"
    assert not installed.samefile(embedded.directory / "botocore" / "data" / "endpoints.json")
    assert "ec2" in json.loads(installed.read_text())["partitions"][0]["services"]


def test_the_asset_holds_no_tests_no_stubs_and_no_page_for_browsers(embedded: Bundle) -> None:
    for pattern in ("tests", "*.dist-info", "*.pyi", "swagger-ui*.js", "boto3", "aws_cdk", "moto", "sandbox", "infra"):
        assert not list(embedded.directory.rglob(pattern)), pattern
    assert not list(embedded.directory.glob("*mypyc*"))
    assert {path.name for path in (embedded.directory / "botocore" / "data").iterdir()} == {
        "_retry.json",
        "endpoints.json",
        "partitions.json",
        "sdk-default-configuration.json",
        *trim.OPERATIONS,
    }


def test_every_source_ships_with_bytecode_that_is_never_checked(embedded: Bundle) -> None:
    sources = list(embedded.directory.rglob("*.py"))
    assert len(sources) > 300
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(str(source)))
        assert compiled.is_file(), source
        assert compiled.read_bytes()[:8] == importlib.util.MAGIC_NUMBER + NEVER_CHECKED


def test_the_asset_for_aws_is_for_its_python_and_its_processor(for_aws: Bundle, tmp_path: Path) -> None:
    tag = "cpython-" + AWS_PYTHON.replace(".", "")
    for source in for_aws.directory.rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert compiled.read_bytes()[:8] == MAGIC_OF_AWS_PYTHON + NEVER_CHECKED
    (native,) = for_aws.directory.rglob("*.so")
    assert f"{tag}-aarch64" in native.name
    assert not (for_aws.directory / "bootstrap").exists()
    assert _zipped_bytes(for_aws.directory, tmp_path / "aws.zip") <= ZIP_BYTES_MAX[Target.AWS]


def test_the_asset_for_the_embedded_aws_fits_too(embedded: Bundle, tmp_path: Path) -> None:
    assert os.access(embedded.directory / "bootstrap", os.X_OK)
    assert _zipped_bytes(embedded.directory, tmp_path / "embedded.zip") <= ZIP_BYTES_MAX[Target.EMBEDDED]


# ccxt

# What a package is called when it is imported, where that differs.
_IMPORTED_AS = {
    "aiohttp-fast-zlib": "aiohttp_fast_zlib",
    "attrs": "attr",
    "cffi": "_cffi_backend*",
    "zlib-ng": "zlib_ng",
}


@pytest.mark.parametrize("target", Target)
def test_what_ccxt_asks_for_and_we_do_not_need_is_not_installed(
    target: Target, embedded: Bundle, for_aws: Bundle
) -> None:
    asset = {Target.AWS: for_aws, Target.EMBEDDED: embedded}[target].directory
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


def test_of_ccxt_only_that_ships_which_our_adapter_imports(embedded: Bundle) -> None:
    code = (
        "import sys; sys.path.insert(0, ''); import json\n"
        "from common.gateways.exchange.ccxt import CcxtExchange\n"
        "CcxtExchange('http://127.0.0.1:1', api_key='k', secret='s')._client\n"
        "print(json.dumps([n for n, m in sys.modules.items() if n.startswith('ccxt.') and m.__spec__.has_location]))\n"
        "assert 'charset_normalizer.api' not in sys.modules, 'it waits until it is needed'\n"
    )
    imported = {f"{name.replace('.', '/')}.py" for name in json.loads(_run(embedded, code))}
    imported = {name.replace("ccxt/base.py", "ccxt/base/__init__.py") for name in imported}
    files = {str(path.relative_to(embedded.directory)) for path in (embedded.directory / "ccxt").rglob("*.py")}
    assert files == imported | {"ccxt/__init__.py"}


def test_what_ships_of_ccxt_is_its_own_line_by_line(embedded: Bundle) -> None:
    """But for the imports of `cryptography`, in whose environment something stands that can not be called."""
    spec = importlib.util.find_spec("ccxt")
    assert spec
    assert spec.submodule_search_locations
    whole = Path(spec.submodule_search_locations[0])
    for path in (embedded.directory / "ccxt").rglob("*.py"):
        name = path.relative_to(embedded.directory / "ccxt")
        if str(name) == "__init__.py":
            continue
        ours, theirs = path.read_text().splitlines(), (whole / name).read_text().splitlines()
        assert len(ours) == len(theirs)
        differing = [theirs[n] for n in range(len(ours)) if ours[n] != theirs[n]]
        assert all(line.startswith("from cryptography") for line in differing), name
        assert len(differing) == (5 if str(name) == "base/exchange.py" else 0)


def test_an_order_is_placed_with_nothing_but_the_asset(embedded: Bundle) -> None:
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
        assert _run(embedded, code.format(url=face.url)).split() == ["WORKING", "CANCELED"]


def test_a_package_that_has_changed_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "exchange.py").write_text("import hmac\n")
    with pytest.raises(trim.CanNotTrim, match="does not import cryptography any more"):
        trim._without_imports(tmp_path / "exchange.py", "cryptography")
    (tmp_path / "cn").mkdir()
    (tmp_path / "cn" / "md.cpython-313-aarch64-linux-gnu.so").touch()
    with pytest.raises(trim.CanNotTrim, match="no source beside it"):
        trim._compiled_twice(tmp_path, "cn")
