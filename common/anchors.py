"""Where the audit's chain stood, signed, in a bucket whose objects nobody can change or delete before their time.

    {date}/{hour}-{number}-{digest}.json   {"number": …, "digest": …, "at": …, "signature": …}, texts all

`number` and `digest` are those of the entry that was the last one then. `signature` is base64 of ECDSA on NIST P-256
with SHA-256 (KMS's ECDSA_SHA_256, DER) over the ASCII text `{number} {digest} {at}`. The bucket is versioned and locked
(S3 Object Lock), and all versions are told: an anchor that somebody has put beside another one, or hidden behind a
delete marker, is seen.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from common.clock import text
from common.errors import Unavailable


class AnchorsUnavailable(Unavailable):
    """The chain's anchors can be neither read nor written now. Send the same request again.

    KMS did not sign, or S3 did not answer.
    """


class Kms(Protocol):
    """What is asked of KMS's client."""

    def sign(self, *, KeyId: str, Message: bytes, MessageType: Any, SigningAlgorithm: Any) -> Any: ...  # noqa: N803
    def get_public_key(self, *, KeyId: str) -> Any: ...  # noqa: N803


class S3(Protocol):
    """What is asked of S3's client."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ChecksumAlgorithm: Any) -> Any: ...  # noqa: N803
    def get_object(self, *, Bucket: str, Key: str, VersionId: str) -> Any: ...  # noqa: N803
    def list_object_versions(self, **asked: Any) -> Any: ...


@dataclass(frozen=True)
class Anchor:
    """`at` is when it was put there."""

    number: str
    digest: str
    at: str
    signature: str


@dataclass(frozen=True)
class Anchors:
    """key_id: the ARN of the KMS key that signs."""

    kms: Kms
    s3: S3
    key_id: str
    bucket: str

    def keep(self, number: int, digest: str, at: datetime) -> Anchor:
        """Raises AnchorsUnavailable: it may be kept, or not; the next one says the same and more."""
        said = f"{number} {digest} {text(at)}".encode()
        signed = self._asked(
            self.kms.sign, KeyId=self.key_id, Message=said, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
        )
        signature = base64.b64encode(signed["Signature"]).decode()
        anchor = Anchor(str(number), digest, text(at), signature)
        key, body = f"{anchor.at[:10]}/{anchor.at[11:13]}-{number}-{digest}.json", json.dumps(asdict(anchor)).encode()
        # A bucket with a lock takes nothing without a checksum.
        self._asked(self.s3.put_object, Bucket=self.bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256")
        return anchor

    def of_day(self, date: str) -> list[Anchor]:
        """All versions of all anchors of a day (ISO, UTC), oldest first. What is no anchor is told as one that nobody
        has signed. Raises AnchorsUnavailable."""
        found = [self._read(version) for version in self._versions(f"{date}/")]
        return sorted(found, key=lambda anchor: anchor.at)

    def first_date(self) -> str | None:
        """The day of the first anchor. Raises AnchorsUnavailable."""
        page = self._asked(self.s3.list_object_versions, Bucket=self.bucket, MaxKeys=1)
        first = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        return first[0]["Key"].partition("/")[0] if first else None

    def public_key(self) -> str:
        """Base64 of its DER encoding (SubjectPublicKeyInfo). Raises AnchorsUnavailable."""
        told = self._asked(self.kms.get_public_key, KeyId=self.key_id)
        return base64.b64encode(told["PublicKey"]).decode()

    def _versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        position: dict[str, str] = {}
        while True:
            page = self._asked(self.s3.list_object_versions, Bucket=self.bucket, Prefix=prefix, **position)
            yield from page.get("Versions", [])
            if not page.get("IsTruncated"):
                return
            position = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def _read(self, version: dict[str, Any]) -> Anchor:
        told = self._asked(self.s3.get_object, Bucket=self.bucket, Key=version["Key"], VersionId=version["VersionId"])
        try:
            return Anchor(**{name: str(value) for name, value in json.loads(told["Body"].read()).items()})
        except (ValueError, TypeError, AttributeError):
            return Anchor(number="", digest=f"{version['Key']} is no anchor", at="", signature="")

    @staticmethod
    def _asked(operation: Any, **asked: Any) -> Any:
        try:
            return operation(**asked)
        except ClientError as error:
            why = error.response["Error"]["Code"]
        except BotoCoreError as error:
            why = type(error).__name__
        raise AnchorsUnavailable(f"the anchors of the audit can not be asked for now: {why}", retry_after_seconds=5)
