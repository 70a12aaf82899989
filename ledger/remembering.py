"""Answers that hold for as long as one commit is being written: an account, an asset, a rate is looked up once in it.

Only for questions whose answer cannot change under the commit, or where the first answer is as good as the last.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Answers = dict[tuple[Hashable, ...], Any]

_answers: ContextVar[_Answers | None] = ContextVar("answers", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Inside, what was `remembered` once is not asked again. Put it around a transaction or within one."""
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def remembered(question: Callable[_P, _T]) -> Callable[_P, _T]:
    """Ask once for each choice of hashable arguments. An exception is no answer: it is asked again."""

    @wraps(question)
    def ask(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        answers = _answers.get()
        if answers is None:
            return question(*args, **kwargs)
        key = (ask, *args, *kwargs.items())
        if key not in answers:
            answers[key] = question(*args, **kwargs)
        answer: _T = answers[key]
        return answer

    return ask


def remember(question: Callable[..., _T], *args: Hashable, answer: _T) -> None:
    """Foresee that it will be asked: `answer` was read together with others. Outside `remembering` it is forgotten."""
    answers = _answers.get()
    if answers is not None:
        answers[question, *args] = answer
