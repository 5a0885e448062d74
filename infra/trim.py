"""What of the packages does not ship: models of AWS services that we never call, tests, type stubs, a browser's page,
a hundred exchanges.

botocore reads its data when a client is made, so less of it is also a faster start: all regions of 400 services
are 1.2 MB of JSON to parse, DynamoDB's whole model another 300 KB.

ccxt is 39 MB, and 60 MB more of what it needs for asyncio and for signatures on other chains. What its synchronous
client of Binance imports, with keys of the HMAC kind (common/gateways/exchange/ccxt_wire.py), is 2 MB of it and
`requests`.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# The operations that common/ and functions/ call; any other one does not exist in what ships.
OPERATIONS = {
    "dynamodb": ("GetItem", "Query", "Scan", "TransactWriteItems"),
    "secretsmanager": ("GetSecretValue",),
    "kms": ("GenerateDataKey", "Decrypt", "Sign", "GetPublicKey"),
    "cognito-idp": ("AdminGetUser", "AdminUserGlobalSignOut", "AdminDisableUser", "ListUsersInGroup"),
    "s3": ("PutObject", "GetObject", "ListObjectVersions"),
    "stepfunctions": (
        "StartExecution",
        "DescribeExecution",
        "DescribeStateMachine",
        "ListExecutions",
        "GetExecutionHistory",
        "SendTaskSuccess",
        "SendTaskFailure",
    ),
}
# Packages of the lock that are not even installed: what ccxt asks for and its synchronous Binance never imports.
NOT_SHIPPED = frozenset(
    {
        "aiohappyeyeballs",
        "aiohttp",
        "aiohttp-fast-zlib",
        "aiosignal",
        "attrs",
        "cryptography",  # for RSA and Ed25519 keys; ccxt's base imports it for them, so something must stand in
        "frozenlist",
        "multidict",
        "pillow",  # for pictures in documents; reportlab imports it, so something must stand in
        "orjson",  # where it is missing, ccxt takes the standard library's json
        "propcache",
        "pycparser",
        "uvloop",
        "winloop",
        "yarl",
        "zlib-ng",
    }
)
# Packages that only ccxt asks for, and ccxt: they ship with the functions that ask an exchange.
OF_THE_EXCHANGE = ("ccxt", "requests", "certifi", "charset_normalizer", "idna")
# What signs and hashes for the custody: it ships with the functions that ask it. Of cffi only that which PyNaCl loads.
OF_THE_CUSTODY = ("nacl", "blake3", "_cffi_backend.*")
# What a campaign's login is signed with, of which Keccak is all of a large package.
OF_THE_CAMPAIGNS = ("coincurve", "Crypto")
# What documents for dealers are written with: it ships with the function that writes them.
OF_THE_DOCUMENTS = ("reportlab", "functions/billing/pdf")
_KEPT_DATA = {"_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json", *OPERATIONS}
_NEVER_IMPORTED = (
    "bin",
    "cffi",  # what makes bindings; those that are made need its compiled half only
    "dateutil/zoneinfo",
    "reportlab/fonts",
    "reportlab/graphics",
    "reportlab/platypus",
    "pydantic/v1",
    "pydantic/mypy.py",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui-bundle.min.js",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui.min.css",
    "aws_lambda_powertools/metrics/provider/datadog",
    "urllib3/contrib/emscripten",
)
# What is left of Powertools' utilities: events of the HTTP API, and what the Logger and the resolver import.
_KEPT_UTILITIES = {"__init__.py", "data_classes", "jmespath_utils", "serialization.py", "typing"}
# Packages whose __init__ imports every module they have: all event sources of AWS, asyncio for GraphQL, and tables of
# the world's alphabets, which `requests` asks only for a text whose encoding nobody has named.
_ON_DEMAND = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/data_classes",
    "charset_normalizer",
)
# botocore writes a docstring for each method of a client, when somebody asks for it.
_KEPT_OF_BOTOCORE_DOCS = {"docstring.py", "utils.py"}
_KEPT_OF_CCXT = (
    "base/__init__.py",
    "base/decimal_to_precision.py",
    "base/errors.py",
    "base/exchange.py",
    "base/precise.py",
    "base/types.py",
    "abstract/binance.py",
    "binance.py",
)
_ON_DEMAND_CODE = '''\
"""As the package's own __init__, but a name is imported when it is first asked for (infra/trim.py)."""

import importlib

_FROM = {names}
__all__ = list(_FROM)


def __getattr__(name):
    if name not in _FROM:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    found = getattr(importlib.import_module(_FROM[name], __name__), name)
    globals()[name] = found
    return found
'''
# Its attributes are None, and it can not be called.
_STAND_IN = 'type("NotShipped", (), {"__getattr__": lambda *_: None})()'
# Its Keccak, for which it looks for what the processor can do.
_KEPT_OF_CRYPTO = (
    "__init__.py",
    "Hash/__init__.py",
    "Hash/keccak.py",
    "Hash/_keccak.abi3.so",
    "Util/__init__.py",
    "Util/_cpu_features.py",
    "Util/_cpuid_c.abi3.so",
    "Util/_file_system.py",
    "Util/_raw_api.py",
)
_LEFT_OUT = ("*.dist-info", "tests", "test", "__pycache__", "*.pyi", "py.typed", "*.so.debug")


class CanNotTrim(RuntimeError):
    """A package is not as it was when this was written."""


def shipped(lock: str) -> str:
    """A lock file without the packages that do not ship. Raises CanNotTrim for one that it does not have."""
    kept, left_out, skipping = [], set(), False
    for line in lock.splitlines(keepends=True):
        if begins := re.match(r"([A-Za-z0-9][\w.-]*)==", line):  # what follows, indented, belongs to it
            skipping = begins[1] in NOT_SHIPPED
            if skipping:
                left_out.add(begins[1])
        if not skipping:
            kept.append(line)
    if left_out != NOT_SHIPPED:
        raise CanNotTrim(
            f"not in the lock any more, so not to be left out: {', '.join(sorted(NOT_SHIPPED - left_out))}"
        )
    return "".join(kept)


def trim(packages: Path) -> None:
    """Take from installed packages what never runs in a function, and let what may not be needed wait until it is."""
    for name in _ON_DEMAND:
        _import_on_demand(packages / name / "__init__.py")
    _compiled_twice(packages, "charset_normalizer")
    _trim_ccxt(packages / "ccxt")
    _without_imports(packages / "reportlab" / "lib" / "utils.py", "PIL")
    _keep_files(_KEPT_OF_CRYPTO, packages / "Crypto")
    for pattern in _LEFT_OUT:
        for path in list(packages.rglob(pattern)):
            _remove(path)
    for name in _NEVER_IMPORTED:
        _remove(packages / name)
    data = packages / "botocore" / "data"
    _keep_only(_KEPT_DATA, data)
    _keep_only(_KEPT_UTILITIES, packages / "aws_lambda_powertools" / "utilities")
    _trim_docs(packages / "botocore" / "docs")
    _without_type_checks(packages / "pydantic_core" / "core_schema.py")
    for service, operations in OPERATIONS.items():
        _trim_service(data / service, operations)
    _trim_endpoints(data / "endpoints.json")


def remove(packages: Path, name: str) -> None:
    """One package, or what has a name of that pattern. Raises CanNotTrim where there is nothing of it."""
    found = list(packages.glob(name))
    if not found:
        raise CanNotTrim(f"{name} is not in {packages} any more, so not to be left out")
    for path in found:
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _keep_only(names: set[str], folder: Path) -> None:
    for path in list(folder.iterdir()):
        if path.name not in names:
            _remove(path)


def _import_on_demand(init: Path) -> None:
    """Rewrite an __init__ that only imports names into one that imports them when they are asked for (PEP 562)."""
    names: dict[str, str] = {}
    for statement in ast.parse(init.read_text()).body:
        match statement:
            case ast.ImportFrom(module="__future__") | ast.Import(names=[ast.alias(name="logging")]):
                pass
            case ast.ImportFrom(module=module, names=imported, level=level):
                names |= {alias.asname or alias.name: "." * level + (module or "") for alias in imported}
            case ast.Expr() | ast.Assign(targets=[ast.Name(id="__all__")]):
                pass
            case _:
                raise CanNotTrim(f"{init} does more than to import names: look at it again")
    init.unlink()
    init.write_text(_ON_DEMAND_CODE.format(names=json.dumps(names, indent=4)))


def _compiled_twice(packages: Path, name: str) -> None:
    """Of modules that come both as Python and compiled by mypyc keep the first: they run once in a blue moon."""
    natives = list((packages / name).rglob("*.so"))
    for native in natives:
        if not native.with_name(f"{native.name.partition('.')[0]}.py").exists():
            raise CanNotTrim(f"{native} has no source beside it: look at it again")
    if natives:
        for native in (*natives, *packages.glob("*__mypyc.*.so")):
            _remove(native)


def _keep_files(names: Iterable[str], folder: Path) -> None:
    """Those of a folder and its folders."""
    kept = {folder / name for name in names}
    for path in sorted(folder.rglob("*"), reverse=True):  # a folder after what is in it
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            _remove(path)


def _trim_ccxt(ccxt: Path) -> None:
    """Leave what its synchronous Binance imports."""
    _keep_files(_KEPT_OF_CCXT, ccxt)
    (ccxt / "__init__.py").write_text('"""The package\'s own __init__ imports every exchange (infra/trim.py)."""\n')
    _without_imports(ccxt / "base" / "exchange.py", "cryptography")


def _trim_docs(docs: Path) -> None:
    """Leave the objects that stand for docstrings, without what would write them."""
    _keep_only(_KEPT_OF_BOTOCORE_DOCS, docs)
    (docs / "__init__.py").write_text('"""What writes docstrings does not ship (infra/trim.py)."""\n')
    _without_imports(docs / "docstring.py", "botocore")


def _without_type_checks(module: Path) -> None:
    """A module of a hundred TypedDicts, which only a type checker reads: to make them takes a twentieth of a cold
    start. Here they are plain classes, and calling one makes a dict as before."""
    code = module.read_text()
    imports = """\
if sys.version_info < (3, 12):
    from typing_extensions import TypedDict
else:
    from typing import TypedDict
"""
    if imports not in code or "from __future__ import annotations" not in code:
        raise CanNotTrim(f"{module} does not make its TypedDicts as it did: look at it again")
    stand_in = """\
class TypedDict(dict):
    def __init_subclass__(cls, **_): ...
    def __new__(cls, **members): return members

"""
    module.unlink()
    module.write_text(code.replace(imports, stand_in))


def _without_imports(module: Path, package: str) -> None:
    """Put stand-ins for what a module imports from a package: it names them in tables, and uses them in functions that
    we do not call. The lines of a traceback stay the original's."""
    lines = module.read_text().splitlines(keepends=True)
    imports = [
        statement
        for statement in ast.parse("".join(lines)).body
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").partition(".")[0] == package
    ]
    if not imports:
        raise CanNotTrim(f"{module} does not import {package} any more: look at it again")
    for statement in imports:
        names = " = ".join(alias.asname or alias.name for alias in statement.names)
        first, after = statement.lineno - 1, statement.end_lineno or statement.lineno
        lines[first:after] = [f"{names} = {_STAND_IN}  # from {statement.module}\n", *["\n"] * (after - first - 1)]
    module.unlink()
    module.write_text("".join(lines))


def _trim_service(folder: Path, operations: tuple[str, ...]) -> None:
    """The newest version of the model, with some operations and the shapes that they reach."""
    *older, newest = sorted(folder.iterdir())
    for version in older:
        _remove(version)
    model = _read(newest / "service-2.json.gz")
    rules = _read(newest / "endpoint-rule-set-1.json.gz")
    for path in list(newest.iterdir()):
        _remove(path)
    model["operations"] = {name: _undocumented(model["operations"][name]) for name in operations}
    model["shapes"] = _reached(model["shapes"], model["operations"])
    _write(newest / "service-2.json", model)
    _write(newest / "endpoint-rule-set-1.json", rules)


def _reached(shapes: dict[str, Any], operations: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    ahead = list(_named(operations))
    while ahead:
        name = ahead.pop()
        if name not in kept:
            kept[name] = _undocumented(shapes[name])
            ahead.extend(_named(kept[name]))
    return dict(sorted(kept.items()))


def _named(part: Any) -> list[str]:
    """Every shape that a part of the model refers to."""
    if isinstance(part, dict):
        own = [part["shape"]] if isinstance(part.get("shape"), str) else []
        return own + [name for value in part.values() for name in _named(value)]
    if isinstance(part, list):
        return [name for value in part for name in _named(value)]
    return []


def _undocumented(part: Any) -> Any:
    if isinstance(part, dict):
        # A member may be called `documentation`; prose is a string.
        return {k: _undocumented(v) for k, v in part.items() if not (k == "documentation" and isinstance(v, str))}
    return [_undocumented(value) for value in part] if isinstance(part, list) else part


def _trim_endpoints(path: Path) -> None:
    """The old list of endpoints; the rule sets are what decides, but botocore looks in here for signing regions."""
    listed = json.loads(path.read_text())
    for partition in listed["partitions"]:
        partition["services"] = {name: s for name, s in partition["services"].items() if name in OPERATIONS}
    _write(path, listed)


def _read(path: Path) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return model


def _write(path: Path, model: Any) -> None:
    path.unlink(missing_ok=True)  # never write through a link into somebody else's file
    path.write_text(json.dumps(model, separators=(",", ":")))
