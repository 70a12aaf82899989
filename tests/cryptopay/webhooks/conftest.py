"""A merchant with a book, and servers that hear of its events."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from cryptopay.merchants.onboarding import create_merchant
from cryptopay.webhooks.models import Delivery
from ledger.models import Book
from tests.receiver import receiver, second_receiver

__all__ = ["receiver", "second_receiver"]


@pytest.fixture
def book(db: None) -> Book:
    return create_merchant("Alice's").test_book


@pytest.fixture
def pass_time() -> Callable[[], None]:
    """Every waiting delivery becomes due now, and every claim has run out."""

    def make_due() -> None:
        past = timezone.now() - timedelta(seconds=1)
        Delivery.objects.filter(state=Delivery.State.WAITING).update(next_attempt_at=past, claimed_until=None)

    return make_due
