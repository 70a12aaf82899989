"""The view keys among the credentials: with them a chain that hides who is paid is read."""

from keys.formats.monero import ViewPair
from keys.models import MasterKey
from monitor.chains import Chain


def view_keys(chain: Chain) -> list[bytes]:
    """The private view keys of every account that ever gave out an address on the chain, retired ones included.

    Never show, log or export them. Raises `SealedKeyUnreadable`.
    """
    credentials = (master_key.credential() for master_key in MasterKey.objects.filter(chain=chain.code))
    return [credential.view_secret for credential in credentials if isinstance(credential, ViewPair)]
