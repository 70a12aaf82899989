"""Written by `make write` from the API's description; changes by hand are lost."""

from .addresses import AsyncTestAddresses, TestAddresses
from .blocks import AsyncTestBlocks, TestBlocks
from .invoices import AsyncTestInvoices, TestInvoices
from .reorg import AsyncTestReorg, TestReorg


class TestGroup(TestAddresses, TestBlocks, TestInvoices, TestReorg):
    """Operations of `/test/...`."""


class AsyncTestGroup(AsyncTestAddresses, AsyncTestBlocks, AsyncTestInvoices, AsyncTestReorg):
    """Operations of `/test/...`."""
