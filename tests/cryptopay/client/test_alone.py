"""The client stands alone: copied out of this repository it needs httpx and the standard library."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from cryptopay.devnet.writing import CLIENT

ALLOWED = {*sys.stdlib_module_names, "httpx"}
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import cryptopay_client
cryptopay_client.Client("http://127.0.0.1:1", "sk_test_x").close()
foreign = {"django", "rest_framework", "celery", "cryptopay", "ledger", "monitor", "keys", "reports"} & set(sys.modules)
assert not foreign, foreign
"""


def test_it_imports_nothing_else() -> None:
    modules = list(CLIENT.rglob("*.py"))
    assert len(modules) > 15
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level <= len(path.relative_to(CLIENT).parts), path
                names = [node.module or ""] if node.level == 0 else []
            assert {name.partition(".")[0] for name in names} <= ALLOWED, path


def test_the_package_has_every_folder_and_no_module_is_long() -> None:
    told = tomllib.loads((CLIENT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(CLIENT.parent) for path in CLIENT.rglob("*.py")}
    assert set(told) == {".".join(("cryptopay_client", *folder.parts[1:])) for folder in folders}
    lengths = {path: len(path.read_text().splitlines()) for path in CLIENT.rglob("*.py")}
    assert [path for path, lines in lengths.items() if lines > 500] == []


def test_copied_elsewhere_it_works(tmp_path: Path) -> None:
    shutil.copytree(CLIENT, tmp_path / "cryptopay_client")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (CLIENT / "py.typed").exists()
