"""Test mode: the ugly cases at a call. Test keys pay, mine, double-spend and reorganise development chains."""

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import from_domain
from cryptopay.api.fields import AmountSchema, AmountTextField, StrictSerializer, TextField, WholeNumberField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.networks import chain_asked
from cryptopay.api.refusals import CHOOSING_A_COIN, NAMING_A_CHAIN
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.payments import representation
from cryptopay.payments.models import CustomerAddress, Invoice
from cryptopay.testmode import acting
from cryptopay.testmode.acting import MOST_BLOCKS, Paid, Wish
from cryptopay.testmode.faucets.seam import Fate
from ledger.money import BadAmount
from monitor import confirmations
from monitor.chains import Chain

Scope = ApiKey.Scope
_COMMANDING = (
    *("test_key_needed", "test_mode_off", "not_a_development_chain", "test_action_unavailable"),
    *("faucet_refused", "faucet_unavailable", "faucet_busy", "mining_limited"),
)
_PAYING = (
    *("amount_malformed", "amount_too_precise", "amount_out_of_range", "test_amount_invalid", "nothing_due"),
    *("test_method_missing", "address_verification_failed"),
)
_BLOCKS_HELP = "Mined at once, the transaction in the first of them; 0 leaves it unconfirmed."


class PaymentBody(StrictSerializer):
    """How much, and how. Neither amount nor share: all that is due."""

    amount = AmountTextField(required=False, help_text="In the coin, as decimal text.")
    share = TextField(max_length=16, required=False, help_text='Of what is still due: "0.5" underpays, "1.5" overpays.')
    fee_rate = TextField(
        max_length=16,
        required=False,
        help_text="sat/vB, on Ethereum gwei; low, to see a payment wait.",
    )
    blocks = WholeNumberField(required=False, default=0, min_value=0, max_value=MOST_BLOCKS, help_text=_BLOCKS_HELP)


class InvoicePaymentBody(PaymentBody):
    """What the payer does."""

    method = TextField(
        max_length=50, required=False, help_text="BTC or USDT@ethereum-dev; chosen now if nobody has. May be left out "
        "where one coin was chosen."
    )  # fmt: skip


class AddressPaymentBody(PaymentBody):
    """What the user does. An amount is needed: nothing is due at an address."""

    asset = TextField(max_length=50, required=False, help_text="A token of the chain; left out: the chain's own coin.")


class BlocksBody(StrictSerializer):
    """Where, and how many."""

    chain = TextField(max_length=32, help_text="As `/chains` names it: bitcoin-regtest.")
    blocks = WholeNumberField(required=False, default=1, min_value=1, max_value=MOST_BLOCKS)


class DoubleSpendBody(StrictSerializer):
    """Which payment."""

    txid = TextField(max_length=66, required=False, help_text="Left out: the newest that still waits.")
    blocks = WholeNumberField(required=False, default=0, min_value=0, max_value=MOST_BLOCKS, help_text=_BLOCKS_HELP)


class ReorgBody(StrictSerializer):
    """Where, how deep, and what becomes of the payments."""

    chain = TextField(max_length=32, help_text="As `/chains` names it: bitcoin-regtest.")
    depth = WholeNumberField(min_value=1, max_value=MOST_BLOCKS, help_text="Blocks that are taken back.")
    payments = serializers.ChoiceField(
        [(fate.value, fate.value) for fate in Fate],
        required=False,
        default=Fate.DROP.value,
        help_text="drop: gone, the payers have their coins back; wait: unconfirmed again; keep: mined again.",
    )


class ExpectSchema(serializers.Serializer[Any]):
    """What you should hear of it next."""

    events = serializers.ListField(child=serializers.CharField(), help_text="Webhooks, in this order.")
    blocks_to_confirm = serializers.IntegerField(
        allow_null=True, help_text="In all, its own included; null: no payment, or the chain itself says what is final."
    )
    hint = serializers.CharField(help_text="For people.")


class DoneSchema(serializers.Serializer[Any]):
    """What was done on the chain."""

    chain = serializers.CharField()
    blocks = serializers.ListField(child=serializers.CharField(), help_text="Hashes of those mined now, lowest first.")
    height = serializers.IntegerField(help_text="Of the chain now.")
    expect = ExpectSchema()


class TestPaymentSchema(DoneSchema):
    """A payment that was made."""

    txid = serializers.CharField()
    amount = AmountSchema()
    address = serializers.CharField()
    memo = serializers.CharField(allow_null=True)


class DoubleSpendSchema(DoneSchema):
    """A payment that was taken back."""

    txid = serializers.CharField(help_text="Of the payment.")
    replaced_by = serializers.CharField(help_text="Of the transaction that gives the payer the coins back.")


class ReorgSchema(DoneSchema):
    """A reorganisation that was made; `blocks` are the new branch."""

    depth = serializers.IntegerField()
    kept = serializers.ListField(child=serializers.CharField(), help_text="Transactions mined again.")
    waiting = serializers.ListField(child=serializers.CharField(), help_text="Unconfirmed again.")
    dropped = serializers.ListField(child=serializers.CharField(), help_text="Gone.")


class TestInvoicePayment(Resource):
    """`/test/invoices/{id}/pay`"""

    scopes = {"POST": Scope.TEST_WRITE}
    refusals = {"POST": (*_COMMANDING, *_PAYING, *CHOOSING_A_COIN, "invoice_closed")}

    @extend_schema(
        operation_id="pay_invoice", request=InvoicePaymentBody, responses={201: TestPaymentSchema}
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        """Pay an invoice as its payer would: exactly, too little, too much, or late."""
        invoice = self.find(Invoice.objects.all(), invoice_id)
        acting.require_test_key(self.api_key)
        asked = self.body(InvoicePaymentBody)
        method = asked.pop("method", None)
        paid = _paid(lambda: acting.pay_invoice(self.api_key, invoice, method, Wish(**asked)))
        return Response(_paid_json(paid, "payment", invoice.least_confirmations), status=201)


class TestAddressPayment(Resource):
    """`/test/addresses/{id}/pay`"""

    scopes = {"POST": Scope.TEST_WRITE}
    refusals = {"POST": (*_COMMANDING, *_PAYING, "sealed_key_unreadable")}

    @extend_schema(
        operation_id="pay_address", request=AddressPaymentBody, responses={201: TestPaymentSchema}
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, address_id: str) -> Response:
        """Pay to a user's address."""
        row = self.find(CustomerAddress.objects.select_related("address"), address_id)
        acting.require_test_key(self.api_key)
        asked = self.body(AddressPaymentBody)
        asset = asked.pop("asset", None)
        paid = _paid(lambda: acting.pay_address(self.api_key, row, asset, Wish(**asked)))
        return Response(_paid_json(paid, "chain"), status=201)


class TestBlocks(Resource):
    """`/test/blocks`"""

    scopes = {"POST": Scope.TEST_WRITE}
    refusals = {"POST": (*_COMMANDING, *NAMING_A_CHAIN)}

    @extend_schema(operation_id="mine_blocks", request=BlocksBody, responses={201: DoneSchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """Mine blocks on a development chain. What waits there is in the first of them, whoever's it is."""
        acting.require_test_key(self.api_key)
        asked = self.body(BlocksBody)
        mined = acting.mine(self.api_key, chain_asked(self.api_key, asked["chain"]), asked["blocks"])
        expect = _expect(("payment.confirmed", "chain.confirmed"), None, "Of whatever is deep enough now.")
        return Response(_done_json(mined.chain, mined.blocks, mined.height, expect), status=201)


class TestDoubleSpend(Resource):
    """`/test/invoices/{id}/double-spend`"""

    scopes = {"POST": Scope.TEST_WRITE}
    refusals = {"POST": (*_COMMANDING, "nothing_to_double_spend")}

    @extend_schema(
        operation_id="double_spend", request=DoubleSpendBody, responses={201: DoubleSpendSchema}
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        """Take an unconfirmed payment back: the payer spends the same coins to themselves."""
        invoice = self.find(Invoice.objects.all(), invoice_id)
        acting.require_test_key(self.api_key)
        asked = self.body(DoubleSpendBody)
        replaced = acting.double_spend(self.api_key, invoice, asked.get("txid"), asked["blocks"])
        hint = "Once the replacement is in a block; mine one, unless you have." if not replaced.blocks else ""
        expect = _expect(("payment.dropped", "invoice.reopened"), None, hint)
        done = _done_json(replaced.chain, replaced.blocks, replaced.height, expect)
        return Response({**done, "txid": replaced.txid, "replaced_by": replaced.replacement}, status=201)


class TestReorg(Resource):
    """`/test/reorg`"""

    scopes = {"POST": Scope.TEST_WRITE}
    refusals = {"POST": (*_COMMANDING, *NAMING_A_CHAIN, "reorg_too_deep_for_chain")}

    @extend_schema(operation_id="reorganise_chain", request=ReorgBody, responses={201: ReorgSchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """Reorganise a development chain: other blocks take the place of the last ones."""
        acting.require_test_key(self.api_key)
        asked = self.body(ReorgBody)
        chain, fate = chain_asked(self.api_key, asked["chain"]), Fate(asked["payments"])
        made = acting.reorganise(self.api_key, chain, asked["depth"], fate)
        turned = made.turned
        done = _done_json(chain, turned.blocks, made.height, _AFTER_A_REORG[fate])
        fates = {"kept": turned.kept, "waiting": turned.waiting, "dropped": turned.dropped}
        return Response({**done, "depth": made.depth, **fates}, status=201)


def _paid(pay: Callable[[], Paid]) -> Paid:
    try:
        return pay()
    except BadAmount as error:
        raise from_domain(error, "/amount") or error from None


def _paid_json(paid: Paid, kind: str, at_least: int = 0) -> dict[str, Any]:
    """`kind`: how its events begin."""
    tiers = confirmations.policy(paid.chain)
    needed = confirmations.required(paid.chain, paid.amount.base_units, at_least, tiers=tiers)
    enough = needed is not None and len(paid.blocks) >= needed
    first = "payment.detected" if kind == "payment" else "chain.seen"
    events = (first, f"{kind}.confirmed") if enough else (first,)
    hint = "" if enough else "To have it confirmed, mine: POST /test/blocks."
    return {
        **_done_json(paid.chain, paid.blocks, paid.height, _expect(events, needed, hint)),
        "txid": paid.txid,
        "amount": representation.amount(paid.amount),
        **representation.place(paid.destination),
    }


def _done_json(chain: Chain, blocks: Sequence[str], height: int, expect: dict[str, Any]) -> dict[str, Any]:
    return {"chain": chain.code, "blocks": blocks, "height": height, "expect": expect}


def _expect(events: Sequence[str], needed: int | None, hint: str) -> dict[str, Any]:
    return {"events": events, "blocks_to_confirm": needed, "hint": hint}


_AFTER_A_REORG = {
    Fate.DROP: _expect(("payment.reversed",), None, "For what was confirmed; payment.dropped for what was not."),
    Fate.WAIT: _expect(("payment.reversed", "payment.detected"), None, "For what was confirmed. Mine to confirm it."),
    Fate.KEEP: _expect(("payment.reversed", "payment.detected"), None, "For what was confirmed, if it is too shallow."),
}
