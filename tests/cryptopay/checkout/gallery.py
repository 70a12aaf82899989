"""An invoice in each state that a payer can meet, and pictures of it: `CRYPTOPAY_SCREENSHOTS=folder` keeps them."""

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from cryptopay.payments import interventions
from cryptopay.payments.models import Invoice
from tests import queues
from tests.queues import Standings

BTC = "BTC@bitcoin-regtest"
EOS = "EOS@eos-dev"
_ENDED = ("settled", "over", "late", "short", "invalid", "expired", "cancelled", "marked")


def in_every_state(till: Any) -> dict[str, Invoice]:
    """Of a till that takes EOS, too. What must be mined comes before what must wait."""
    said = {"description": "A bag of beans", "order_id": "A-17", "return_url": "https://shop.example/orders/17"}
    found = {name: till.open(BTC, **said) for name in _ENDED}
    till.pay(found["settled"])
    till.pay(found["over"], "1.5")
    till.pay(found["short"], "0.4")
    till.pay(found["marked"], "0.9")
    till.pass_deadline(found["late"])
    till.pay(found["late"])
    till.mine(2)
    for name in ("short", "expired"):
        till.pass_deadline(found[name])
    by_hand = {"reason": "Asked by phone", "by": "Zoë"}
    interventions.cancel(found["cancelled"].pk, till.book, **by_hand)
    interventions.mark(found["marked"].pk, till.book, Invoice.Status.SETTLED, **by_hand)
    till.pay(found["invalid"])
    till.end_monitoring(found["invalid"])
    later = {name: till.open(BTC, **said) for name in ("new", "partial", "waiting", "withheld")}
    till.pay(later["partial"], "0.4")
    till.pay(later["waiting"])
    queues.look(Standings(110_000))
    till.swap_address(later["withheld"], "bcrt1q05fktjrqrr5ze7ntzukj0g0wrj5he0xm0l8srm")
    return {"choose": till.open(**said), "memo": till.open(EOS, **said), **found, **later}


def keep(page: Page, name: str) -> None:
    """A picture of the whole page, where pictures are asked for."""
    if folder := os.environ.get("CRYPTOPAY_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
