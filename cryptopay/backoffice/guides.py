"""What each list is for, in words: shown where it is empty; and the questions that people ask of it, a link each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Model
from django.http import HttpRequest, QueryDict
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Question:
    """A filter that answers a question a person has."""

    words: str
    asked: Mapping[str, str]

    @property
    def link(self) -> str:
        return f"?{urlencode(self.asked)}"

    def is_asked(self, query: QueryDict) -> bool:
        return all(query.get(name) == value for name, value in self.asked.items())


@dataclass(frozen=True, slots=True)
class Guide:
    """`stands`: what will stand here. `empty`: why nothing does yet. `next`: what to do, with `link` as its words."""

    stands: str
    empty: str
    next: str = ""
    link: str = ""
    url_name: str = ""
    permission: str = ""
    """For whom the link is; nobody is led where they are refused."""
    questions: Sequence[Question] = ()

    def way_on(self, request: HttpRequest) -> str:
        """Where the link leads; empty: this person may not go there."""
        name = self.url_name
        if not name or not request.user.has_perm(self.permission):
            return ""
        return reverse(name if name.startswith("people_") else f"admin:{name}")

    def chips(self, request: HttpRequest) -> list[tuple[str, str, bool]]:
        return [(each.words, each.link, each.is_asked(request.GET)) for each in self.questions]


def guide_of(model: type[Model]) -> Guide | None:
    return GUIDES.get(model._meta.label_lower)


_THIS_MONTH = Question("This month", {"period": "month"})
_LAST_MONTH = Question("Last month", {"period": "last-month"})
_INVOICE = (
    "Open an invoice by API, or take the first payment as Get started shows.",
    "Get started",
    "people_start",
    "merchants.add_apikey",
)
_READ_BY_PROGRAMS = "Nothing is wrong: programs ask for it, people need not."

GUIDES: Mapping[str, Guide] = {
    "ledger.journalentry": Guide(
        "Everything that moved or may move your money, one row a story: a payment that was seen, whether the chain has "
        "validated it, a sale, a correction. Click a row to see its debits and credits.",
        "No payment has been seen yet, and nobody has written an entry by hand.",
        "What these books begin with can be entered by hand.",
        "Write an opening entry",
        "ledger_journalentry_enter_page",
        "ledger.add_proposal",
        (
            Question("Not yet received", {"standing": "unconfirmed"}),
            Question("Without a rate", {"pricing": "none"}),
            Question("Reversed", {"standing": "reversed"}),
            _THIS_MONTH,
            _LAST_MONTH,
        ),
    ),
    "ledger.account": Guide(
        "The accounts of your books, each with its balance: what is validated, what is on its way, what is promised.",
        "Accounts open by themselves when the first coin comes in.",
        *_INVOICE,
        (Question("Not zero", {"zero": "hide"}), Question("To be cleared", {"clearing": "open"})),
    ),
    "ledger.proposal": Guide(
        "What one person asked and a second one approves or refuses: large entries by hand, reversals, closed periods.",
        "Nobody has asked for anything that needs a second person.",
        "Above which amount two people are needed is set for each book.",
        "See the limits",
        "ledger_book_changelist",
        "ledger.view_book",
        (Question("Waiting", {"state": "waiting"}), Question("Refused", {"state": "refused"})),
    ),
    "ledger.periodchange": Guide(
        "Through which day your books are closed, who closed or reopened them, and why.",
        "No period has been closed yet: every day may still be written on.",
        "Close a month when its figures are final: a page tells what is left to do before.",
        "Close the month",
        "closing",
        "ledger.view_periodchange",
    ),
    "monthend.case": Guide(
        "Differences between what lies on your addresses and what the books say, each until somebody says what it was.",
        "What every node says is what the books say, or none has been asked yet.",
        "Each chain is asked by the hour.",
        "See how it stands",
        "reconciliation",
        "monitor.view_reconciliation",
        (Question("Open", {"state": "open"}), Question("Closed", {"state": "closed"})),
    ),
    "ledger.rate": Guide(
        "Every price that ever valued an entry, with its source and time. They are kept for good.",
        "No price has been recorded yet, so coins are booked without a value.",
        "See what prices each coin now, and if nothing does, why.",
        "What prices what now",
        "rates_now",
        "ledger.view_rate",
        (Question("By hand", {"origin__exact": "manual"}), _THIS_MONTH),
    ),
    "ledger.asset": Guide("The coins and tokens your books count in.", "None has come in yet.", *_INVOICE),
    "ledger.book": Guide(
        "Your books: one for real money, one for tests. They are never mixed.",
        "You belong to no merchant yet.",
        "Found one, or ask its owner to invite you.",
        "Get started",
        "people_start",
        "merchants.add_apikey",
    ),
    "payments.invoice": Guide(
        "What you asked to be paid for, and how far each invoice is paid.",
        "No invoice has been opened yet.",
        *_INVOICE,
        (
            Question("Waiting for payment", {"status__exact": "new"}),
            Question("Paid, not yet confirmed", {"status__exact": "processing"}),
            Question("Paid in part", {"exception__exact": "paid_partial"}),
            Question("Overpaid", {"exception__exact": "paid_over"}),
            Question("Over 1,000", {"size": "1000"}),
            _THIS_MONTH,
        ),
    ),
    "payments.payment": Guide(
        "What arrived for your invoices: each payment with its amount, and how deep the chain has buried it.",
        "No payment has been seen yet.",
        *_INVOICE,
        (
            Question("Not yet received", {"state__exact": "seen"}),
            Question("Unconfirmed over a day", {"waiting": "day"}),
            Question("Late", {"late__exact": "1"}),
            Question("Taken back", {"state__exact": "reversed"}),
            _THIS_MONTH,
            _LAST_MONTH,
        ),
    ),
    "payments.terms": Guide(
        "What you ask of payers where an invoice says nothing else: how long it is open, how much may be missing.",
        "The installation's own terms apply.",
        "Set your own.",
        "Set terms",
        "payments_terms_add",
        "payments.add_terms",
    ),
    "payments.unassignedreceipt": Guide(
        "Coins that came without a memo, or with one that nobody was given. They stand in suspense until you say whose "
        "they are.",
        "Everything that arrived is somebody's.",
        questions=(_THIS_MONTH,),
    ),
    "payments.customeraddress": Guide(
        "Addresses that belong to a customer for good: what arrives there is theirs, without an invoice.",
        "No customer has been given an address yet. Your program asks for one: POST /api/v1/addresses.",
        "It needs a public key of the chain.",
        "See the public keys",
        "keys_masterkey_changelist",
        "keys.view_masterkey",
    ),
    "payments.chainnotice": Guide(
        "What your programs were told of the addresses and transactions they asked for, word for word.",
        "No program has asked for anything, or nothing has happened there yet.",
        _READ_BY_PROGRAMS,
    ),
    "payments.intakeposition": Guide(
        "How far the books have taken in what each chain tells.", "No chain has told of anything yet."
    ),
    "monitor.deposit": Guide(
        "What the chains show at your addresses, transaction by transaction: the raw fact behind a payment.",
        "Nothing has been seen at your addresses yet.",
        *_INVOICE,
        (
            Question("Not yet confirmed", {"state__exact": "seen"}),
            Question("Lost in a reorganisation", {"state__exact": "orphaned"}),
            _THIS_MONTH,
        ),
    ),
    "monitor.watchedaddress": Guide(
        "Every address the chains are searched for.", "No address has been given out yet.", *_INVOICE
    ),
    "monitor.watch": Guide(
        "Addresses and transactions of anybody's that your programs asked to hear of.",
        "No program has asked yet.",
        _READ_BY_PROGRAMS,
        questions=(Question("Open", {"open": "yes"}),),
    ),
    "monitor.cursor": Guide(
        "How far each chain has been read, and whether its node answers.",
        "No chain is being read. Whoever runs the installation names the nodes in its settings (NODE_URLS).",
    ),
    "monitor.parkedtransaction": Guide(
        "Transactions that could not be read, set aside for a person while the chain is read on.",
        "Every transaction could be read.",
    ),
    "monitor.backfill": Guide(
        "Blocks that are read once more, for addresses that were paid before they were watched.",
        "Nothing had to be read again.",
    ),
    "monitor.confirmationtier": Guide(
        "How deep a deposit of a certain size must lie before it counts, where you ask for other than the chain's own "
        "tiers.",
        "Every chain's own tiers apply.",
        "Ask for more where more is at stake.",
        "Add a tier",
        "monitor_confirmationtier_add",
        "monitor.add_confirmationtier",
    ),
    "monitor.token": Guide(
        "Tokens that may be paid with, each by its contract and with its decimals.",
        "Only the chains' own coins are taken.",
        "A token is added once, with its contract's address.",
        "Add a token",
        "monitor_token_add",
        "monitor.add_token",
    ),
    "keys.address": Guide(
        "Every address given to a payer, each checked against the public key it derives from before it is shown.",
        "No address has been given out yet.",
        *_INVOICE,
    ),
    "keys.masterkey": Guide(
        "Public keys of your wallets. Addresses are derived from them; nothing can be spent with them.",
        "No wallet is connected, so nobody can pay you yet.",
        "Import the extended public key of a wallet that is yours alone.",
        "Import a public key",
        "keys_masterkey_add",
        "keys.add_masterkey",
    ),
    "keys.addressalarm": Guide(
        "Addresses that did not follow from their key. They were shown to nobody.",
        "Every address follows from its key.",
    ),
    "keys.keyexport": Guide(
        "Who was shown an extended public key, and when: whoever has it sees all that you receive.",
        "Nobody was shown one.",
    ),
    "webhooks.endpoint": Guide(
        "Addresses of your own programs that are told of every event, signed.",
        "Nobody is told of anything yet; programs may still ask by API.",
        "Name the address your shop listens at.",
        "Add an endpoint",
        "webhooks_endpoint_add",
        "webhooks.add_endpoint",
    ),
    "webhooks.delivery": Guide(
        "Every event on its way to every endpoint: when it was tried, and what was answered.",
        "There is no endpoint, or nothing has happened yet.",
        "An endpoint is the address your shop listens at.",
        "See the endpoints",
        "webhooks_endpoint_changelist",
        "webhooks.view_endpoint",
        (Question("Failed", {"state__exact": "failed"}), Question("Waiting", {"state__exact": "waiting"})),
    ),
    "merchants.merchant": Guide(
        "The businesses that take payments here, each with books of its own.",
        "None has been founded yet.",
        "A merchant needs nothing but a name.",
        "Add a merchant",
        "merchants_merchant_add",
        "merchants.add_merchant",
    ),
    "merchants.membership": Guide(
        "Who works at which merchant, in which role. A role says what a person may do; docs: Who may do what.",
        "Nobody belongs to a merchant yet.",
        "People are invited by mail.",
        "Open the team",
        "people_team",
        "merchants.view_membership",
    ),
    "merchants.customer": Guide(
        "The people who pay you, by your own reference.",
        "No invoice has named a customer yet: name one with `customer` when you open it.",
        *_INVOICE,
    ),
    "merchants.apikey": Guide(
        "Keys by which your programs sign in. Each says what it may do, and is shown once.",
        "No program signs in yet.",
        "Make one for your shop, for its test book first.",
        "Add an API key",
        "merchants_apikey_add",
        "merchants.add_apikey",
    ),
    "merchants.user": Guide("People who sign in here.", "There is nobody but you."),
}
"""By the model's label. Every list has one: a test asks."""
