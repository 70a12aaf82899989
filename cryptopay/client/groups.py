"""Written by `make write` from the API's description; changes by hand are lost."""

from .addresses import AddressesGroup, AsyncAddressesGroup
from .api_keys import ApiKeysGroup, AsyncApiKeysGroup
from .chain_events import AsyncChainEventsGroup, ChainEventsGroup
from .chains import AsyncChainsGroup, ChainsGroup
from .cost_methods import AsyncCostMethodsGroup, CostMethodsGroup
from .customers import AsyncCustomersGroup, CustomersGroup
from .deliveries import AsyncDeliveriesGroup, DeliveriesGroup
from .events import AsyncEventsGroup, EventsGroup
from .exports import AsyncExportsGroup, ExportsGroup
from .health import AsyncHealthGroup, HealthGroup
from .invoices import AsyncInvoicesGroup, InvoicesGroup
from .journal import AsyncJournalGroup, JournalGroup
from .ledger import AsyncLedgerGroup, LedgerGroup
from .me import AsyncMeGroup, MeGroup
from .payments import AsyncPaymentsGroup, PaymentsGroup
from .periods import AsyncPeriodsGroup, PeriodsGroup
from .public_keys import AsyncPublicKeysGroup, PublicKeysGroup
from .rates import AsyncRatesGroup, RatesGroup
from .reports import AsyncReportsGroup, ReportsGroup
from .sending import AsyncSender, Sender
from .test import AsyncTestGroup, TestGroup
from .watches import AsyncWatchesGroup, WatchesGroup
from .webhook_endpoints import AsyncWebhookEndpointsGroup, WebhookEndpointsGroup


class Groups:
    """All operations, by what they are about."""

    def __init__(self, sender: Sender) -> None:
        self.addresses = AddressesGroup(sender)
        self.api_keys = ApiKeysGroup(sender)
        self.chain_events = ChainEventsGroup(sender)
        self.chains = ChainsGroup(sender)
        self.cost_methods = CostMethodsGroup(sender)
        self.customers = CustomersGroup(sender)
        self.deliveries = DeliveriesGroup(sender)
        self.events = EventsGroup(sender)
        self.exports = ExportsGroup(sender)
        self.health = HealthGroup(sender)
        self.invoices = InvoicesGroup(sender)
        self.journal = JournalGroup(sender)
        self.ledger = LedgerGroup(sender)
        self.me = MeGroup(sender)
        self.payments = PaymentsGroup(sender)
        self.periods = PeriodsGroup(sender)
        self.public_keys = PublicKeysGroup(sender)
        self.rates = RatesGroup(sender)
        self.reports = ReportsGroup(sender)
        self.test = TestGroup(sender)
        self.watches = WatchesGroup(sender)
        self.webhook_endpoints = WebhookEndpointsGroup(sender)


class AsyncGroups:
    """All operations, by what they are about."""

    def __init__(self, sender: AsyncSender) -> None:
        self.addresses = AsyncAddressesGroup(sender)
        self.api_keys = AsyncApiKeysGroup(sender)
        self.chain_events = AsyncChainEventsGroup(sender)
        self.chains = AsyncChainsGroup(sender)
        self.cost_methods = AsyncCostMethodsGroup(sender)
        self.customers = AsyncCustomersGroup(sender)
        self.deliveries = AsyncDeliveriesGroup(sender)
        self.events = AsyncEventsGroup(sender)
        self.exports = AsyncExportsGroup(sender)
        self.health = AsyncHealthGroup(sender)
        self.invoices = AsyncInvoicesGroup(sender)
        self.journal = AsyncJournalGroup(sender)
        self.ledger = AsyncLedgerGroup(sender)
        self.me = AsyncMeGroup(sender)
        self.payments = AsyncPaymentsGroup(sender)
        self.periods = AsyncPeriodsGroup(sender)
        self.public_keys = AsyncPublicKeysGroup(sender)
        self.rates = AsyncRatesGroup(sender)
        self.reports = AsyncReportsGroup(sender)
        self.test = AsyncTestGroup(sender)
        self.watches = AsyncWatchesGroup(sender)
        self.webhook_endpoints = AsyncWebhookEndpointsGroup(sender)
