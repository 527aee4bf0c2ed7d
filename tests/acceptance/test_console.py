"""The console in a real browser, over real workers: what an operator sees and does."""

import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.acceptance.installation import COMMAND, Installation
from tests.services.start import free_port, listens, wait_until

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct horse battery"
DOMAIN, SITE = "riverside.example", "riverside"
PATIENCE = 60_000
"""Milliseconds to wait for what workers do."""


@pytest.fixture
def console(installation: Installation, sink_port: int) -> Iterator[str]:
    """A worker, the tracker and the console at work; the console's address."""
    told = subprocess.run(
        [*COMMAND, "console", "--hash"], input=f"{PASSWORD}\n", capture_output=True, text=True, check=True
    )
    port = free_port()
    installation.settings += f'{told.stdout}listen = "127.0.0.1:{port}"\n'
    installation.settings += f'[[route]]\ndomain = "{DOMAIN}"\nsite = "{SITE}"\nhosts = ["127.0.0.1:{sink_port}"]\n'
    with ExitStack() as running:
        for command in ("worker", "tracker", "console"):
            running.enter_context(installation.running(command))
        wait_until(lambda: listens(port), "the console", installation.logs)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE)
        yield page
        await browser.close()


async def sign_in(page: Page, console: str, password: str) -> None:
    await page.goto(console)
    await page.get_by_label("Your name").fill("Dana")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


def people(tag: str, count: int, suffix: str = "") -> list[str]:
    return [f"{tag}{number}{suffix}@{DOMAIN}" for number in range(count)]


async def test_signing_in_is_refused_with_a_wrong_password_and_granted_with_the_right_one(
    console: str, page: Page
) -> None:
    await sign_in(page, console, "wrong horse battery")
    await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    await sign_in(page, console, PASSWORD)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Deliveries")


async def test_a_delivery_is_watched_from_its_first_message_to_its_last(
    console: str, page: Page, installation: Installation
) -> None:
    await sign_in(page, console, PASSWORD)
    await expect(page.get_by_text("No delivery has been heard of yet")).to_be_visible()
    await page.evaluate("window.neverReloaded = true")
    installation.send("spring", people("a", 30) + people("b", 6, "+550") + people("c", 4, "+451-once"))
    row = page.get_by_role("row").filter(has_text="spring")
    await expect(row).to_be_visible(timeout=PATIENCE)
    await expect(row).to_contain_text("done", timeout=PATIENCE)
    assert await page.evaluate("window.neverReloaded")
    await expect(row.get_by_role("cell")).to_have_text(
        [
            "spring",
            "done",
            re.compile(r"^\s*$"),
            "40",
            re.compile("^85.0"),
            "6",
            "0",
            "–",
            re.compile(":"),
            re.compile("^ended"),
        ]
    )

    await row.get_by_role("link", name="spring").click()
    bars = page.get_by_role("img", name=re.compile("^34 sent, 6 failed"))  # the delivery's, and that of its one site
    await expect(bars).to_have_count(2)
    await page.locator(".tiles .failed a").click()
    await page.get_by_role("link", name=f"b0+550@{DOMAIN}").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"b0+550@{DOMAIN}")
    story = page.get_by_role("region", name="Its story")
    await expect(story).to_contain_text("Taken from the queue")
    await expect(story).to_contain_text("Attempt 1: failed")
    await expect(page.get_by_role("region", name="What the server said")).to_contain_text("550")
    await expect(page.get_by_role("region", name="What it was taken for")).to_contain_text("hard")


async def test_a_site_is_suspended_and_resumed(console: str, page: Page, installation: Installation) -> None:
    await sign_in(page, console, PASSWORD)
    installation.send("first", people("a", 5))
    await page.get_by_role("link", name="Sites", exact=True).click()
    site = page.get_by_role("region", name=f"Site {SITE}")
    await expect(site.get_by_role("row").filter(has_text="open")).to_be_visible(timeout=PATIENCE)
    await site.get_by_role("link", name="Suspend").click()
    await expect(page.get_by_label("Target")).to_have_value(SITE)
    await page.get_by_label("Why").fill("their postmaster asked")
    await page.get_by_role("button", name="Suspend").click()
    await expect(page.get_by_role("status").filter(has_text="Suspended")).to_be_visible()
    await expect(site.get_by_role("row").filter(has_text="suspended")).to_contain_text("their postmaster asked")
    await page.wait_for_timeout(2000)  # what an order takes at most to be heard

    installation.send("held", people("d", 10))
    await page.goto(f"{console}/deliveries")
    row = page.get_by_role("row").filter(has_text="held")
    await expect(row).to_contain_text("waiting", timeout=PATIENCE)
    await page.wait_for_timeout(3000)
    assert len(installation.index()) == 5
    await expect(row).to_contain_text("waiting")
    await row.get_by_role("link", name="held").click()
    await page.locator(".tiles .in_flight a").click()
    await page.get_by_role("link", name=f"d0@{DOMAIN}").click()
    await expect(page.get_by_text(f"{SITE} is suspended until")).to_contain_text("their postmaster asked")

    await page.get_by_role("link", name="Sites", exact=True).click()
    await page.get_by_role("link", name=f"Resume {SITE}").click()
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("status").filter(has_text="Resumed")).to_be_visible()
    await expect(page.get_by_text("No suspension and no override is in force.")).to_be_visible()
    await page.goto(f"{console}/delivery?id=held")
    await expect(page.locator(".tiles .sent a")).to_have_text("10", timeout=PATIENCE)
    assert len(installation.index()) == 15

    await page.get_by_role("link", name="Record").click()
    await expect(page.get_by_role("row").filter(has_text="their postmaster asked")).to_contain_text(SITE)
    await expect(page.get_by_role("row").filter(has_text="resume")).to_contain_text("Dana")
