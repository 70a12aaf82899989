"""Letting tokens in: an operator names the contract, the node is asked what it is, and what was seen is pinned."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from ledger.readonly import amount, code, label
from monitor import nodes, tokens
from monitor.chains import CHAINS, Chain
from monitor.connectors.base import NodeError
from monitor.connectors.evm import EvmConnector
from monitor.errors import ChainOff
from monitor.tokens import Token

FROM_CONTRACT = ("code", "decimals", "minimum_base_units")


class TokenForm(forms.ModelForm[Token]):
    """What is left empty is read from the contract and shown, to be looked at and saved a second time."""

    class Meta:
        model = Token
        fields = ["chain_code", "contract", "code", "decimals", "minimum_base_units", "enabled"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in FROM_CONTRACT:
            if name in self.fields:  # an existing token's are only shown
                self.fields[name].required = False
                self.fields[name].initial = None
                asks = "Leave it empty to see what the contract says."
                self.fields[name].help_text = f"{self.fields[name].help_text} {asks}".strip()

    def clean_contract(self) -> str:
        return tokens.lower_case(self.cleaned_data["contract"].strip())

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.instance._state.adding and not self.errors:
            self._hold_against_the_contract()
        return cleaned

    def _hold_against_the_contract(self) -> None:
        chain = CHAINS[self.cleaned_data["chain_code"]]
        symbol, decimals = self._read(chain)
        given = self.cleaned_data["decimals"]
        if given is not None and decimals is not None and given != decimals:
            raise ValidationError({"decimals": f"The contract says {decimals}."})
        if all(self.cleaned_data[name] not in (None, "") for name in FROM_CONTRACT):
            return
        if decimals is None:
            raise ValidationError(
                f"No node is set for {chain}, so nobody can ask the contract: say all of it yourself."
            )
        self._offer(symbol, decimals)

    def _read(self, chain: Chain) -> tuple[str, int | None]:
        try:
            connector = nodes.connector(nodes.chain(chain.code))
        except ChainOff:
            return "", None
        assert isinstance(connector, EvmConnector)  # noqa: S101 - only such chains are offered
        try:
            connector.check()
            return connector.token(self.cleaned_data["contract"])
        except NodeError as error:
            raise ValidationError({"contract": f"The node was asked, and there is no such token: {error}"}) from error

    def _offer(self, symbol: str, decimals: int) -> None:
        """Fill in what is empty, and have a person look at it before it is pinned."""
        offered = {"code": symbol.upper(), "decimals": decimals, "minimum_base_units": 10 ** max(0, decimals - 2)}
        empty = {name: value for name, value in offered.items() if self.cleaned_data[name] in (None, "")}
        self.data = {**dict(self.data.items()), **{self.add_prefix(name): str(value) for name, value in empty.items()}}
        self.add_error(None, f"The contract calls itself {symbol}, with {decimals} decimals. Look, and save again.")


@admin.register(Token)
class TokenAdmin(ModelAdmin):
    """Whoever runs the installation decides which contracts are money. Saved once, only the switch can be turned."""

    form = TokenForm
    list_display = ["code", "chain_title", "contract_text", "decimals", "least", "standing"]
    list_filter = ["enabled"]
    search_fields = ["code", "contract__iexact"]
    ordering = ["chain_code", "code"]
    actions: list[str] | None = None
    fields = ["chain_code", "contract", "code", "decimals", "minimum_base_units", "enabled"]

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> list[str]:
        if obj is None:
            return self.fields
        return ["code", "chain_title", "contract_text", "decimals", "least", "standing", "enabled"]

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> list[str]:
        return [name for name in self.get_fields(request, obj) if name != "enabled"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        """A mistake can be taken back until it was used."""
        return super().has_delete_permission(request, obj) and (obj is None or not tokens.used(obj))

    @display(description="chain", ordering="chain_code")
    def chain_title(self, token: Token) -> str:
        return token.chain.title

    @display(description="contract")
    def contract_text(self, token: Token) -> SafeString | str:
        return code(token.contract)

    @display(description="least")
    def least(self, token: Token) -> SafeString | str:
        return amount(token.minimum_base_units, token)

    @display(description="state")
    def standing(self, token: Token) -> SafeString:
        if not token.enabled:
            return label("Switched off", "default")
        if token.chain not in nodes.switched_on():
            return label(f"Waits for a node of {token.chain}", "warning")
        return label("Offered", "success")
