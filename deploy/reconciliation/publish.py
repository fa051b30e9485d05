"""Publish channels, payers' tokens and matching rules: checked as a whole first, then one event for all lanes."""

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from deploy.files import files_of
from flows.reconciliation.rules import FILE, read_matching
from schemas import topics
from schemas.identity import version_of
from schemas.payments import PaymentRulesPublished
from schemas.settings import Settings
from sinks.kafka import Records
from sources.channels.keys import read_keys
from sources.channels.read import read_channels, read_payers


def publish_payment_rules(settings: Settings, directory: Path, by: str) -> str:
    """Publish a directory's documents; their version. Raises DocumentError with every problem, of keys as well."""
    files = files_of(directory)
    check(files, settings.keys)
    version, now = version_of(files), int(time.time() * 1000)
    event = PaymentRulesPublished(
        id=f"payment-rules-{version}-{now}", time=now, version=version, files=files, published_by=by
    )
    records = Records(settings)
    records.produce(topics.PAYMENT_CONTROL.name, "", msgspec.json.encode(event), partition=0)
    records.flush()
    return version


def check(files: Mapping[str, str], keys: Path) -> None:
    """Raises DocumentError: lanes stop where a key is missing that a published document names."""
    channels = read_channels(files)
    read_payers(files)
    if FILE in files:
        read_matching(files[FILE])
    read_keys(channels, keys)
