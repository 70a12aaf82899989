"""Threat 45, the supply chain: what is installed is what is locked, by its hash, and whatever differs is found."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cryptopay.devnet import supply
from cryptopay.devnet.errors import PartFailed
from cryptopay.devnet.places import CHECKOUT

LOCKS = (supply.APPLICATION, supply.EVERYTHING)
HASH = "a" * 64


def lock_of(name: str) -> dict[str, str]:
    return supply.locked((CHECKOUT / f"{name}.lock").read_text())


def pins(name: str) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in (CHECKOUT / f"{name}.txt").read_text().splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("-r")]
    return {canonicalize_name(one.name): str(one.specifier) for one in found}


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_locked_at_its_version(name: str) -> None:
    """Where this fails: `make lock`, and commit what it wrote."""
    locked, wanted = lock_of(name), pins(name)
    assert wanted
    assert {package: f"=={locked.get(package)}" for package in wanted} == wanted


def test_the_tests_run_on_what_the_application_runs_on() -> None:
    application, everything = lock_of(supply.APPLICATION), lock_of(supply.EVERYTHING)
    assert application.items() <= everything.items()
    assert not {"pytest", "ruff", "playwright", "uv"} & application.keys()


def test_what_is_installed_is_what_is_locked() -> None:
    """Where this fails: `make lock` after a change of requirements; else `rm -r .venv && make install`."""
    installed = {canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()}
    assert supply.differences(lock_of(supply.EVERYTHING), installed) == []


def test_another_version_a_missing_package_and_an_extra_one_are_found() -> None:
    locked = supply.locked(
        f"a==1.0 \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{HASH}\nb==2 --hash=sha256:{HASH}\n"
    )
    assert locked == {"a": "1.0", "b": "2"}
    assert supply.differences(locked, {"a": "1.0", "b": "2", "pip": "26"}) == []
    assert supply.differences(locked, {"a": "1.1", "c": "3"}) == [
        "a: locked 1.0, installed 1.1",
        "b: locked 2, installed nowhere",
        "c: locked nowhere, installed 3",
    ]


@pytest.mark.parametrize("line", ["a==1.0", f"a>=1.0 --hash=sha256:{HASH}", f"a==1.0 --hash=md5:{HASH}"])
def test_what_is_not_pinned_by_version_and_hash_is_no_lock(line: str) -> None:
    with pytest.raises(ValueError, match="a is not locked"):
        supply.locked(line)


def test_no_lock_names_a_registry() -> None:
    for path in (CHECKOUT / "package-lock.json", *(CHECKOUT / f"{name}.lock" for name in LOCKS)):
        text = path.read_text()
        assert "resolved" not in text
        assert "index-url" not in text


@pytest.mark.parametrize("place", ["Makefile", "Dockerfile"])
def test_whoever_installs_asks_for_the_hashes(place: str) -> None:
    text = (CHECKOUT / place).read_text().replace("\\\n", " ")
    commands = re.findall(r"pip install (.*)", text)
    assert len(commands) == 1
    assert "--require-hashes" in commands[0]
    assert re.search(r"(-r|--requirement) requirements(-dev)?\.lock", commands[0])


def test_pip_refuses_a_file_that_was_changed(tmp_path: Path) -> None:
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("thing.py", "")
        packed.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        packed.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr("thing-1.0.dist-info/RECORD", "")
    lock = tmp_path / "thing.lock"
    lock.write_text(f"thing==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    assert "Would install thing-1.0" in _pip(lock).stdout
    with zipfile.ZipFile(wheel, "a") as packed:
        packed.writestr("evil.py", "")
    refused = _pip(lock)
    assert refused.returncode
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def _pip(lock: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--dry-run", "--no-index"]
    switches = ["--find-links", str(lock.parent), "--require-hashes", "--requirement", str(lock)]
    return subprocess.run([*command, *switches], capture_output=True, text=True, check=False)


def test_npm_s_lock_has_every_pin_and_every_hash() -> None:
    locked = json.loads((CHECKOUT / "package-lock.json").read_text())["packages"]
    wanted = json.loads((CHECKOUT / "package.json").read_text())
    assert (locked[""]["dependencies"], locked[""]["devDependencies"]) == (
        wanted["dependencies"],
        wanted["devDependencies"],
    )
    for place, package in locked.items():
        assert not place or package["integrity"].startswith(("sha512-", "sha1-")), place
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert locked[f"node_modules/{name}"]["version"] == version


def test_the_list_of_parts_is_valid_and_whole(tmp_path: Path) -> None:
    """By the format's own schema, in strict mode; and the validator finds what is wrong."""
    text = supply.sbom(tmp_path / "sbom.cdx.json").read_text()
    judge = JsonStrictValidator(SchemaVersion.V1_6)
    assert judge.validate_str(text) is None
    listed = json.loads(text)
    assert listed["metadata"]["component"]["name"] == "cryptopay"
    parts = {canonicalize_name(one["name"]): one["version"] for one in listed["components"]}
    assert lock_of(supply.APPLICATION).items() <= parts.items()
    text = (CHECKOUT / f"{supply.APPLICATION}.lock").read_text()
    assert parts.keys() == {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    assert all(one["externalReferences"][0]["hashes"] for one in listed["components"])
    listed["components"][0]["type"] = "rumour"
    assert judge.validate_str(json.dumps(listed)) is not None


ANSWERS = {
    "known": {"dependencies": [{"name": "a", "version": "1", "vulns": []}]},
    "hole": {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]},
    "unknown": {
        "dependencies": [{"name": "a", "skip_reason": "not found"}, {"name": "b", "version": "1", "vulns": []}]
    },
}


@pytest.mark.parametrize(
    ("python", "npm", "complaints"),
    [
        ("known", '{"vulnerabilities": {}}', []),
        ("hole", '{"vulnerabilities": {}}', ["a 1: PYSEC-1, mended in 2"]),
        ("unknown", '{"vulnerabilities": {}}', ["Python: 1 of 2 packages could not be asked for: a ..."]),
        (None, '{"vulnerabilities": {}}', ["Python: the advisories could not be asked. no network"]),
        ("known", '{"vulnerabilities": {"b": {"severity": "high", "range": "<2"}}}', ["npm: b, high, <2"]),
        ("known", '{"message": "405"}', ["npm: the advisories could not be asked. 405"]),
        ("known", "", ["npm: the advisories could not be asked. no network"]),
    ],
)
def test_an_audit_never_takes_silence_for_health(
    python: str | None, npm: str, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers are those of pip-audit 2.10 and npm 10, which both may end well having learnt nothing."""

    def asked(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
        said = npm if command[0] == "npm" else json.dumps(ANSWERS[python]) if python else ""
        return subprocess.CompletedProcess(command, 0, said, "no network\n")

    monkeypatch.setattr(supply, "_asked", asked)
    assert supply.audit() == complaints


def test_what_cannot_be_locked_is_told() -> None:
    with pytest.raises(PartFailed, match="no-such-file"):
        supply._compile("no-such-file", ["--offline"])
