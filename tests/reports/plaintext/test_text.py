"""Text stays on its line and can be read back."""

from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from reports.plaintext.text import LONGEST_BYTES, one_line

texts = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('\n\r\t %;,[]"\\\u2028\u202e41')))


@given(texts, st.sampled_from(["", ";|", ",[]"]))
@example("%41", "")
@example("100%", "")
@example("%2541", "")
@example("  ", "")
def test_one_line_keeps_the_text_and_can_be_read_back(text: str, also: str) -> None:
    line = one_line(text, also)
    assert unquote(line) == text
    assert len(line.splitlines()) <= 1
    assert line.strip() == line
    assert not set(also) & set(line)


def test_ordinary_text_stays_as_it_is() -> None:
    assert one_line("Rechnung für Ärger & Söhne, 100% (日本) 🍕") == "Rechnung für Ärger & Söhne, 100% (日本) 🍕"


@given(texts.map(lambda text: text * 50))
def test_what_is_too_long_says_that_it_was_cut(text: str) -> None:
    line = one_line(text)
    assert len(line.encode()) <= LONGEST_BYTES + len("…".encode())
    assert unquote(line) == text or line.endswith("…")
