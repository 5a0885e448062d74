"""The Lambda assets: our code and its packages, trimmed, as bytecode for the Python that will run it.

    build/packages-<target>/            what requirements/*.txt install, but for what never ships, trimmed and compiled;
                                        rebuilt when the lock changes
    build/lambda-<target>-all/          the packages, common/ and functions/; rebuilt when any of it changes
    build/lambda-<target>-whole/        … without the packages that only the campaigns' adapter imports (coincurve)
    build/lambda-<target>-exchange/     … without those that only the custody's imports (PyNaCl)
    build/lambda-<target>-custody/      … without those that only the exchange's imports (ccxt)
    build/lambda-<target>-campaigns/    … without either, but with the campaigns'
    build/lambda-<target>-documents/    … without any, but with what writes documents (reportlab, a font)
    build/lambda-<target>/              … without any

`/var/task` is read-only, so what is not compiled here would be compiled at every cold start: that alone doubles
it. The bytecode stands in the place of its source, which does not ship: a traceback names the file and the line, and
the line itself is in the repository (docs/decisions/0018).

| target   | for                              | packages         | bytecode by                                     |
|----------|----------------------------------|------------------|-------------------------------------------------|
| aws      | AWS: python3.13 on arm64         | aarch64, 3.13    | a Python 3.13, or the one inside npm `pyodide`  |
| embedded | the embedded AWS, on this machine | this machine's   | this Python                                     |
"""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from py_compile import PycInvalidationMode

from infra import trim
from infra.grants import CUSTODY_KEYS, EXCHANGE_KEYS, LOGIN_KEYS, Grant

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
OURS = ("common", "functions")
AWS_PYTHON = "3.13"
_RECIPE = ("infra/bundle.py", "infra/trim.py", "infra/compile.mjs")

# The functions of the embedded AWS begin here. Without `site` nothing that happens to be installed on this machine
# leaks in: what runs is what ships.
BOOTSTRAP = """\
#!/bin/sh
exec python3 -ESsB -m awslambdaric "$_HANDLER"
"""


class Target(StrEnum):
    AWS = "aws"
    EMBEDDED = "embedded"

    @classmethod
    def of(cls, embedded: bool) -> Target:
        return cls.EMBEDDED if embedded else cls.AWS


class CanNotBundle(RuntimeError):
    """Something that the bundle needs is not on this machine. Says what, and what to do."""


@dataclass(frozen=True)
class Bundle:
    directory: Path
    digest: str  # of everything that goes in: the same inputs are the same asset


@dataclass(frozen=True)
class Assets:
    """Several, so that a function that does not ask an exchange, the custody or campaigns is not loaded with the
    packages for it. `whole` is for those that ask the exchange and the custody."""

    plain: Bundle
    with_exchange: Bundle
    with_custody: Bundle
    with_campaigns: Bundle
    with_documents: Bundle
    whole: Bundle

    def for_grant(self, grant: Grant) -> Bundle:
        """Who may read an outside system's key asks it; nobody else can. What signs for the custody seals, too."""
        if grant.documents:
            return self.with_documents
        if not grant.secrets.isdisjoint(LOGIN_KEYS):
            return self.with_campaigns
        custody = bool(grant.data_keys | grant.person_keys) or not grant.secrets.isdisjoint(CUSTODY_KEYS)
        if not grant.secrets.isdisjoint(EXCHANGE_KEYS):
            return self.whole if custody else self.with_exchange
        return self.with_custody if custody else self.plain

    @property
    def digest(self) -> str:
        """Of all: they are made of the same."""
        return self.whole.digest


def build(target: Target) -> Assets:
    """Build the assets, or find them built; one at a time. Raises CanNotBundle."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f".{target}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        everything = _all(target, packages_of(target))
        exchange, custody, campaigns = trim.OF_THE_EXCHANGE, trim.OF_THE_CUSTODY, trim.OF_THE_CAMPAIGNS
        documents = trim.OF_THE_DOCUMENTS
        made = BUILD / f"lambda-{target}"

        def without(name: str, *packages: str) -> Bundle:
            return _without(packages, everything, made.with_name(f"{made.name}{name}"))

        return Assets(
            plain=without("", *exchange, *custody, *campaigns, *documents),
            with_exchange=without("-exchange", *custody, *campaigns, *documents),
            with_custody=without("-custody", *exchange, *campaigns, *documents),
            with_campaigns=without("-campaigns", *exchange, *custody, *documents),
            with_documents=without("-documents", *exchange, *custody, *campaigns),
            whole=without("-whole", *campaigns, *documents),
        )


def _all(target: Target, packages: Bundle) -> Bundle:
    directory = BUILD / f"lambda-{target}-all"
    digest = _digest([packages.digest], _sources())
    if _built(directory) != digest:
        with _fresh(directory, digest) as making:
            shutil.copytree(packages.directory, making, copy_function=os.link, dirs_exist_ok=True)
            for room in OURS:
                shutil.copytree(ROOT / room, making / room, ignore=shutil.ignore_patterns("__pycache__"))
            if target is Target.EMBEDDED:
                (making / "bootstrap").write_text(BOOTSTRAP)
                (making / "bootstrap").chmod(0o755)
            _compile(target, making, OURS)
            for source in making.rglob("*.py"):
                source.unlink()
    return Bundle(directory, digest)


def _without(packages: Iterable[str], everything: Bundle, directory: Path) -> Bundle:
    digest = _digest(["without", *packages, everything.digest], [])
    if _built(directory) != digest:
        with _fresh(directory, digest) as making:
            shutil.copytree(everything.directory, making, copy_function=os.link, dirs_exist_ok=True)
            for package in packages:
                trim.remove(making, package)
    return Bundle(directory, digest)


def packages_of(target: Target) -> Bundle:
    """The packages with their sources, as a part of `build`."""
    lock = ROOT / "requirements" / ("embedded.txt" if target is Target.EMBEDDED else "runtime.txt")
    directory = BUILD / f"packages-{target}"
    python = sys.version if target is Target.EMBEDDED else AWS_PYTHON
    digest = _digest([target, python], [lock, *(ROOT / name for name in _RECIPE)])
    if _built(directory) != digest:
        with _fresh(directory, digest) as making:
            _install(target, lock, making)
            trim.trim(making)
            _compile(target, making, ["."])
    return Bundle(directory, digest)


def _install(target: Target, lock: Path, into: Path) -> None:
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        raise CanNotBundle("uv is not installed; `make install` puts it into .venv")
    wanted = into.with_name(f"{into.name}.txt")
    wanted.write_text(trim.shipped(lock.read_text()))
    command = [uv, "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--target", str(into)]
    command += ["-r", str(wanted)]
    # Copies: uv would link the files to those of its cache and of .venv, and we are going to change some.
    command += ["--link-mode", "copy"]
    if target is Target.AWS:
        command += ["--python-platform", "aarch64-manylinux_2_28", "--python-version", AWS_PYTHON]
        command += ["--only-binary", ":all:"]
    else:
        command += ["--python", sys.executable]
    # What the lock names has mostly been downloaded for .venv: then no network is needed. Behind a company's proxy
    # the certificates that count are the system's.
    try:
        for how in (["--offline"], [], ["--system-certs"]):
            done = subprocess.run([*command, *how], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            shutil.rmtree(into)
            into.mkdir()
    finally:
        wanted.unlink()
    raise CanNotBundle(f"the packages for {target} can not be installed:\n{done.stderr}")


def _compile(target: Target, root: Path, folders: Iterable[str]) -> None:
    """Put the bytecode of each module beside it, as `module.pyc`. A traceback names its file from `root` on."""
    if target is Target.EMBEDDED:
        for folder in folders:
            compileall.compile_dir(
                root / folder,
                quiet=1,
                force=True,
                legacy=True,
                stripdir=str(root),
                invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
            )
        return
    python = _python_for_aws()
    if python is not None:
        command = [python, "-m", "compileall", "-q", "-f", "-b", "--invalidation-mode", "unchecked-hash"]
        command += ["-s", str(root), *(str(root / folder) for folder in folders)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return
    pyodide = ROOT / "node_modules" / "pyodide"
    node = shutil.which("node")
    if node is None or not pyodide.is_dir():
        raise CanNotBundle(
            f"bytecode for AWS needs a Python {AWS_PYTHON}: put one on PATH, or run `make install`, which brings one"
        )
    subprocess.run([node, str(ROOT / "infra" / "compile.mjs"), AWS_PYTHON, str(root), *folders], check=True)


def _python_for_aws() -> str | None:
    """A native Python of AWS's version, if there is one that runs."""
    for candidate in (sys.executable, shutil.which(f"python{AWS_PYTHON}")):
        if candidate is None:
            continue
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        found = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if found.returncode == 0 and found.stdout.strip() == AWS_PYTHON:
            return candidate
    return None


def _sources() -> Iterable[Path]:
    for room in OURS:
        yield from sorted(p for p in (ROOT / room).rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def _digest(words: Iterable[str], files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for path in files:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _mark(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.digest")


def _built(directory: Path) -> str | None:
    mark = _mark(directory)
    return mark.read_text() if directory.is_dir() and mark.exists() else None


@contextmanager
def _fresh(directory: Path, digest: str) -> Iterator[Path]:
    """A folder that takes the place of `directory` when it is complete, and never before."""
    making = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=BUILD))
    making.chmod(0o755)
    try:
        yield making
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    _mark(directory).unlink(missing_ok=True)
    if directory.exists():
        shutil.rmtree(directory)
    making.rename(directory)
    _mark(directory).write_text(digest)


if __name__ == "__main__":
    for wanted in map(Target, sys.argv[1:]):
        assets = build(wanted)
        print(*(asset.directory for asset in vars(assets).values()))
