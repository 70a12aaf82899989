"""Which IP addresses a merchant's URL may lead to: the public internet, and nothing of ours or of our cloud's."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# IANA IPv4 Special-Purpose Address Registry, multicast (RFC 5771) and, the last one, Azure's metadata service.
_REFUSED_4 = [
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "168.63.129.16/32"),
    )
]
# IPv6 is public only in 2000::/3, and there not in: Teredo and other protocols, documentation, 6to4, AS112.
_GLOBAL_6 = ip_network("2000::/3")
_REFUSED_6 = [
    ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]


def is_public(text: str) -> bool:
    """Whether a numeric address, as `getaddrinfo` writes it, lies in the public internet.

    IPv4 inside IPv6 (mapped, NAT64, 6to4) lies outside 2000::/3 or in a refused part of it, whatever it embeds.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv4Address):
        return _is_public_4(address)
    return _is_public_6(address)


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in _REFUSED_4)


def _is_public_6(address: IPv6Address) -> bool:
    return address in _GLOBAL_6 and not any(address in network for network in _REFUSED_6)
