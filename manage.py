#!/usr/bin/env python3
"""Django's command line."""

import os
import sys

LOGIN_OF_COMMAND = {"migrate": "owner", "runserver": "web"}
"""Which of the database's logins a command takes; any other the worker's."""


def main() -> None:
    if sys.argv[1:2] == ["verify_chain"]:  # an auditor has the file alone: no settings, no database
        from ledger import verifying

        sys.exit(verifying.main(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptopay.settings")
    if (login := LOGIN_OF_COMMAND.get("".join(sys.argv[1:2]))) is not None:
        os.environ.setdefault("CRYPTOPAY_LOGIN", login)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
