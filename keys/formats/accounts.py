"""The credential of the families that derive by BIP32: one account's extended public key, and its address form."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from keys.errors import InvalidExtendedKey
from keys.formats.extended import HARDENED, PAYLOAD_BYTES, ExtendedKey, name_of, parse
from monitor.chains import Chain

PARTS: tuple[str, ...] = ("extended_public_key",)

PURPOSES = MappingProxyType({"p2pkh": 44, "p2sh-p2wpkh": 49, "p2wpkh": 84, "p2tr": 86, "eip55": 44})
"""The first step of an account's path (BIP43) says the form of its addresses: BIP44, 49, 84, 86."""


def path_of(chain: Chain, form: str) -> str:
    """Where wallets keep the account whose addresses have this form."""
    _, _, *rest = chain.derivation_path.split("/")
    return "/".join(["m", f"{PURPOSES[form]}'", *rest])


def neutral_version(chain: Chain) -> bytes:
    """Of extended keys that other programs of the chain read, whatever the form: an xpub."""
    return next(version for version, form in chain.extended_key_versions.items() if not form)


@dataclass(frozen=True, slots=True)
class Account:
    """An account key and the form its addresses take."""

    key: ExtendedKey
    form: str
    path: str

    def __repr__(self) -> str:
        return f"Account({self.form}, {self.path})"

    @property
    def payload(self) -> bytes:
        """The key's 78 bytes, followed by the form."""
        return self.key.payload + self.form.encode()

    @property
    def identity(self) -> bytes:
        """The same for an xpub and a zpub of one account: their children are the same keys."""
        return self.key.chain_code + self.key.public_key

    @classmethod
    def of(cls, key: ExtendedKey, chain: Chain, form: str) -> Self:
        """Raises `InvalidExtendedKey` unless it is an account's.

        An account key is one derived by a hardened step. Below an unhardened one, a single leaked child key and this
        public key together give the private key of the parent (BIP32, "Implications"); above it, wallets would not
        look for our addresses.
        """
        usual = path_of(chain, form)
        if key.child_number < HARDENED:
            raise InvalidExtendedKey(
                f"This is not the key of an account. Export that one; {chain.title} has it at {usual}."
            )
        return cls(key, form, _path(key, usual))


def read(text: str, chain: Chain, form: str = "") -> Account:
    """The account key in `text`; spaces and line ends around it are those of copying, and ignored.

    A version that asks for a form (SLIP-132: ypub, zpub) is taken at its word; an xpub stands for any, and means the
    chain's usual form unless `form` says another. Raises `InvalidExtendedKey`.
    """
    key = parse(text.strip(), chain)
    asked = chain.extended_key_versions[key.version]
    if form and form not in chain.address_forms:
        raise InvalidExtendedKey(
            f"{chain.title} has no addresses of the form {form}: {', '.join(chain.address_forms)}."
        )
    if form and asked and form != asked:
        raise InvalidExtendedKey(f"This {name_of(key.version)} key is for {asked} addresses, and not for {form}.")
    return Account.of(key, chain, form or asked or chain.address_forms[0])


def restore(payload: bytes, chain: Chain) -> Account:
    """The account that `Account.payload` wrote. Raises `InvalidExtendedKey`."""
    key, form = ExtendedKey.from_payload(payload[:PAYLOAD_BYTES]), payload[PAYLOAD_BYTES:].decode()
    if form not in chain.address_forms:
        raise InvalidExtendedKey(f"{chain.title} has no addresses of the form {form}.")
    return Account.of(key, chain, form)


def _path(key: ExtendedKey, usual: str) -> str:
    """The key knows its depth and last step alone; where these fit the usual path, the rest is assumed."""
    *steps, _ = usual.split("/")
    if key.depth != len(steps):
        steps = ["m", *("…" for _ in range(key.depth - 1))]
    return "/".join([*steps, f"{key.child_number - HARDENED}'"])
