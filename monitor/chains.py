"""The chains, one row a coin and network. Facts only: no I/O, no database.

A coin of a known family is a new row here and a recorded block in the tests. Everything else iterates over `CHAINS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class NativeAsset:
    """The chain's own coin. Base units: satoshi, litoshi, wei."""

    code: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Tier:
    """`confirmations` suffice for a deposit of at most `up_to_base_units`; None: of any size."""

    up_to_base_units: int | None
    confirmations: int


@dataclass(frozen=True, slots=True)
class Chain:
    """One network of one coin. `confirmation_tiers` is empty where the chain itself says what is final."""

    code: str
    """Names the chain everywhere: settings (`BITCOIN_NODE_URL`), database, API."""
    title: str
    family: str
    native: NativeAsset
    live: bool
    """Real money. A test key sees only chains that are not live, a live key only those that are."""
    poll_seconds: int
    interval_seconds: int
    """Mean time between blocks; a tip older than six of them halts a live chain."""
    reorg_limit: int
    """Blocks a reorg may take back before the chain halts and a person is asked."""
    genesis: str
    """Hash of block 0, or of the first state (Antelope), checked at connect; empty where `chain_id` says it instead."""
    derivation_path: str
    """The account key a merchant exports, by BIP44 or BIP84."""
    uri_scheme: str
    minimum_base_units: int
    """Dust: smaller deposits are logged, not credited."""
    quote_decimals: int
    """Quotes are rounded up to so many decimals: an amount a person can read and a payer can type."""
    confirmation_tiers: tuple[Tier, ...] = ()
    confirmations_floor: int = 1
    """Nobody, not even the operator, has a deposit count with fewer: an output of Monero can be spent 10 deep."""
    maturity_blocks: int = 0
    """A coinbase output can be spent, and so counts, only that deep."""
    chain_id: int | None = None
    coin_contract: str = ""
    """Antelope: the account whose contract keeps the chain's own coin. Anyone's may keep another of the same name."""
    address_forms: tuple[str, ...] = ()
    """Forms our addresses can take here, the usual one first: p2wpkh, p2tr, eip55."""
    p2pkh_version: bytes = b""
    """What Base58Check addresses of a key's hash begin with. Empty: there are none."""
    p2sh_version: bytes = b""
    """What those of a script's hash begin with."""
    bech32_hrp: str = ""
    cashaddr_prefix: str = ""
    """Where addresses are CashAddr and nothing else."""
    pegout_maturity_blocks: int = 0
    """Litecoin's MWEB: an output pegged out of the extension block matures that deep."""
    fork_blocks: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Hashes by height where chains of one block 0 parted: checked at connect, for nothing below tells them apart."""
    cash_tokens: bool = False
    """Outputs may carry tokens before their script."""
    auxpow: bool = False
    """Merged mining: a block's header is followed by another chain's proof."""
    special_transactions: bool = False
    """Dash's, with a type and a payload (DIP-2)."""
    named_by_double_sha256: bool = True
    """How blocks are named. Where it is not so, we cannot compute the name and take the node's word for the header."""
    minimum_node_version: int = 0
    block_vsize: int = 0
    """Virtual bytes that fit into one block, for `expectation`; 0: not a chain whose payers bid for room by size."""
    epoch_blocks: int = 0
    """Where the chain finalises whole epochs: their blocks. A block is final two to three epochs later."""
    extended_key_versions: Mapping[bytes, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Version bytes of accepted extended *public* keys (SLIP-132) and the address form each asks for; empty: any."""

    @property
    def has_tokens(self) -> bool:
        """Contracts of that chain can be let in as tokens (`monitor.tokens`)."""
        return self.chain_id is not None

    @property
    def setting_name(self) -> str:
        return self.code.upper().replace("-", "_")

    def __str__(self) -> str:
        return self.title


_XPUB, _YPUB, _ZPUB = bytes.fromhex("0488b21e"), bytes.fromhex("049d7cb2"), bytes.fromhex("04b24746")
_TPUB, _UPUB, _VPUB = bytes.fromhex("043587cf"), bytes.fromhex("044a5262"), bytes.fromhex("045f1cf6")
_LTUB, _MTUB = bytes.fromhex("019da462"), bytes.fromhex("01b26ef6")
_LIVE_SEGWIT = MappingProxyType({_XPUB: "", _YPUB: "p2sh-p2wpkh", _ZPUB: "p2wpkh"})
_TEST_SEGWIT = MappingProxyType({_TPUB: "", _UPUB: "p2sh-p2wpkh", _VPUB: "p2wpkh"})
_BTC_FORMS = ("p2wpkh", "p2tr", "p2sh-p2wpkh", "p2pkh")
_LTC_FORMS = ("p2wpkh", "p2sh-p2wpkh", "p2pkh")

_DGUB, _DRKP = bytes.fromhex("02facafd"), bytes.fromhex("02fe52cc")
_LEGACY_FORMS = ("p2pkh",)

_BTC = NativeAsset("BTC", 8)
_LTC = NativeAsset("LTC", 8)
_BCH = NativeAsset("BCH", 8)
_DOGE = NativeAsset("DOGE", 8)
_DASH = NativeAsset("DASH", 8)
_ETH = NativeAsset("ETH", 18)
_EOS = NativeAsset("EOS", 4)
_EOS_REVERSIBLE_BLOCKS = 360
"""15 of 21 producers, twelve blocks each, must have built on a block, and on that: what is older is irreversible."""
_BTC_TIERS = (Tier(10_000_000, 2), Tier(None, 6))
_LTC_TIERS = (Tier(1_000_000_000, 15), Tier(None, 30))
_BCH_TIERS = (Tier(100_000_000, 6), Tier(None, 15))
# Where Bitcoin Cash left Bitcoin (2017), Bitcoin SV left it (2018) and eCash left it (2020).
_BTC_FORKS = MappingProxyType({478_559: "00000000000000000019f112ec0a9982926f1258cdcc558dd7c3b7e5dc7fa148"})
_BCH_FORKS = MappingProxyType(
    {
        478_559: "000000000000000000651ef99cb9fcbe0dadde1d424bd9f15ff20136191a5eec",
        556_767: "0000000000000000004626ff6e3b936941d341c5932ece4357eeccac44e6d56c",
        661_648: "0000000000000000029e471c41818d24b8b74c911071c4ef0b4a0509f9b5a8ce",
    }
)
_XMR = NativeAsset("XMR", 12)
_XMR_TIERS = (Tier(10 * 10**12, 20), Tier(None, 60))
_XMR_GENESIS = "418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3"
"""Of mainnet and of a node in regtest mode alike."""

_ROWS = (
    Chain(
        code="bitcoin", title="Bitcoin", family="bitcoin", native=_BTC, live=True,
        poll_seconds=10, interval_seconds=600, reorg_limit=100,
        genesis="000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        derivation_path="m/84'/0'/0'", uri_scheme="bitcoin", minimum_base_units=546, quote_decimals=8,
        confirmation_tiers=_BTC_TIERS, maturity_blocks=100, block_vsize=1_000_000,
        address_forms=_BTC_FORMS, p2pkh_version=b"\x00", p2sh_version=b"\x05", bech32_hrp="bc",
        minimum_node_version=250000, extended_key_versions=_LIVE_SEGWIT, fork_blocks=_BTC_FORKS,
    ),
    Chain(
        code="bitcoin-regtest", title="Bitcoin (regtest)", family="bitcoin", native=_BTC, live=False,
        poll_seconds=1, interval_seconds=600, reorg_limit=100,
        genesis="0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
        derivation_path="m/84'/1'/0'", uri_scheme="bitcoin", minimum_base_units=546, quote_decimals=8,
        confirmation_tiers=_BTC_TIERS, maturity_blocks=100, block_vsize=1_000_000,
        address_forms=_BTC_FORMS, p2pkh_version=b"\x6f", p2sh_version=b"\xc4", bech32_hrp="bcrt",
        extended_key_versions=_TEST_SEGWIT,
    ),
    Chain(
        code="litecoin", title="Litecoin", family="bitcoin", native=_LTC, live=True,
        poll_seconds=5, interval_seconds=150, reorg_limit=100,
        genesis="12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2",
        derivation_path="m/84'/2'/0'", uri_scheme="litecoin", minimum_base_units=5460, quote_decimals=8,
        confirmation_tiers=_LTC_TIERS, maturity_blocks=100, block_vsize=1_000_000, pegout_maturity_blocks=6,
        address_forms=_LTC_FORMS, p2pkh_version=b"\x30", p2sh_version=b"\x32", bech32_hrp="ltc",
        minimum_node_version=210504,
        extended_key_versions=MappingProxyType({**_LIVE_SEGWIT, _LTUB: "", _MTUB: "p2sh-p2wpkh"}),
    ),
    Chain(
        code="litecoin-regtest", title="Litecoin (regtest)", family="bitcoin", native=_LTC, live=False,
        poll_seconds=1, interval_seconds=150, reorg_limit=100,
        genesis="530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9",
        derivation_path="m/84'/1'/0'", uri_scheme="litecoin", minimum_base_units=5460, quote_decimals=8,
        confirmation_tiers=_LTC_TIERS, maturity_blocks=100, block_vsize=1_000_000, pegout_maturity_blocks=6,
        address_forms=_LTC_FORMS, p2pkh_version=b"\x6f", p2sh_version=b"\x3a", bech32_hrp="rltc",
        extended_key_versions=_TEST_SEGWIT,
    ),
    Chain(
        code="bitcoincash", title="Bitcoin Cash", family="bitcoin", native=_BCH, live=True,
        poll_seconds=10, interval_seconds=600, reorg_limit=100,
        genesis="000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", fork_blocks=_BCH_FORKS,
        derivation_path="m/44'/145'/0'", uri_scheme="bitcoincash", minimum_base_units=546, quote_decimals=8,
        confirmation_tiers=_BCH_TIERS, maturity_blocks=100, block_vsize=32_000_000, cash_tokens=True,
        address_forms=_LEGACY_FORMS, cashaddr_prefix="bitcoincash",
        minimum_node_version=29_000_000, extended_key_versions=MappingProxyType({_XPUB: ""}),
    ),
    Chain(
        code="bitcoincash-regtest", title="Bitcoin Cash (regtest)", family="bitcoin", native=_BCH, live=False,
        poll_seconds=1, interval_seconds=600, reorg_limit=100,
        genesis="0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
        derivation_path="m/44'/1'/0'", uri_scheme="bchreg", minimum_base_units=546, quote_decimals=8,
        confirmation_tiers=_BCH_TIERS, maturity_blocks=100, block_vsize=32_000_000, cash_tokens=True,
        address_forms=_LEGACY_FORMS, cashaddr_prefix="bchreg",
        extended_key_versions=MappingProxyType({_TPUB: ""}),
    ),
    Chain(
        code="dogecoin", title="Dogecoin", family="bitcoin", native=_DOGE, live=True,
        poll_seconds=5, interval_seconds=60, reorg_limit=200,
        genesis="1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691",
        derivation_path="m/44'/3'/0'", uri_scheme="dogecoin", minimum_base_units=1_000_000, quote_decimals=8,
        confirmation_tiers=(Tier(100_000_000_000, 20), Tier(None, 60)), maturity_blocks=240, auxpow=True,
        block_vsize=1_000_000, address_forms=_LEGACY_FORMS, p2pkh_version=b"\x1e", p2sh_version=b"\x16",
        minimum_node_version=1_140_600, extended_key_versions=MappingProxyType({_DGUB: "", _XPUB: ""}),
    ),
    Chain(
        code="dash", title="Dash", family="bitcoin", native=_DASH, live=True,
        poll_seconds=5, interval_seconds=158, reorg_limit=100,
        genesis="00000ffd590b1485b3caadc19b22e6379c733355108f107a430458cdf3407ab6",
        derivation_path="m/44'/5'/0'", uri_scheme="dash", minimum_base_units=5460, quote_decimals=8,
        confirmation_tiers=(Tier(1_000_000_000, 6), Tier(None, 24)), maturity_blocks=100, block_vsize=2_000_000,
        special_transactions=True, named_by_double_sha256=False,
        address_forms=_LEGACY_FORMS, p2pkh_version=b"\x4c", p2sh_version=b"\x10",
        minimum_node_version=210_000, extended_key_versions=MappingProxyType({_XPUB: "", _DRKP: ""}),
    ),
    Chain(
        code="ethereum", title="Ethereum", family="evm", native=_ETH, live=True,
        poll_seconds=4, interval_seconds=12, reorg_limit=128,
        genesis="0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
        derivation_path="m/44'/60'/0'", uri_scheme="ethereum", minimum_base_units=10**12, quote_decimals=8,
        chain_id=1, epoch_blocks=32, address_forms=("eip55",), extended_key_versions=MappingProxyType({_XPUB: ""}),
    ),
    Chain(
        code="ethereum-dev", title="Ethereum (development)", family="evm", native=_ETH, live=False,
        poll_seconds=1, interval_seconds=12, reorg_limit=128, genesis="",
        derivation_path="m/44'/60'/0'", uri_scheme="ethereum", minimum_base_units=10**12, quote_decimals=8,
        chain_id=31337, epoch_blocks=1, address_forms=("eip55",),
        extended_key_versions=MappingProxyType({_XPUB: "", _TPUB: ""}),
    ),
    Chain(
        code="polygon", title="Polygon", family="evm", native=NativeAsset("POL", 18), live=True,
        poll_seconds=2, interval_seconds=2, reorg_limit=256,  # 157 blocks were taken back in February 2023
        genesis="0xa9c28ce2141b56c474f1dc504bee9b01eb1bd7d1a507580d5519d4437a97de1b",
        derivation_path="m/44'/60'/0'", uri_scheme="ethereum", minimum_base_units=10**15, quote_decimals=8,
        chain_id=137, epoch_blocks=4, address_forms=("eip55",), extended_key_versions=MappingProxyType({_XPUB: ""}),
    ),
    Chain(
        code="base", title="Base", family="evm", native=_ETH, live=True,
        poll_seconds=2, interval_seconds=2, reorg_limit=1024,  # final only with the blocks of Ethereum that hold it
        genesis="0xf712aa9241cc24369b143cf6dce85f0902a9731e70d66818a3a5845b296c73dd",
        derivation_path="m/44'/60'/0'", uri_scheme="ethereum", minimum_base_units=10**12, quote_decimals=8,
        chain_id=8453, epoch_blocks=200, address_forms=("eip55",), extended_key_versions=MappingProxyType({_XPUB: ""}),
    ),
    Chain(
        code="monero", title="Monero", family="monero", native=_XMR, live=True,
        poll_seconds=10, interval_seconds=120, reorg_limit=100, genesis=_XMR_GENESIS,
        derivation_path="", uri_scheme="monero", minimum_base_units=10**8, quote_decimals=8,
        confirmation_tiers=_XMR_TIERS, confirmations_floor=10, maturity_blocks=60, address_forms=("subaddress",),
        minimum_node_version=3 << 16 | 14,
    ),
    Chain(
        code="monero-regtest", title="Monero (regtest)", family="monero", native=_XMR, live=False,
        poll_seconds=1, interval_seconds=120, reorg_limit=100, genesis=_XMR_GENESIS,
        derivation_path="", uri_scheme="monero", minimum_base_units=10**8, quote_decimals=8,
        confirmation_tiers=_XMR_TIERS, confirmations_floor=10, maturity_blocks=60, address_forms=("subaddress",),
    ),
    Chain(
        code="eos", title="EOS", family="antelope", native=_EOS, live=True,
        # A producer's turn, twelve blocks of half a second: where one misses it, no block comes for so long.
        poll_seconds=1, interval_seconds=6, reorg_limit=_EOS_REVERSIBLE_BLOCKS,
        genesis="aca376f206b8fc25a6ed44dbdc66547c36c6c33e3a119ffbeaef943642f0e906",
        derivation_path="", uri_scheme="esr", minimum_base_units=10, quote_decimals=4,
        address_forms=("memo",), coin_contract="eosio.token",
    ),
    Chain(
        code="eos-dev", title="EOS (development)", family="antelope", native=_EOS, live=False,
        poll_seconds=1, interval_seconds=6, reorg_limit=_EOS_REVERSIBLE_BLOCKS,
        genesis="8a34ec7df1b8cd06ff4a8abbaa7cc50300823350cadc59ab296cb00d104d2b8f",
        derivation_path="", uri_scheme="esr", minimum_base_units=10, quote_decimals=4,
        address_forms=("memo",), coin_contract="eosio.token",
    ),
)  # fmt: skip

CHAINS: Mapping[str, Chain] = MappingProxyType({row.code: row for row in _ROWS})
