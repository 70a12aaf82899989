"""What the shop was told: its account at CryptoPay (`.state/shop.json`) and the nodes it may pay from."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptopay.devnet import environment, places
from cryptopay.devnet.contracts import DEMO_DOLLAR_CODE
from monitor.chains import CHAINS

PAYABLE = ("bitcoin-regtest", "litecoin-regtest", "bitcoincash-regtest", "ethereum-dev", "monero-regtest", "eos-dev")


@dataclass(frozen=True, slots=True)
class Config:
    """The shop's account, and a node URL for each coin it can pay with."""

    url: str
    cryptopay_url: str
    api_key: str
    webhook_secret: str
    node_urls: Mapping[str, str]
    orders: Path


def load(folder: Path = places.STATE) -> Config:
    """Raises `FileNotFoundError` before `manage.py seed_demo` has run."""
    account: dict[str, str] = json.loads((folder / "shop.json").read_text())
    return Config(
        url=account["url"],
        cryptopay_url=account["cryptopay_url"],
        api_key=account["api_key"],
        webhook_secret=account["webhook_secret"],
        node_urls=_node_urls(),
        orders=folder / "shop.sqlite3",
    )


def _node_urls() -> dict[str, str]:
    """The same order as the settings': environment, `.env`, `.state/env`."""
    kept = environment.read(places.ENVIRONMENT_FILE)
    found = {}
    for code in PAYABLE:
        name = f"{CHAINS[code].setting_name}_NODE_URL"
        if url := os.environ.get(name) or environment.given(name) or kept.get(name, ""):
            found[CHAINS[code].native.code] = url
    if "ETH" in found:
        found[DEMO_DOLLAR_CODE] = found["ETH"]
    return found
