"""What can go wrong with keys and addresses. Each error carries a stable `code`; no message ever repeats key material.

KeysError
    InvalidCredential       credential_invalid            the text is not what this chain's addresses are made from
        InvalidExtendedKey  extended_key_invalid          it is not an extended public key this chain can use
    CredentialInUse         credential_in_use             another book holds the same
    NoMasterKey             no_key_for_chain              the book has no active key for the chain
    DerivationExhausted     addresses_exhausted           2**31 addresses were derived from the key
    NoChildKey              index_has_no_key              BIP32 gives this one index no key; the next one is taken
    InvalidAddress          address_invalid               the text is not an address of the chain
    AddressMismatch         address_verification_failed   a stored address does not follow from its key
    SealedKeyUnreadable     sealed_key_unreadable         the stored key was altered, or sealed under another secret
    EncryptionKeyMissing    encryption_key_missing        the installation's secret is absent or of the wrong length
    UnknownFamily           chain_family_unknown          no address format is registered for the chain
"""

from typing import ClassVar


class KeysError(Exception):
    """The root; `code` is stable and reaches the API."""

    code: ClassVar[str] = "keys_error"


class InvalidCredential(KeysError):
    code = "credential_invalid"


class InvalidExtendedKey(InvalidCredential):
    code = "extended_key_invalid"


class CredentialInUse(KeysError):
    code = "credential_in_use"


class NoMasterKey(KeysError):
    code = "no_key_for_chain"


class DerivationExhausted(KeysError):
    code = "addresses_exhausted"


class NoChildKey(KeysError):
    code = "index_has_no_key"


class InvalidAddress(KeysError):
    code = "address_invalid"


class AddressMismatch(KeysError):
    code = "address_verification_failed"


class SealedKeyUnreadable(KeysError):
    code = "sealed_key_unreadable"


class EncryptionKeyMissing(KeysError):
    code = "encryption_key_missing"


class UnknownFamily(KeysError):
    code = "chain_family_unknown"
