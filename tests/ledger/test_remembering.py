"""Within one commit a question is asked once."""

import pytest

from ledger.remembering import remember, remembered, remembering

asked: list[tuple[object, ...]] = []


@remembered
def question(*args: int, wanted: str = "") -> str | None:
    asked.append(args)
    if not args:
        raise LookupError("nothing")
    return f"{args}{wanted}" if args[0] else None


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    asked.clear()


def test_outside_each_is_asked_anew() -> None:
    assert question(1) == question(1)
    assert len(asked) == 2


def test_inside_each_choice_of_arguments_is_asked_once() -> None:
    with remembering():
        assert [question(1), question(2), question(1), question(1, wanted="x"), question(0), question(0)] == [
            "(1,)", "(2,)", "(1,)", "(1,)x", None, None,
        ]  # fmt: skip
        assert len(asked) == 4
    question(1)
    assert len(asked) == 5


def test_an_exception_is_no_answer() -> None:
    with remembering():
        for _ in range(2):
            with pytest.raises(LookupError):
                question()
    assert len(asked) == 2


def test_what_was_foreseen_is_not_asked() -> None:
    remember(question, 7, answer="lost")
    with remembering():
        remember(question, 7, answer="foreseen")
        assert question(7) == "foreseen"
    assert not asked
    assert question(7) == "(7,)"


def test_one_within_another_begins_anew() -> None:
    with remembering():
        question(1)
        with remembering():
            question(1)
        question(1)
    assert len(asked) == 2
