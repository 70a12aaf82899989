"""The commands of the accountant's page run as they stand there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from cryptopay.devnet.programs import HLEDGER, LEDGER
from ledger import chart
from tests.reports.plaintext.conftest import Shop
from tests.reports.plaintext.tools import ENVIRONMENT, PYTHON_TOOLS

PAGE = Path(__file__).parents[3] / "docs" / "accountant.md"


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line]


def program(name: str) -> list[str]:
    by_name = {"hledger": HLEDGER, "ledger": LEDGER}
    if name in by_name:
        return by_name[name].command()
    return [sys.executable] if name == "python" else [str(PYTHON_TOOLS / name)]


def test_the_pages_commands_run(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    coin = chart.asset("BTC", "bitcoin", 8)
    shop.post([(chart.custody(shop.book.pk, coin), 150_000), (shop.customer("ann", coin), -150_000)])
    written, shown = 0, 0
    for name, *arguments in commands():
        if arguments[0] == "manage.py":
            assert arguments[2:4] == ["--book", "1"]
            call_command(arguments[1], "--book", str(shop.book.pk), *arguments[4:])
            written += 1
            continue
        done = subprocess.run(
            [*program(name), *arguments], capture_output=True, text=True, env=ENVIRONMENT, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), name
        shown += "0.00150000" in done.stdout
    assert (written, shown) == (3, 4)
