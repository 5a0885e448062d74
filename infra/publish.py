"""The console's files, as they lie in its bucket on AWS.

/{digest}/…      the modules of web/, and config.json, which says where people sign in: kept by browsers for a year,
                 since what lies under a digest is what it is the digest of
/index.html      names those of one digest, is asked for anew each time, and is written last

So a page is of one release, whatever happens while it is open, and a deployment that was broken off has changed
nothing: the folders of the releases before stay, each of some 300 kB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from infra.browser import type_of

INDEX, CONFIG = "index.html", "config.json"
FOR_A_YEAR = "public, max-age=31536000, immutable"
ASKED_ANEW = "no-cache"
_NAMED = re.compile(r'(?<= href="/)[^"]+|(?<= src="/)[^"]+')


class NoSuchFile(LookupError):
    """index.html names a file that is not there."""


@dataclass(frozen=True)
class Release:
    """`files` by their keys in the bucket, without `index`."""

    files: Mapping[str, bytes]
    index: bytes


def release(web: Path, config: str) -> Release:
    """Raises NoSuchFile."""
    files = {**dict(_files(web)), CONFIG: config.encode()}
    index = files.pop(INDEX).decode()
    digest = _digest(files)
    missing = [name for name in _NAMED.findall(index) if name not in files]
    if missing:
        raise NoSuchFile(f"{INDEX} names {', '.join(missing)}: no such file is in {web.name}/")
    index = _NAMED.sub(lambda found: f"{digest}/{found[0]}", index)
    return Release({f"{digest}/{name}": body for name, body in files.items()}, index.encode())


def publish(s3: Any, bucket: str, made: Release) -> None:
    """Raises what botocore does, and then the release before is the one that is shown. Safe to do again."""
    for key, body in made.files.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=type_of(key), CacheControl=FOR_A_YEAR)
    s3.put_object(Bucket=bucket, Key=INDEX, Body=made.index, ContentType=type_of(INDEX), CacheControl=ASKED_ANEW)


def _files(web: Path) -> Iterator[tuple[str, bytes]]:
    """What a browser takes: not the types, nor what the compiler of types is told."""
    for path in sorted(web.rglob("*")):
        if path.is_file() and path.suffix != ".json" and type_of(path.name):
            yield path.relative_to(web).as_posix(), path.read_bytes()


def _digest(files: Mapping[str, bytes]) -> str:
    told = sha256()
    for name, body in sorted(files.items()):
        told.update(f"{name}\0{len(body)}\0".encode() + body)
    return told.hexdigest()[:16]
