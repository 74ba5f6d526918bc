"""Which addresses belong to the public internet: the only ones a book is asked for at, unless an operator names a host.

The lists are IANA's special-purpose registries, written out: what `ipaddress` calls global differs between patch
releases of Python.
"""

from ipaddress import IPv4Network, IPv6Network, ip_address

_NOT_PUBLIC_4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT; AWS uses it too
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # link-local: 169.254.169.254 hands out a role's credentials
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
_PUBLIC_6 = IPv6Network("2000::/3")
"""Everything handed out so far. Outside it are ::1, private, link-local and multicast addresses, and those that carry
an IPv4 address (mapped, and 64:ff9b::/96 for NAT64), which could mean any of the above.
"""
_NOT_PUBLIC_6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]


def is_public(text: str) -> bool:
    """Tell whether an IP address is one of a single host on the public internet. Raises ValueError for no address."""
    address = ip_address(text)
    if address.version == 4:
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)
