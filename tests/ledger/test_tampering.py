"""A short round of the tampering trial; `make torture` makes a thousand changes."""

import pytest

from tests.torture import tampering


@pytest.mark.django_db(transaction=True)
def test_changes_behind_the_ledgers_back_are_noticed() -> None:
    tampering.run(60)
