"""Every address under /api/. Ids have one exact form, so nothing else reaches the database."""

from django.urls import include, path, re_path, register_converter
from django.urls.converters import StringConverter

from cryptopay.api.addresses import Addresses, OneAddress
from cryptopay.api.api_keys import ApiKeys, OneApiKey, RotatedApiKey
from cryptopay.api.chain_events import ChainEvents, OneChainEvent
from cryptopay.api.chains import Chains
from cryptopay.api.customers import CustomerBalances, Customers, CustomerStatement, OneCustomer
from cryptopay.api.events import EventDeliveries, Events, Redelivery
from cryptopay.api.exports import ExportFile, Exports, OneExport
from cryptopay.api.health import Health
from cryptopay.api.interventions import CancelledInvoice, MarkedInvoice
from cryptopay.api.invoices import Invoices, OneInvoice, PublicInvoice
from cryptopay.api.journal import Journal, OneStory
from cryptopay.api.ledger_accounts import ClosedAccount, LedgerAccounts, OneLedgerAccount
from cryptopay.api.ledger_assets import LedgerAssets
from cryptopay.api.ledger_entries import LedgerBatch, LedgerEntries, OneLedgerEntry
from cryptopay.api.ledger_fields import AccountId, EntryId
from cryptopay.api.ledger_resolutions import ReversedEntry, SettledEntry, VoidedEntry
from cryptopay.api.ledger_statements import AccountStatement, TrialBalance
from cryptopay.api.me import Me
from cryptopay.api.payment_methods import PaymentMethods
from cryptopay.api.payments import OnePayment, Payments
from cryptopay.api.periods import PeriodId, PeriodPackage, Periods
from cryptopay.api.public_keys import PublicKeys
from cryptopay.api.rates import OneRate, RateHistory, RateId, Rates
from cryptopay.api.reports import OneReport, ReportName, Reports
from cryptopay.api.resource import NoSuchRoute
from cryptopay.api.schema import Docs, Schema
from cryptopay.api.test_mode import TestAddressPayment, TestBlocks, TestDoubleSpend, TestInvoicePayment, TestReorg
from cryptopay.api.valuation import CostMethods, EntryPrices, UnpricedEntries
from cryptopay.api.watches import OneWatch, Watches
from cryptopay.api.webhook_endpoints import (
    OneWebhookEndpoint,
    WebhookEndpoints,
    WebhookRedelivery,
    WebhookSecret,
    WebhookTest,
)


class PublicId(StringConverter):
    """A prefix and a ULID: `inv_01jd...`."""

    regex = "[a-z]{2,4}_[0-9a-z]{26}"


register_converter(PublicId, "public_id")
register_converter(ReportName, "report")
register_converter(EntryId, "journal_entry")
register_converter(AccountId, "account")
register_converter(RateId, "rate")
register_converter(PeriodId, "period")

v1 = [
    path("invoices", Invoices.as_view(), name="invoices"),
    path("invoices/<public_id:invoice_id>", OneInvoice.as_view(), name="invoice"),
    path("invoices/<public_id:invoice_id>/public", PublicInvoice.as_view(), name="public-invoice"),
    path("invoices/<public_id:invoice_id>/payment-methods", PaymentMethods.as_view(), name="payment-methods"),
    path("invoices/<public_id:invoice_id>/cancel", CancelledInvoice.as_view(), name="cancelled-invoice"),
    path("invoices/<public_id:invoice_id>/mark", MarkedInvoice.as_view(), name="marked-invoice"),
    path("payments", Payments.as_view(), name="payments"),
    path("payments/<public_id:payment_id>", OnePayment.as_view(), name="payment"),
    path("customers", Customers.as_view(), name="customers"),
    path("customers/<public_id:customer_id>", OneCustomer.as_view(), name="customer"),
    path("customers/<public_id:customer_id>/balances", CustomerBalances.as_view(), name="customer-balances"),
    path("customers/<public_id:customer_id>/statement", CustomerStatement.as_view(), name="customer-statement"),
    path("public-keys", PublicKeys.as_view(), name="public-keys"),
    path("addresses", Addresses.as_view(), name="addresses"),
    path("addresses/<public_id:address_id>", OneAddress.as_view(), name="address"),
    path("watches", Watches.as_view(), name="watches"),
    path("watches/<public_id:watch_id>", OneWatch.as_view(), name="watch"),
    path("chain-events", ChainEvents.as_view(), name="chain-events"),
    path("chain-events/<public_id:chain_event_id>", OneChainEvent.as_view(), name="chain-event"),
    path("webhook-endpoints", WebhookEndpoints.as_view(), name="webhook-endpoints"),
    path("webhook-endpoints/<public_id:endpoint_id>", OneWebhookEndpoint.as_view(), name="webhook-endpoint"),
    path("webhook-endpoints/<public_id:endpoint_id>/rotate", WebhookSecret.as_view(), name="webhook-secret"),
    path("webhook-endpoints/<public_id:endpoint_id>/redeliver", WebhookRedelivery.as_view(), name="webhook-redelivery"),
    path("webhook-endpoints/<public_id:endpoint_id>/test", WebhookTest.as_view(), name="webhook-test"),
    path("events", Events.as_view(), name="events"),
    path("events/<public_id:event_id>/deliveries", EventDeliveries.as_view(), name="event-deliveries"),
    path("deliveries/<public_id:delivery_id>/redeliver", Redelivery.as_view(), name="redelivery"),
    path("journal", Journal.as_view(), name="journal"),
    path("journal/<journal_entry:entry_id>", OneStory.as_view(), name="story"),
    path("ledger/assets", LedgerAssets.as_view(), name="ledger-assets"),
    path("ledger/accounts", LedgerAccounts.as_view(), name="ledger-accounts"),
    path("ledger/accounts/<account:account_id>", OneLedgerAccount.as_view(), name="ledger-account"),
    path("ledger/accounts/<account:account_id>/statement", AccountStatement.as_view(), name="statement"),
    path("ledger/accounts/<account:account_id>/close", ClosedAccount.as_view(), name="closed-account"),
    path("ledger/entries", LedgerEntries.as_view(), name="ledger-entries"),
    path("ledger/entries/batch", LedgerBatch.as_view(), name="ledger-batch"),
    path("ledger/entries/<journal_entry:entry_id>", OneLedgerEntry.as_view(), name="ledger-entry"),
    path("ledger/entries/<journal_entry:entry_id>/settle", SettledEntry.as_view(), name="settled-entry"),
    path("ledger/entries/<journal_entry:entry_id>/void", VoidedEntry.as_view(), name="voided-entry"),
    path("ledger/entries/<journal_entry:entry_id>/reverse", ReversedEntry.as_view(), name="reversed-entry"),
    path("ledger/prices", EntryPrices.as_view(), name="entry-prices"),
    path("ledger/unpriced", UnpricedEntries.as_view(), name="unpriced-entries"),
    path("ledger/trial-balance", TrialBalance.as_view(), name="trial-balance"),
    path("cost-methods", CostMethods.as_view(), name="cost-methods"),
    path("periods", Periods.as_view(), name="periods"),
    path("periods/<period:period_id>/package", PeriodPackage.as_view(), name="period-package"),
    path("api-keys", ApiKeys.as_view(), name="api-keys"),
    path("api-keys/rotate", RotatedApiKey.as_view(), name="rotated-api-key"),
    path("api-keys/<public_id:api_key_id>", OneApiKey.as_view(), name="api-key"),
    path("reports", Reports.as_view(), name="reports"),
    path("reports/<report:report_name>", OneReport.as_view(), name="report"),
    path("reports/<report:report_name>/exports", Exports.as_view(), name="report-exports"),
    path("exports/<public_id:export_id>", OneExport.as_view(), name="export"),
    path("exports/<public_id:export_id>/file", ExportFile.as_view(), name="export-file"),
    path("test/invoices/<public_id:invoice_id>/pay", TestInvoicePayment.as_view(), name="test-invoice-payment"),
    path("test/invoices/<public_id:invoice_id>/double-spend", TestDoubleSpend.as_view(), name="test-double-spend"),
    path("test/addresses/<public_id:address_id>/pay", TestAddressPayment.as_view(), name="test-address-payment"),
    path("test/blocks", TestBlocks.as_view(), name="test-blocks"),
    path("test/reorg", TestReorg.as_view(), name="test-reorg"),
    path("rates", Rates.as_view(), name="rates"),
    path("rates/history", RateHistory.as_view(), name="rate-history"),
    path("rates/<rate:rate_id>", OneRate.as_view(), name="rate"),
    path("me", Me.as_view(), name="me"),
    path("chains", Chains.as_view(), name="chains"),
    path("health", Health.as_view(), name="health"),
]

urlpatterns = [
    path("v1/", include(v1)),
    path("schema", Schema.as_view(), name="schema"),
    path("docs", Docs.as_view(), name="docs"),
    re_path(r"^[\s\S]*$", NoSuchRoute.as_view(), name="no-such-route"),
]
