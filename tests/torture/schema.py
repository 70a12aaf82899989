"""Every operation of the API is sent hundreds of requests at random: what its description allows, and what it forbids.

The trial is the suite's own test with more cases and no fixed seed; it brings a database of its own.
"""

import os
import subprocess
import sys

from cryptopay.devnet import places

CASES = 300
_TEST = "tests/cryptopay/api/test_fuzz.py"
_LONGEST_SECONDS = 900
"""For one operation: who takes longer stands still, and its stack is told."""


def run(cases: int | None) -> None:
    """Raises `AssertionError` where an answer was not described; the output above says which."""
    command = [sys.executable, "-m", "pytest", "-v", "--tb=short", "--show-capture=no", _TEST]
    command += ["--cases", str(cases or CASES), "--timeout", str(_LONGEST_SECONDS), "--durations", "5"]
    environment = {name: value for name, value in os.environ.items() if "DATABASE_URL" not in name}
    done = subprocess.run(command, cwd=places.CHECKOUT, env=environment, check=False)
    print(f"schema_cases_an_operation {cases or CASES} requests")
    assert done.returncode == 0, "An answer was not described"
