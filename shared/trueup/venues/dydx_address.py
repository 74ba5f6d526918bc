"""dYdX addresses: bech32 (BIP 173) with the prefix "dydx" over 20 bytes.

Written out because it is thirty lines and the layer would otherwise carry a library for them. The tests run the BIP's
own vectors. The indexer looks at alphabet and length only, so a mistyped address would read there as one that was
never funded: the checksum is what tells the two apart.
"""

PREFIX = "dydx"
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_WORDS = 6
_WORDS_OF_20_BYTES = 32


def check_address(address: str) -> str:
    """Return the address. Raises ValueError saying what is wrong with it."""
    if address != address.lower():
        raise ValueError("must be in lower case")
    prefix, words = decode_bech32(address)
    if prefix != PREFIX:
        raise ValueError(f'must begin with "{PREFIX}1"')
    if len(words) != _WORDS_OF_20_BYTES:
        raise ValueError("must have 43 characters")
    return address


def decode_bech32(text: str) -> tuple[str, list[int]]:
    """Split bech32 into its prefix and its 5-bit words, checksum verified and removed. Raises ValueError."""
    if any(not 33 <= ord(char) <= 126 for char in text) or text not in (text.lower(), text.upper()):
        raise ValueError("must be printable and not mix upper and lower case")
    prefix, separator, data = text.lower().rpartition("1")
    if not separator or not prefix or len(data) < _CHECKSUM_WORDS or len(text) > 90:
        raise ValueError('must be a prefix, "1", and 6 to 88 characters')
    words = [_ALPHABET.find(char) for char in data]
    if -1 in words:
        raise ValueError('holds a character that addresses do not have (1, b, i and o after the "1")')
    expanded = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    if _polymod(expanded + words) != 1:
        raise ValueError("has a typing error: its checksum does not fit")
    return prefix, words[:-_CHECKSUM_WORDS]


def _polymod(words: list[int]) -> int:
    check = 1
    for word in words:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate(_GENERATOR):
            check ^= generator if top >> bit & 1 else 0
    return check
