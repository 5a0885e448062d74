"""What ships in the Lambda asset, and that it runs on what ships."""

from __future__ import annotations

import importlib.util
import json
import os
import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest

import functions
from infra import bundle, trim
from infra.bundle import AWS_PYTHON, Bundle, Target

ZIP_BYTES_MAX = 8 * 1024 * 1024
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
    assert done.returncode == 0, done.stderr
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
    assert _zipped_bytes(for_aws.directory, tmp_path / "aws.zip") <= ZIP_BYTES_MAX


def test_the_asset_for_the_embedded_aws_fits_too(embedded: Bundle, tmp_path: Path) -> None:
    assert os.access(embedded.directory / "bootstrap", os.X_OK)
    assert _zipped_bytes(embedded.directory, tmp_path / "embedded.zip") <= ZIP_BYTES_MAX
