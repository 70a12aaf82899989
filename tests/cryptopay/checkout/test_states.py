"""Every state of the page, narrow and wide, light and dark, from left and from right, as axe-core judges it."""

from itertools import cycle
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from cryptopay.devnet import places
from tests.cryptopay.checkout.gallery import in_every_state, keep

NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
TONGUES = ("de", "fr", "es", "en")
"""In turns on the narrow page, where long words overflow."""
# WCAG 2.2's own rule, of the size of targets, is one that axe-core leaves out by itself.
_JUDGE = """(rules) => axe
  .run(document, rules.length ? { runOnly: rules } : { rules: { "target-size": { enabled: true } } })
  .then((judged) => judged.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`))"""


def judged(page: Page, *rules: str) -> list[str]:
    """What axe-core, by these rules or all of its own, has to say of the page that it was loaded into."""
    found: list[str] = page.evaluate(_JUDGE, list(rules))
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("It overflows sideways.")
    return found


@pytest.mark.django_db(transaction=True)
def test_axe_core_finds_nothing_in_any_state(browser: Browser, live_server: LiveServer, eos: Any) -> None:
    """All its rules in two looks; what the colour scheme alone changes, contrast, in all four."""
    addresses = {name: f"pay/{invoice.public_id}" for name, invoice in in_every_state(eos).items()}
    addresses |= {"nowhere": "pay/inv_unknown", "start": ""}
    axe = places.AXE.read_text()
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "404" not in message.text else None)
    found = {}
    for (name, address), tongue in zip(addresses.items(), cycle(TONGUES), strict=False):
        for size, language, scheme, other in ((NARROW, tongue, "light", "dark"), (WIDE, "ar", "dark", "light")):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(f"{live_server.url}/{address}?lang={language}")
            page.evaluate(axe)
            look = f"{name}-{size['width']}-{language}"
            found[f"{look}-{scheme}"] = judged(page)
            keep(page, f"{look}-{scheme}")
            page.emulate_media(color_scheme=other)  # type: ignore[arg-type]
            found[f"{look}-{other}"] = judged(page, "color-contrast")
            keep(page, f"{look}-{other}")
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert judged(page)[0].startswith("html-has-lang"), "it would say so if there were anything"
    context.close()
    assert {look: words for look, words in found.items() if words} == {}
    assert complaints == []
