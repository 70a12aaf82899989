"""No two accounts and no two assets share a name, and every name is legal in the strictest grammar."""

import re

import pytest
import regex
from beancount.core import account as beancount_account
from beancount.core import amount as beancount_amount
from hypothesis import example, given
from hypothesis import strategies as st

from ledger import chart
from reports.plaintext.names import BEANCOUNT_PUNCTUATION, LEDGER_PUNCTUATION, account_name, commodity_name

WORDS = {
    "Assets": "assets",
    "Liabilities": "liabilities",
    "Equity": "equity",
    "Income": "income",
    "Expenses": "expense",
}
KINDS = dict(zip("ALEIX", WORDS, strict=True))
PUNCTUATIONS = pytest.mark.parametrize("punctuation", [BEANCOUNT_PUNCTUATION, LEDGER_PUNCTUATION])

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text("aAxXzZ09-:_ .;@é日\u0301", max_size=8),
)
codes = st.one_of(
    texts,
    st.builds("{}:{}".format, st.sampled_from(list(WORDS.values())), texts),
    st.builds("liabilities:customers:{}".format, texts),
    st.builds("assets:Other--:{}".format, texts),
)


def code_of(name: str) -> tuple[str, str]:
    """(kind, code) out of an account's name: what can be told again cannot have been given twice."""
    root, *parts = name.split(":")
    kind = next(kind for kind, word in KINDS.items() if word == root)
    if parts[0] == "Other--":
        return kind, ":".join(map(_text_of, parts[1:]))
    return kind, ":".join([WORDS[root], *map(_text_of, parts)])


def _text_of(part: str) -> str:
    body = part[2:] if part.startswith("X-") else part[:1].lower() + part[1:]
    return re.sub("--([0-9a-f]+)-", lambda found: chr(int(found[1], 16)), body)


@PUNCTUATIONS
@given(st.sampled_from("ALEIX"), codes)
@example("A", "assets")
@example("A", "assets:")
@example("A", "assets:other--:suspense")
@example("A", "suspense")
@example("L", "liabilities:customers:")
@example("L", "liabilities:customers:x-x-y")
@example("L", "liabilities:customers:x:b")
@example("L", "liabilities:customers:--a-")
def test_the_code_can_be_told_from_the_name(punctuation: str, kind: str, code: str) -> None:
    assert code_of(account_name(kind, code, punctuation)) == (kind, code)


@given(st.sampled_from("ALEIX"), codes)
def test_beancount_takes_the_names(kind: str, code: str) -> None:
    name = account_name(kind, code, BEANCOUNT_PUNCTUATION)
    assert beancount_account.is_valid(name)
    assert name.split(":")[0] == KINDS[kind]


@given(st.sampled_from("ALEIX"), codes)
def test_the_others_find_no_end_of_the_name_in_it(kind: str, code: str) -> None:
    assert regex.fullmatch(
        r"[\p{L}\p{Nd}_.@:-]+(?: [\p{L}\p{Nd}_.@:-]+)*", account_name(kind, code, LEDGER_PUNCTUATION)
    )


@pytest.mark.parametrize(
    ("kind", "code", "beancount", "ledger"),
    [
        ("A", "assets:custody:bitcoin-regtest", "Assets:Custody:Bitcoin-regtest", "Assets:Custody:Bitcoin-regtest"),
        ("L", "liabilities:customers:a:b", "Liabilities:Customers:A--3a-b", "Liabilities:Customers:A--3a-b"),
        ("L", "liabilities:customers:Alice", "Liabilities:Customers:X-Alice", "Liabilities:Customers:X-Alice"),
        ("L", "liabilities:customers:42", "Liabilities:Customers:42", "Liabilities:Customers:42"),
        ("X", "expense:network fees", "Expenses:Network--20-fees", "Expenses:Network fees"),
        ("L", "suspense", "Liabilities:Other--:Suspense", "Liabilities:Other--:Suspense"),
    ],
)
def test_names_are_what_an_accountant_expects(kind: str, code: str, beancount: str, ledger: str) -> None:
    assert account_name(kind, code, BEANCOUNT_PUNCTUATION) == beancount
    assert account_name(kind, code, LEDGER_PUNCTUATION) == ledger


def test_the_charts_of_our_templates_stay_where_they_are() -> None:
    for template in chart.TEMPLATES.values():
        for line in template.lines:
            name = account_name(line.kind.value, line.code.format(chain="bitcoin"), LEDGER_PUNCTUATION)
            assert name.lower().removesuffix(":suspense") in (
                line.code.format(chain="bitcoin").replace("expense:", "expenses:"),
                "liabilities:other--",
            )


asset_codes = st.one_of(
    st.sampled_from(["BTC", "USDT", "stETH", "TRUE", "NULL", "1INCH", "A", "USDC.e", "BTC-2", "X", ""]),
    st.text(max_size=16),
)


@given(st.lists(st.tuples(st.integers(1, 10**18), asset_codes), unique_by=lambda pair: pair[0]))
def test_no_two_assets_share_a_commodity(assets: list[tuple[int, str]]) -> None:
    seen: set[str] = set()
    names = []
    for number, code in assets:
        names.append(commodity_name(number, code, first=code not in seen))
        seen.add(code)
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(beancount_amount.CURRENCY_RE, name)
        assert 2 <= len(name) <= 24
        assert name not in {"TRUE", "FALSE", "NULL"}


def test_the_first_of_a_code_keeps_it() -> None:
    assert commodity_name(7, "USDT", first=True) == "USDT"
    assert commodity_name(9, "USDT", first=False) == "USDT-9"
    assert commodity_name(9, "stETH", first=True) == "STETH-9"
