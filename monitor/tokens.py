"""Tokens an operator lets in: which contract on which chain, under which code, with how many decimals.

All of it is pinned here. The contract is asked once, when a person adds the row, and never again: whoever controls a
contract may change what it answers.
"""

import re
from collections.abc import Collection

import pgtrigger
import sha3
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now

from ledger.money import BaseUnitsField
from ledger.tracking import tracked
from monitor.chains import CHAINS, Chain

_CONTRACT = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_MOST_DECIMALS = 36
_IS_USED = """
EXISTS (SELECT FROM ledger_asset a WHERE a.chain = {chain} AND a.contract = {contract})
OR EXISTS (SELECT FROM monitor_deposit d WHERE d.chain_code = {chain} AND d.contract = {contract})
"""
_USED = f"""
IF {_IS_USED.format(chain="OLD.chain_code", contract="OLD.contract").strip()} THEN
    RAISE EXCEPTION 'a token that is in use keeps its contract, code, decimals and minimum' USING ERRCODE = '23001';
END IF;
RETURN {{row}};
"""


def chains_with_tokens() -> list[tuple[str, str]]:
    return [(chain.code, chain.title) for chain in CHAINS.values() if chain.has_tokens]


@tracked("chain_code", "contract", "code", "decimals", "minimum_base_units", "enabled")
class Token(models.Model):
    """A token (ERC-20) that counts as money here. Once it was used, only `enabled` can change.

    Switched off, it is neither offered nor read; `rescan_chain` finds later what came meanwhile.
    """

    chain_code = models.CharField("chain", max_length=32, choices=chains_with_tokens)
    contract = models.CharField(max_length=42, help_text="0x and 40 digits, as its issuer publishes it.")
    code = models.CharField(max_length=16, help_text="What people call it, and what rates are recorded for: USDT.")
    decimals = models.PositiveSmallIntegerField()
    minimum_base_units = BaseUnitsField(
        verbose_name="minimum",
        default=1,
        help_text="In the token's smallest units. Smaller deposits are logged, not credited.",
    )
    enabled = models.BooleanField(default=True, help_text="Offered to payers and read from the chain's blocks.")
    added_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain_code", "contract"],
                name="token_once_a_chain",
                violation_error_message="This contract is a token here already.",
            ),
            models.UniqueConstraint(
                fields=["chain_code", "code"],
                name="token_code_once_a_chain",
                violation_error_message="Another token of this chain has this code.",
            ),
            models.CheckConstraint(condition=Q(contract__regex=r"^0x[0-9a-f]{40}$"), name="token_contract_lower_case"),
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z][A-Z0-9.]*$"), name="token_code_plain"),
            models.CheckConstraint(condition=Q(decimals__lte=_MOST_DECIMALS), name="token_decimals"),
            models.CheckConstraint(condition=Q(minimum_base_units__gt=0), name="token_minimum_positive"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="token_pinned",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("chain_code", "contract", "code", "decimals", "minimum_base_units"),
                func=_USED.format(row="NEW"),
            ),
            pgtrigger.Trigger(
                name="token_kept", when=pgtrigger.Before, operation=pgtrigger.Delete, func=_USED.format(row="OLD")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} on {self.chain.title}"

    @property
    def chain(self) -> Chain:
        return CHAINS[self.chain_code]

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """The minimum's own field cannot validate an int; the form and the constraint do."""
        super().clean_fields({*(exclude or ()), "minimum_base_units"})

    def clean(self) -> None:
        """A token may not pass for a chain's own coin: rates go by the code."""
        if self.code in {chain.native.code for chain in CHAINS.values()}:
            raise ValidationError({"code": f"{self.code} is a coin of its own here; call the token otherwise."})


def lower_case(contract: str) -> str:
    """The contract's address as we keep it. Takes one case throughout or a correct EIP-55 checksum.

    Raises `ValidationError`.
    """
    digits = contract[2:]
    if not _CONTRACT.fullmatch(contract):
        raise ValidationError("A contract's address is 0x and 40 hexadecimal digits.", code="contract_malformed")
    if digits not in (digits.lower(), digits.upper()) and digits != _checksummed(digits.lower()):
        raise ValidationError("Upper and lower case do not match: a digit is wrong.", code="contract_checksum")
    return f"0x{digits.lower()}"


def enabled(chain_codes: Collection[str]) -> list[Token]:
    """Tokens that are switched on, on these chains, in the order they were added."""
    if not chain_codes:
        return []
    return list(Token.objects.filter(chain_code__in=chain_codes, enabled=True).order_by("pk"))


def contracts(chain: Chain) -> frozenset[str]:
    """What the connector of that chain reads beside the chain's own coin."""
    if not chain.has_tokens:
        return frozenset()
    return frozenset(Token.objects.filter(chain_code=chain.code, enabled=True).values_list("contract", flat=True))


def minimums(chain: Chain, of: Collection[str]) -> dict[str, int]:
    """The least that is credited, in base units, by contract; the chain's own coin under an empty one."""
    known = {"": chain.minimum_base_units}
    if wanted := set(of) - {""}:
        rows = Token.objects.filter(chain_code=chain.code, contract__in=wanted)
        known.update(rows.values_list("contract", "minimum_base_units"))
    return known


def used(token: Token) -> bool:
    """Whether anything was ever asked for or paid in it: then it stays as it is."""
    with connection.cursor() as sql:
        question = _IS_USED.format(chain="%(chain)s", contract="%(contract)s")
        sql.execute(f"SELECT {question}", {"chain": token.chain_code, "contract": token.contract})
        return bool(sql.fetchone()[0])


def _checksummed(digits: str) -> str:
    """EIP-55: a letter is upper case where the hash of the lower-case digits has 8 or more."""
    hashed = sha3.keccak_256(digits.encode()).hexdigest()
    return "".join(d.upper() if int(h, 16) > 7 else d for d, h in zip(digits, hashed, strict=False))  # noqa: PLR2004
