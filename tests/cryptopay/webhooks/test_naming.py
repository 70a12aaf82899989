"""Ids of many rows at once: ULIDs, all different, in the order in which they were drawn."""

import itertools

from ulid import ULID

from cryptopay.webhooks.naming import ulids


def test_each_is_a_ulid_of_now() -> None:
    before = ULID().timestamp
    for name in ulids("evt_", 40):
        assert name.startswith("evt_")
        assert len(name) == 30
        assert abs(ULID.from_str(name[4:].upper()).timestamp - before) < 5


def test_they_ascend_and_none_comes_twice() -> None:
    drawn = list(ulids("dlv_", 3_000))
    assert drawn == sorted(set(drawn))


def test_draws_of_one_millisecond_share_none() -> None:
    draws = [set(ulids("dlv_", 50)) for _ in range(400)]
    assert len(set(itertools.chain(*draws))) == 400 * 50


def test_more_than_can_be_counted_are_drawn_anew() -> None:
    many = 32**4 + 3
    assert len(set(ulids("dlv_", many))) == many


def test_none() -> None:
    assert list(ulids("dlv_", 0)) == []
