"""A page of the application, made within this process."""

import asyncio
from pathlib import Path

import httpx

from dashboards.live import app
from schemas.settings import Settings
from tests.servers.store import Store


def served(store: Store, home: Path, path: str) -> str:
    """Its text. Who asks has put something else in the place of `app.Poller`, which would go on by itself."""
    pages = httpx.ASGITransport(app.create_app(Settings(clickhouse=store.url, home=home)))

    async def get() -> str:
        async with httpx.AsyncClient(transport=pages, base_url="http://page") as client:
            return (await client.get(path)).text

    return asyncio.run(get())
