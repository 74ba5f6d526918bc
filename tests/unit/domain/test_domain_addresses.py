"""Only addresses of single hosts on the public internet are public, however another one is spelt."""

import pytest

from trueup.domain.addresses import is_public

PUBLIC = ["1.1.1.1", "8.8.8.8", "52.94.236.248", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"]
PUBLIC += ["169.253.255.255", "169.255.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "192.0.1.0"]
PUBLIC += ["2606:4700:4700::1111", "2a05:d018::1", "2001:200::1", "2001:4860:4860::8888", "2003::1", "3ffe::1"]

NOT_PUBLIC = {
    "this network": ["0.0.0.0", "0.1.2.3"],
    "private": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1"],
    "carrier NAT": ["100.64.0.1", "100.127.255.255"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "link-local": ["169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0"],
    "AWS's metadata over IPv6": ["fd00:ec2::254"],
    "unique local": ["fc00::1", "fdff::1"],
    "site-local": ["fec0::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "4000::1", "::", "100::1", "5f00::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "protocols and measuring": ["192.0.0.1", "198.18.0.1", "198.19.255.255", "192.88.99.1", "2001::1", "2001:10::1"],
    "IPv4 in IPv6, mapped": ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1"],
    "IPv4 in IPv6, 6to4": ["2002:7f00:1::", "2002:a9fe:a9fe::1"],
    "IPv4 in IPv6, NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1"],
    "IPv4 in IPv6, Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address", [pytest.param(address, id=f"{kind}: {address}") for kind, many in NOT_PUBLIC.items() for address in many]
)
def test_any_other_address_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "2130706433", "0x7f.1", "127.1", "1.1.1.1:443", "[::1]"])
def test_what_is_no_address_is_no_public_one(text: str) -> None:
    with pytest.raises(ValueError):
        is_public(text)
