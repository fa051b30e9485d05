"""Write every dashboard's JSON beside the code that makes it."""

import json
from pathlib import Path

from dashboards.grafana.drafts import drafts
from dashboards.grafana.finance import finance
from dashboards.grafana.operations import operations
from dashboards.grafana.profit import profit

DASHBOARDS = {
    "operations.json": operations,
    "drafts.json": drafts,
    "finance.json": finance,
    "profit.json": profit,
}


def rendered() -> dict[str, str]:
    """File names and their contents."""
    return {
        name: json.dumps(make(), ensure_ascii=False, indent=2) + "\n" for name, make in DASHBOARDS.items()
    }


if __name__ == "__main__":
    for name, text in rendered().items():
        Path(__file__).with_name(name).write_text(text, "utf-8")
