"""The page of drafts beside live traffic."""

from collections.abc import Iterator

import pytest

from dashboards.drafts import page_of, summaries
from tests.dashboards.data import fill
from tests.dashboards.test_page import LivePage
from tests.servers.store import Store
from tests.servers.web import get


@pytest.fixture(scope="module")
def books(store: Store) -> Store:
    """A store with books and a draft beside them."""
    client = store.client()
    assert page_of(client, "") == {"runs": [], "chosen": None, "parts": []}
    fill(client)
    return store


@pytest.fixture(scope="module")
def url(books: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address."""
    with LivePage(tmp_path_factory.mktemp("page"), books) as page:
        assert isinstance(page, LivePage)
        yield page.url


def test_runs_and_what_they_would_change(books: Store, url: str) -> None:
    (run,) = summaries(books.client())
    assert run.changed > 0
    assert run.unpriced > 0
    assert run.before != run.after
    answer = get(f"{url}drafts")
    assert answer.status_code == 200
    for part in (run.run, "运行中 runs", "面单费 waybill", "上海市→陕西省", "SHC", "C1"):
        assert part in answer.text, part
    assert get(f"{url}drafts", params={"run": run.run}).text == answer.text
    other = get(f"{url}drafts", params={"run": "<script>"})
    assert other.status_code == 200
    assert "付款方 payer" not in other.text
    assert "<script>" not in other.text
