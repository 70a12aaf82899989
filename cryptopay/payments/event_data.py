"""What stands in an event, by its types: the schemas and the page that programs are written by are made from these."""

from typing import Annotated, TypedDict

from msgspec import Meta

from cryptopay.payments.models import ChainNotice, Invoice, Payment


def _one_of(values: list[str]) -> Meta:
    return Meta(extra_json_schema={"enum": values})


Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
BaseUnits = Annotated[
    str,
    Meta(description="Satoshis, wei: an integer, in a string.", pattern="^-?[0-9]+$"),
]
Decimal = Annotated[str, Meta(description='Exact decimal, e.g. "0.00150000".', pattern=r"^-?[0-9]+(\.[0-9]+)?$")]


class AmountTold(TypedDict):
    """An exact amount of a coin."""

    asset: Annotated[str, Meta(description="Its code: BTC.")]
    amount: Decimal
    base_units: BaseUnits


class InvoiceTold(TypedDict):
    """An invoice as it stood in that moment."""

    id: str
    order_id: Annotated[str, Meta(description="Your own number for it; empty: you gave none.")]
    customer_ref: Annotated[str | None, Meta(description="Your own name for the payer.")]
    amount: Annotated[str, Meta(description="What you asked, in `currency`.")]
    currency: str
    status: Annotated[str, _one_of(Invoice.Status.values)]
    exception: Annotated[str, _one_of(Invoice.Exceptional.values), Meta(description="What is out of the ordinary.")]
    metadata: Annotated[dict[str, str], Meta(description="Your own notes.")]


class MethodTold(TypedDict):
    """One coin that the invoice can be paid in."""

    asset: str
    chain: str
    contract: Annotated[str | None, Meta(description="Of a token; null: the chain's own coin.")]
    due: AmountTold
    paid: Annotated[AmountTold, Meta(description="Seen, unconfirmed counted.")]
    confirmed: AmountTold
    remaining: Annotated[AmountTold, Meta(description="What is still due in this coin.")]


class InvoiceWithMethods(InvoiceTold):
    """An invoice as it stood in that moment, with what is due and paid in each chosen coin."""

    methods: list[MethodTold]


class PaymentTold(TypedDict):
    """One payment as it stood in that moment."""

    id: str
    invoice_id: str
    txid: str
    chain: str
    amount: AmountTold
    state: Annotated[str, _one_of(Payment.State.values), Meta(description="Only `confirmed` is money received.")]
    late: Annotated[bool, Meta(description="Seen after the invoice had expired.")]
    confirmations: int
    required_confirmations: Annotated[
        int | None, Meta(description="Null: the chain itself says when a block is final.")
    ]
    height: Annotated[int | None, Meta(description="Of its block; null: it is in none.")]


class ChainAmountTold(TypedDict):
    """What moved."""

    asset: Annotated[str | None, Meta(description="Null: a token that is no asset here.")]
    amount: Annotated[str | None, Meta(description="Exact decimal; null: nobody here knows the token's decimals.")]
    base_units: BaseUnits
    contract: Annotated[str | None, Meta(description="Of a token; null: the chain's own coin.")]


class ChainEventTold(TypedDict):
    """What happened at an address or to a transaction, as `GET /chain-events` has it."""

    id: str
    kind: Annotated[str, _one_of(ChainNotice.Kind.values)]
    subject: Annotated[str, Meta(description="The address (`adr_...`) or watch (`wat_...`) it is about.")]
    user: Annotated[str | None, Meta(description="Your own name for whose address it is.")]
    chain: str
    address: str | None
    memo: str | None
    txid: str
    amount: Annotated[ChainAmountTold | None, Meta(description="Null for a watched transaction.")]
    appearance: Annotated[int, Meta(description="2 and more: it comes again, after it was dropped or reversed.")]
    height: int | None
    block_hash: str | None
    required_confirmations: int | None
    happened_at: Moment
    metadata: dict[str, str]


class PeriodTold(TypedDict):
    """How far the books are closed, who asked for it and who approved."""

    closed_through: Annotated[Day | None, Meta(description="The last closed day; null: none is.")]
    closed_before: Annotated[Day | None, Meta(description="The last closed day until then.")]
    reason: str
    asked_by: str
    approved_by: str


class DriftTold(TypedDict):
    """A difference between what a chain's node says your addresses hold and what your books say."""

    chain: str
    node: Annotated[AmountTold, Meta(description="What the node says.")]
    custody: Annotated[AmountTold, Meta(description="What the custody account holds.")]
    on_its_way: Annotated[AmountTold, Meta(description="On chain by that block, and not yet in the books.")]
    difference: Annotated[
        AmountTold, Meta(description="Node less custody less on its way; negative: coins are missing.")
    ]
    height: Annotated[int, Meta(description="Of the block.")]
    block_hash: str
    asked_at: Moment


class DriftData(TypedDict):
    """Of events about reconciliation."""

    drift: DriftTold


class InvoiceData(TypedDict):
    """Of events about invoices."""

    invoice: InvoiceWithMethods


class PaymentData(InvoiceData):
    """Of events about payments."""

    payment: PaymentTold


class PeriodData(TypedDict):
    """Of events about periods."""

    period: PeriodTold


class ChainData(TypedDict):
    """Of events about addresses and watches."""

    chain_event: ChainEventTold
