"""From a merchant's credential to its addresses, whatever the family."""

from keys.formats import Credential, Deriver, format_of
from monitor.chains import Chain


def deriver(credential: Credential, chain: Chain) -> Deriver:
    """The addresses of `credential`. Reads it once; ask one deriver for many. Raises `UnknownFamily`."""
    return format_of(chain).deriver(credential, chain)
