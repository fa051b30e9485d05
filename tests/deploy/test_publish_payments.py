"""Publishing the rules of payments: what a lane would refuse, or lack a key for, is not published."""

from pathlib import Path

import msgspec
import pytest

from deploy import publish
from deploy.publish import MOST_RULES_BYTES, check_payment_rules
from flows.reconciliation.rules import DEFAULT
from schemas import topics
from schemas.identity import version_of
from schemas.payments import PaymentRulesPublished
from schemas.problems import DocumentError
from schemas.settings import Settings, to_environment
from sources.kafka import newest
from tests.channels.world import TEXT, world
from tests.deploy.command import waybook
from tests.deploy.test_kafka import Mock


def _written(directory: Path, **files: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("_", ".")).write_text(text, "utf-8")
    return directory


def test_rules_are_published_whole_or_not_at_all(tmp_path: Path) -> None:
    """By the command: refused with every file's problems, then as they are, without files that are none of them."""
    rules = _written(tmp_path / "rules", channels_toml=TEXT, payers_csv="party,token\nA,B\n", other_csv="a\n")
    with Mock(tmp_path / "kafka") as broker:
        settings = Settings(kafka=broker.address, keys=world().directory)
        environment = to_environment(settings)
        refused = waybook(("publish-payment-rules", str(rules), "--keys", str(tmp_path)), environment)
        assert refused.returncode == 1
        assert "tokens.key" in refused.stderr
        assert "payers.csv row 2 column token" in refused.stderr
        _written(rules, payers_csv=f"party,token\nA,{world().keys.tokens.token('6222')}\n")
        done = waybook(("publish-payment-rules", str(rules), "--by", "出纳"), environment)
        raw = newest(settings.kafka, topics.PAYMENT_CONTROL.name)
        assert raw is not None, done.stderr
        event = msgspec.json.decode(raw, type=PaymentRulesPublished)
        assert event.files.keys() == {"channels.toml", "payers.csv"}
        assert event.version == version_of(event.files)
        assert event.published_by == "出纳"
        without = "  without matching.toml: payments are matched by the rules that ship with the code\n"
        assert done.stdout == f"published version {event.version}\n{without}"


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({}, "missing_file"),
        ({"channels.toml": TEXT, "matching.toml": "nonsense"}, "not_toml"),
        ({"channels.toml": TEXT, "payers.csv": "party,token\n" + "#" * MOST_RULES_BYTES}, "too_large"),
    ],
)
def test_what_a_lane_would_refuse_is_refused_before(files: dict[str, str], rule: str) -> None:
    """With the same readers."""
    with pytest.raises(DocumentError) as caught:
        check_payment_rules(files, world().directory)
    assert rule in {problem.rule for problem in caught.value.problems}
    assert publish.PAYMENT_FILES == ("channels.toml", "matching.toml", "payers.csv")


def test_what_is_wrong_with_every_file_is_told_at_once() -> None:
    """Each with its row, its setting and what would be right."""
    files = {
        "channels.toml": TEXT.replace("max_age = 600", 'max_age = "600"').replace(
            'kind = "hmac"', "kind = true"
        ),
        "matching.toml": DEFAULT.read_text("utf-8").replace("documents = 20", 'documents = "20"'),
        "payers.csv": "party,token\n,B\n",
    }
    with pytest.raises(DocumentError) as caught:
        check_payment_rules(files, world().directory)
    told = str(caught.value)
    for part in (
        "channels.toml row 71 column max_age: max_age is not a whole number, 1 to 7776000 [wrong_setting]",
        "column kind: kind is not one of hmac, none [wrong_setting]",
        "matching.toml row 59 column documents: documents is not a whole number, 1 to 40 [wrong_setting]",
        "matching.toml row 67 column documents:",
        "payers.csv row 2 column party: party has 1 to 64 characters [wrong_value]",
        "payers.csv row 2 column token: token is no token",
    ):
        assert part in told, told
