"""Every page in a real browser: at a desk's and a phone's width, by day and by night. The pictures are in build/console."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Page

from tests.integration.console.conftest import Served, sign_in
from tests.integration.console.furnished import LONG_NAME

PICTURES = Path(__file__).parents[3] / "build" / "console"
WIDTHS = {"desktop": (1360, 900), "phone": (390, 844)}
PAGES = {
    "deliveries": "/deliveries",
    "delivery": "/delivery?id=spring-newsletter",
    "delivery-delayed": "/delivery?" + urlencode({"id": LONG_NAME}),
    "delivery-begun": "/delivery?id=just-begun",
    "messages": "/messages?delivery=spring-newsletter&standing=accepted,delayed",
    "messages-none": "/messages?delivery=spring-newsletter&domain=nobody.example",
    "message-sent": "/message?id=spring-newsletter.0.000004",
    "message-untried": "/message?id=spring-newsletter.0.000b00",
    "sites": "/sites",
    "site": "/site?name=google.com",
    "suspend": "/order?what=suspend&target=google.com",
    "override": "/order?what=override&target=google.com",
    "cancel": "/order?what=cancel&target=spring-newsletter",
    "workers": "/workers",
    "unknown": "/unknown",
    "record": "/actions",
    "find-none": "/find?q=nobody%40example.net",
    "missing": "/delivery?id=nothing",
}

# What a page must have for those who do not see it, or use no mouse. Answers what is amiss.
AMISS = """() => {
  const amiss = [];
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) amiss.push(`${wide} px wider than the screen`);
  if (document.querySelectorAll("h1").length !== 1) amiss.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) amiss.push("not one main");
  for (const field of document.querySelectorAll("input:not([type=hidden]), select"))
    if (!field.labels.length) amiss.push(`no label: ${field.outerHTML}`);
  for (const one of document.querySelectorAll("a, button"))
    if (!one.textContent.trim()) amiss.push(`no name: ${one.outerHTML}`);
  for (const one of document.querySelectorAll("svg"))
    if (!one.ariaHidden && !one.ariaLabel) amiss.push("a picture without words");
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  if (new Set(ids).size !== ids.length) amiss.push("an id twice");
  return amiss;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_every_page_fits_is_named_and_breaks_no_policy(
    served: Served, browser: Browser, width: str, scheme: str
) -> None:
    page = await signed_in(browser, served, width, scheme)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda fault: told.append(str(fault)))
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, path in PAGES.items():
        await page.goto(served.url + path)
        assert await page.evaluate(AMISS) == [], name
        await page.screenshot(path=PICTURES / f"{name}-{width}-{scheme}.png", full_page=True)
    assert [line for line in told if "404" not in line] == []  # one page is missing on purpose


async def test_every_page_fits_whatever_the_width_of_its_window(served: Served, browser: Browser) -> None:
    page = await signed_in(browser, served, "desktop", "light")
    for name, path in PAGES.items():
        await page.goto(served.url + path)
        for width in (320, 740, 1000, 1250, 1920):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate(AMISS) == [], (name, width)


async def signed_in(browser: Browser, served: Served, width: str, scheme: str) -> Page:
    """The sign-in page is looked at on the way."""
    high = WIDTHS[width]
    context = await browser.new_context(viewport={"width": high[0], "height": high[1]}, color_scheme=scheme)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"{served.url}/sign-in")
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"sign-in-{width}-{scheme}.png")
    await sign_in(page, served.url)
    await page.wait_for_url("**/deliveries")
    return page


async def test_the_console_works_by_keyboard(served: Served, browser: Browser) -> None:
    page = await signed_in(browser, served, "desktop", "light")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.closest('td') !== null")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


async def test_what_has_the_focus_keeps_it_when_a_part_is_renewed(fresh: Served, browser: Browser) -> None:
    page = await signed_in(browser, fresh, "desktop", "light")
    await page.goto(f"{fresh.url}/unknown")
    summary = page.locator("summary").first
    await summary.focus()
    await page.keyboard.press("Enter")
    with fresh.program() as client:
        other = client.get("/api/unknown").json()[1]["id"]
        client.post("/api/unknown/decision", params={"id": other, "decision": "ignore"})
    await page.locator("article").nth(1).wait_for(state="detached")
    assert await page.locator("details[open]").count() == 1
    assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"


async def test_a_page_says_when_the_console_is_gone(served: Served, browser: Browser) -> None:
    page = await signed_in(browser, served, "desktop", "light")
    await page.context.set_offline(True)
    await page.get_by_text("What is shown may be old").wait_for()
    await page.context.set_offline(False)
    await page.get_by_text("What is shown may be old").wait_for(state="hidden")
