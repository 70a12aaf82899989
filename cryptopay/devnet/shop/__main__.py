"""Serves the shop where the stage put it."""

import os
import sys
from urllib.parse import urlsplit

from cryptopay.devnet.shop import config

if __name__ == "__main__":
    where = urlsplit(config.load().url).netloc
    program = ["gunicorn", "cryptopay.devnet.shop.app:application", "--bind", where, "--threads", "4"]
    order = [sys.executable, "-m", *program, "--graceful-timeout", "3", "--access-logfile", "-"]
    os.execv(sys.executable, order)  # noqa: S606 - gunicorn takes this process's place, so its signals reach it
