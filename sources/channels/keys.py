"""Key files: read once at start, all problems told at once. Nothing of what they hold is ever told.

Certificates and public keys are PEM. Our own keys are text files of hexadecimal digits (`openssl rand -hex 64`),
APIv3 keys and HMAC secrets the text itself, without the line's end.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from schemas.problems import DocumentError, Problem
from schemas.times import SECOND
from sources.channels.evidence import Evidence
from sources.channels.model import GENERIC, Channel, Channels, Own
from sources.channels.tokens import Tokens

MOST_BYTES = 65_536
"""A key file that is larger is none."""
FEWEST_RSA_BITS = 2048
LATEST = 2**62
"""No time that comes (ms)."""
SERIALS = {"wechat": 16, "unionpay": 10}
"""The formats that name a certificate by its own serial, and in which digits."""
Loaded = TypeVar("Loaded")


class Public:
    """A channel's key. A certificate has a serial, and a time (UTC ms) from which and until which it is believed."""

    def __init__(self, key: RSAPublicKey, certificate: x509.Certificate | None) -> None:
        self.key = key
        self.serial = None if certificate is None else certificate.serial_number
        self.begins, self.ends = 0, LATEST
        if certificate is not None:
            self.begins = _milliseconds(certificate.not_valid_before_utc)
            self.ends = _milliseconds(certificate.not_valid_after_utc)


class Keys:
    """What the files that `channels.toml` names hold, by file."""

    def __init__(
        self,
        tokens: Tokens,
        evidence: Evidence,
        public: dict[str, Public],
        secrets: dict[str, bytes],
        ciphers: dict[str, AESGCM],
    ) -> None:
        self.tokens = tokens
        self.evidence = evidence
        self.public = public
        """Channels' public keys."""
        self.secrets = secrets
        """Secrets of HMACs."""
        self.ciphers = ciphers
        """Ciphers of APIv3 keys."""


def read_keys(channels: Channels, directory: Path) -> Keys:
    """The keys of all channels. Raises DocumentError with every file that is missing or is no such key."""
    problems: list[Problem] = []

    def load(files: list[str], read: Callable[[bytes], Loaded]) -> dict[str, Loaded]:
        found = {}
        for file in files:
            try:
                found[file] = read(_bytes(directory / file))
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                message = f"{directory / file}: {why}"
                problems.append(Problem("channels.toml", 0, "file", "key_unreadable", message))
        return found

    ours = load([channels.own.tokens], lambda raw: Tokens(_hexadecimal(raw, 32, 128)))
    evidence = load(list(channels.own.evidence), lambda raw: _hexadecimal(raw, 64, 64))
    signers = [(key.file, one.format) for one in channels.channels.values() for key in one.key]
    public = load([file for file, kind in signers if kind not in GENERIC], _public)
    problems += _misnamed(channels, public)
    secrets = load([file for file, kind in signers if kind in GENERIC], _secret)
    merchants = [merchant for one in channels.channels.values() for merchant in one.merchant]
    ciphers = load([file for one in merchants for file in one.secrets], _cipher)
    if problems:
        raise DocumentError(problems)
    sealing = Evidence([evidence[file] for file in channels.own.evidence])
    return Keys(ours[channels.own.tokens], sealing, public, secrets, ciphers)


def read_tokens(own: Own, directory: Path) -> Tokens:
    """The key for tokens alone. Raises OSError or ValueError with the file's name."""
    return Tokens(_own(directory / own.tokens, 32, 128))


def read_evidence(own: Own, directory: Path) -> Evidence:
    """The keys for evidence alone. Raises OSError or ValueError with the file's name."""
    return Evidence([_own(directory / file, 64, 64) for file in own.evidence])


def read_ciphers(channel: Channel, directory: Path) -> Iterator[tuple[str, AESGCM]]:
    """The ciphers of a channel's APIv3 keys that are there, with their files' names."""
    for file in dict.fromkeys(file for merchant in channel.merchant for file in merchant.secrets):
        with suppress(OSError, ValueError):
            yield file, _cipher(_bytes(directory / file))


def read_public(file: Path) -> Public:
    """A channel's certificate or public key alone. Raises OSError, or ValueError with the file's name."""
    try:
        return _public(_bytes(file))
    except ValueError as error:
        raise ValueError(f"{file} {error}") from None


def _own(path: Path, fewest: int, most: int) -> bytes:
    try:
        return _hexadecimal(_bytes(path), fewest, most)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ValueError("is too large for a key")
    return raw


def _hexadecimal(raw: bytes, fewest: int, most: int) -> bytes:
    try:
        key = bytes.fromhex(raw.decode("ascii"))
    except ValueError:
        raise ValueError("is no text of hexadecimal digits") from None
    if not fewest <= len(key) <= most:
        wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        raise ValueError(f"holds {len(key)} bytes, not {wanted}: openssl rand -hex {fewest} makes a key")
    return key


def _public(raw: bytes) -> Public:
    try:
        certificate = x509.load_pem_x509_certificate(raw) if b"BEGIN CERTIFICATE" in raw else None
        key = certificate.public_key() if certificate is not None else load_pem_public_key(raw)
    except ValueError:
        raise ValueError("is no certificate and no public key (PEM)") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < FEWEST_RSA_BITS:
        raise ValueError(f"is no RSA key of {FEWEST_RSA_BITS} bits or more")
    return Public(key, certificate)


def _misnamed(channels: Channels, public: Mapping[str, Public]) -> Iterator[Problem]:
    """Certificates that are others than those that channels.toml means."""
    for channel in channels.channels.values():
        if (base := SERIALS.get(channel.format)) is None:
            continue
        for key in channel.key:
            found = public.get(key.file)
            if found is None or found.serial is None:
                continue
            own = f"{found.serial:X}" if base == 16 else f"{found.serial}"
            if own.lstrip("0") != key.serial.upper().lstrip("0"):
                message = f"{key.file} is the certificate {own}, channel {channel.name} calls it {key.serial}"
                yield Problem("channels.toml", 0, "serial", "other_certificate", message)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND


def _secret(raw: bytes) -> bytes:
    secret = raw.strip()
    if not 16 <= len(secret) <= 1024:
        raise ValueError("is no secret of 16 to 1024 bytes")
    return secret


def _cipher(raw: bytes) -> AESGCM:
    secret = raw.strip()
    if len(secret) != 32:
        raise ValueError("is no APIv3 key: it has 32 characters")
    return AESGCM(secret)
