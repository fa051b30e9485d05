"""Signatures under requests and answers: RSA with SHA-256 (PKCS #1 v1.5), Base64."""

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sources.bills.download.http import DownloadError


def private_key(file: Path) -> RSAPrivateKey:
    """A private key without a password. Raises DownloadError that names the file."""
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except OSError as error:
        raise DownloadError(f"{file}: {error.strerror}") from error
    except (ValueError, TypeError):
        raise DownloadError(f"{file} is no private key (PEM, without a password)") from None
    if not isinstance(key, RSAPrivateKey):
        raise DownloadError(f"{file} is no RSA key")
    return key


def signed(key: RSAPrivateKey, text: str) -> str:
    """The signature under a text."""
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def is_signed(keys: Iterable[RSAPublicKey], signature: bytes, text: str) -> bool:
    """Whether a signature under a text is by one of the keys."""
    try:
        raw = base64.b64decode(signature)
    except binascii.Error:
        return False
    for key in keys:
        try:
            key.verify(raw, text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return True
    return False
