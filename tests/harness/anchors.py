"""The key that signs the audit, and the bucket with a lock, in memory; shaped like botocore's clients. A test compares
them with moto's."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.anchors import Anchors

KEY_ID, BUCKET = "arn:aws:kms:eu-central-1:123456789012:key/signs-the-audit", "anchors"


@cache
def _key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


class SigningKms:
    def sign(self, *, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str) -> dict[str, Any]:  # noqa: N803
        assert (KeyId, MessageType, SigningAlgorithm) == (KEY_ID, "RAW", "ECDSA_SHA_256")
        return {"Signature": _key().sign(Message, ECDSA(SHA256()))}

    def get_public_key(self, *, KeyId: str) -> dict[str, Any]:  # noqa: N803
        assert KeyId == KEY_ID
        return {"PublicKey": _key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}


class LockedS3:
    """Nothing in it is changed or deleted: each version stays."""

    def __init__(self) -> None:
        self._versions: list[tuple[str, bytes]] = []
        self._marked: list[str] = []

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ChecksumAlgorithm: str = "SHA256") -> None:  # noqa: N803
        assert ChecksumAlgorithm == "SHA256"
        self._of(Bucket, "PutObject")
        self._versions.append((Key, Body))

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> None:  # noqa: N803
        self._of(Bucket, "DeleteObject")
        if VersionId is not None:
            raise _error("DeleteObject", "AccessDenied")
        self._marked.append(Key)

    def get_object(self, *, Bucket: str, Key: str, VersionId: str) -> dict[str, Any]:  # noqa: N803
        self._of(Bucket, "GetObject")
        key, body = self._versions[int(VersionId)]
        assert key == Key
        return {"Body": io.BytesIO(body)}

    def list_object_versions(self, **asked: Any) -> dict[str, Any]:
        self._of(asked["Bucket"], "ListObjectVersions")
        prefix = asked.get("Prefix", "")
        found = sorted((key, -number) for number, (key, _) in enumerate(self._versions) if key.startswith(prefix))
        told = [{"Key": key, "VersionId": str(-number)} for key, number in found[: asked.get("MaxKeys")]]
        markers = [{"Key": key} for key in sorted(self._marked) if key.startswith(prefix)]
        return {"Versions": told, "DeleteMarkers": markers, "IsTruncated": False}

    @staticmethod
    def _of(bucket: str, operation: str) -> None:
        if bucket != BUCKET:
            raise _error(operation, "NoSuchBucket")


def in_memory() -> Anchors:
    return Anchors(SigningKms(), LockedS3(), KEY_ID, BUCKET)


def _error(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)
