"""`python -m cryptopay.devnet install|run|reset|check|...`: behind the Makefile."""

import argparse
import subprocess
import sys

from cryptopay.devnet import checks, install, messages, places, stage, supply, writing
from cryptopay.devnet.errors import DevnetError
from monitor.connectors.base import NodeError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m cryptopay.devnet", description=__doc__)
    orders = parser.add_subparsers(dest="order", required=True)
    bring = orders.add_parser("install", help="bring the programs that pip does not")
    bring.add_argument("--for-tests", action="store_true", help="with Chromium; fails if anything is missing")
    orders.add_parser("run", help="start everything and print where it is")
    orders.add_parser("write", help="write the client and the Postman collection from the API's description")
    orders.add_parser("reset", help="forget everything the stage kept")
    orders.add_parser("check", help="lint, types, contracts, migrations, deployment and tests")
    orders.add_parser("messages", help="bring the payment page's words up to date in every language")
    bench = orders.add_parser("bench", help="run the benchmarks")
    bench.add_argument("parts", nargs="*", help="which, such as `ledger`; all if none is named")
    torture = orders.add_parser("torture", help="try to break the ledger")
    torture.add_argument("parts", nargs="*", help="which trials, such as `crash`; all if none is named")
    lock = orders.add_parser("lock", help="write the locks of all packages, with their hashes")
    lock.add_argument("--upgrade", action="store_true", help="to the newest that fit, instead of what is locked")
    lock.add_argument("--sooner", nargs="*", default=[], help="packages that may be younger than a week")
    orders.add_parser("audit", help="ask for known holes in what is locked")
    orders.add_parser("sbom", help="list what the application consists of, in CycloneDX")
    given = parser.parse_args()
    try:
        return _obey(given)
    except (DevnetError, NodeError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _obey(given: argparse.Namespace) -> int:
    if given.order == "install":
        complete = install.report(install.install(for_tests=given.for_tests))
        return 1 if given.for_tests and not complete else 0
    if given.order == "run":
        return stage.run()
    if given.order == "write":
        writing.run()
        return 0
    if given.order == "reset":
        stage.reset()
        return 0
    if given.order in ("bench", "torture"):
        return _tests_program(given.order, given.parts)
    return _keep(given)


def _keep(given: argparse.Namespace) -> int:
    """What is for those who work on the program itself."""
    if given.order == "messages":
        return _messages()
    return checks.run() if given.order == "check" else _supply(given)


def _messages() -> int:
    missing = messages.refresh()
    print(f"{missing} to be translated: look for empty msgstr in */locale/*.po." if missing else "All is translated.")
    return 1 if missing else 0


def _supply(given: argparse.Namespace) -> int:
    if given.order == "lock":
        supply.lock(given.sooner, upgrade=given.upgrade)
        return 0
    if given.order == "sbom":
        print(supply.sbom())
        return 0
    complaints = supply.audit()
    print("\n".join(complaints) or "Nothing that is locked has a known hole.")
    return 1 if complaints else 0


def _tests_program(name: str, parts: list[str]) -> int:
    command = [sys.executable, "-m", f"tests.{name}", *parts]
    return subprocess.run(command, cwd=places.CHECKOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
