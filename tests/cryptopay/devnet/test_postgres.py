"""The embedded database: who runs it, who reaches it, what it is."""

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from cryptopay.devnet import places, postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    made = places.temporary_folder("test")
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def test_root_drops_to_a_user_of_its_own(folder: Path) -> None:
    server = postgres.start(folder / "data", folder / "log", durable=True)
    try:
        owner = psutil.Process(server.child.pid).uids().effective
        expected = pwd.getpwnam(postgres.USER).pw_uid if os.geteuid() == 0 else os.geteuid()
        assert owner == expected != 0
        assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
        with psycopg.connect(server.url) as connection:
            rows = connection.execute("SHOW listen_addresses").fetchall()
            assert rows == [("",)]
            (version,) = connection.execute("SHOW server_version_num").fetchone() or ("0",)
            assert version.startswith("18")
            assert connection.execute("SHOW fsync").fetchall() == [("on",)]
    finally:
        server.stop()
    assert not psutil.pid_exists(server.child.pid)


def test_a_long_path_gets_a_short_socket(folder: Path) -> None:
    deep = folder / ("d" * 90)
    deep.mkdir()
    deep.chmod(0o711)
    server = postgres.start(deep / "data", folder / "log", durable=False)
    socket_folder = server.socket_folder
    try:
        psycopg.connect(server.url).close()
        assert socket_folder != deep / "data"
    finally:
        server.stop()
    assert not socket_folder.exists()


def test_the_database_is_kept(folder: Path) -> None:
    for statement in ("CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)"):
        server = postgres.start(folder / "data", folder / "log", durable=True)
        try:
            with psycopg.connect(server.url) as connection:
                connection.execute(statement)
        finally:
            server.stop()


def test_a_closed_door_on_the_way_is_seen(folder: Path) -> None:
    inside = folder / "room" / "file"
    inside.parent.mkdir()
    inside.touch(mode=0o644)
    inside.parent.chmod(0o755)
    assert places.reachable_by_others(inside)
    inside.parent.chmod(0o700)
    assert not places.reachable_by_others(inside)
