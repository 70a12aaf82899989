"""How long to wait: the schedule, and what a receiver asks for."""

from datetime import UTC, datetime, timedelta

import pytest

from cryptopay.webhooks import retrying

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("attempts", range(1, 10))
def test_the_schedule_is_stretched_by_a_tenth_at_most(attempts: int) -> None:
    scheduled = timedelta(seconds=retrying.SCHEDULE_SECONDS[attempts])
    waits = {retrying.delay(attempts, "", NOW) for _ in range(50)}
    assert len(waits) > 1, "everybody would come back at once"
    assert all(wait is not None and scheduled <= wait <= scheduled * 1.1 for wait in waits)


def test_after_ten_attempts_it_is_over_whatever_is_asked_for() -> None:
    assert retrying.delay(10, "", NOW) is None
    assert retrying.delay(10, "3600", NOW) is None


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("3600", HOUR),
        (" 3600 ", HOUR),
        ("Sun, 22 Nov 2026 13:00:00 GMT", HOUR),
        ("Sun, 22 Nov 2026 15:00:00 +0200", HOUR),
        ("Sunday, 22-Nov-26 13:00:00 GMT", HOUR),
        ("86401", 24 * HOUR),
        ("Tue, 22 Nov 2050 13:00:00 GMT", 24 * HOUR),
    ],
)
def test_retry_after_in_both_of_its_forms(asked: str, wait: timedelta) -> None:
    assert retrying.delay(1, asked, NOW) == wait


@pytest.mark.parametrize(
    "asked",
    [
        "0",
        "",
        "soon",
        "-3600",
        "1e9",
        "٣٦٠٠",
        "Sun, 22 Nov 2020 13:00:00 GMT",
        "Sun, 99 Nov 2026 99:00:00 GMT",
        "9" * 5 + "x",
    ],
)
def test_what_cannot_be_read_or_lies_behind_changes_nothing(asked: str) -> None:
    wait = retrying.delay(1, asked, NOW)
    assert wait is not None
    assert timedelta(seconds=5) <= wait <= timedelta(seconds=5.5)
