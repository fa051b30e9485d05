"""The chart of accounts as columns."""

from flows.journal.rules import PostingRules
from sinks import columns
from sinks.columns import Made


def chart(rules: PostingRules) -> dict[str, Made]:
    """The columns of table `account`."""
    lines = list(rules.accounts.values())
    return {
        "version": columns.texts([rules.version] * len(lines)),
        "account": columns.texts([line.account for line in lines]),
        "name": columns.texts([line.name for line in lines]),
        "english": columns.texts([line.english for line in lines]),
        "class": columns.spelled([line.class_ for line in lines]),
        "normal_side": columns.spelled([line.normal_side for line in lines]),
        "nature": columns.spelled([line.nature for line in lines]),
        "seen_by": columns.spelled([line.seen_by for line in lines]),
    }
