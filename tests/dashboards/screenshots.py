"""Pictures of a running page for the README: `python -m tests.dashboards.screenshots --url … --waybill … --out …`."""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.servers.install import path_of


def main() -> None:
    """The live page and a parcel's page, 1200 points wide."""
    parser = argparse.ArgumentParser(prog="tests.dashboards.screenshots")
    parser.add_argument("--url", required=True)
    parser.add_argument("--waybill", required=True)
    parser.add_argument("--out", type=Path, required=True)
    wanted = parser.parse_args()
    wanted.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path_of("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        for name, path in (("live", ""), ("parcel", f"parcel/{wanted.waybill}")):
            page.goto(f"{wanted.url.rstrip('/')}/{path}")
            page.wait_for_timeout(2500)
            page.screenshot(path=wanted.out / f"{name}.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
