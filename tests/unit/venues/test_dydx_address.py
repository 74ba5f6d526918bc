"""Addresses: the vectors that BIP 173 publishes, and dYdX's own rules on top."""

import pytest

from local.venues import make_address
from trueup.venues.dydx_address import check_address, decode_bech32

VALID = [
    "A12UEL5L",
    "a12uel5l",
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
    "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    "?1ezyfcl",
]
INVALID = [
    "\x201nwldj5",
    "\x7f1axkwrx",
    "\x801eym55h",
    "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
    "pzry9x0s0muk",
    "1pzry9x0s0muk",
    "x1b4n0q5v",
    "li1dgmt3",
    "de1lg7wt\xff",
    "A1G7SGD8",
    "10a06t8",
    "1qzzfhee",
    "a12UEL5L",
    "",
]
# The sample of the vendor's documentation is cut; this one is of our fixtures and belongs to nobody.
GOOD = "dydx1jzz9rcds3h4zmzd5ncd3vth8wck4d3hpluzpnn"


@pytest.mark.parametrize("text", VALID)
def test_the_standards_valid_strings_are_accepted(text: str) -> None:
    prefix, _ = decode_bech32(text)
    assert text.lower().startswith(prefix + "1")


def test_words_are_decoded_in_the_alphabets_order() -> None:
    assert decode_bech32("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw") == ("abcdef", list(range(32)))


@pytest.mark.parametrize("text", INVALID, ids=ascii)
def test_the_standards_invalid_strings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|holds|typing error"):
        decode_bech32(text)


def test_a_dydx_address_is_accepted() -> None:
    assert check_address(GOOD) == GOOD
    assert check_address(make_address("anybody")).startswith("dydx1")


def test_any_one_wrong_character_is_noticed() -> None:
    for position in range(5, len(GOOD)):
        wrong = "q" if GOOD[position] != "q" else "p"
        with pytest.raises(ValueError, match="typing error"):
            check_address(GOOD[:position] + wrong + GOOD[position + 1 :])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (GOOD.upper(), "lower case"),
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", 'begin with "dydx1"'),
        (GOOD[:-1], "typing error"),
        (GOOD + "q", "typing error"),
        (GOOD.replace("z", "b"), "do not have"),
        ("0x52908400098527886e0f7030069857d2e4169ee7", "must be a prefix"),
        ("dydx1" + "q" * 200, "must be a prefix"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(address: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_address(address)
