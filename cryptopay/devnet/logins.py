"""The worker's and the web's logins, derived from the owner's: same server, database and password, other names.

`manage.py migrate` makes them where they are missing.
"""

from urllib.parse import urlsplit, urlunsplit

WORKER, WEB = "cryptopay_worker", "cryptopay_web"


def beside(owner_url: str) -> dict[str, str]:
    """By the names of the settings."""
    return {"WORKER_DATABASE_URL": _as(WORKER, owner_url), "WEB_DATABASE_URL": _as(WEB, owner_url)}


def _as(login: str, url: str) -> str:
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    _, colon, password = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{login}{colon}{password}@{place}"))
