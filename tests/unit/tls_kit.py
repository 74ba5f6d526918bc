"""A certificate authority for tests of TLS, and a process that trusts it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from trueup.wire import connection

DAY = timedelta(days=1)


class Authority:
    """A certificate authority of ours."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Trueup test authority")])
        self.certificate = self._sign(self.name, self.key.public_key(), datetime.now(UTC), None)

    def _sign(self, subject: x509.Name, public: Any, begins: datetime, host: str | None) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            self.name, subject, public, x509.random_serial_number(), begins - DAY, begins + DAY
        ).add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        if host is not None:
            names: list[x509.GeneralName] = [x509.DNSName(host)]
            if host[0].isdigit():
                names = [x509.IPAddress(ip_address(host))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        else:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, folder: Path, host: str, begins: datetime) -> ssl.SSLContext:
        """Serve as `host`, with a certificate that is good for a day before and after `begins`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        certificate = self._sign(subject, key.public_key(), begins, host)
        pem = folder / "server.pem"
        encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        pem.write_bytes(
            key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(encoding)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context


@contextmanager
def trusted_authority(folder: Path) -> Iterator[Authority]:
    """Make an authority this process trusts for as long as this lasts, and no other."""
    made = Authority()
    trusted = folder / "trusted.crt"
    trusted.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(trusted))
        patch.setenv("SSL_CERT_DIR", str(folder / "none"))
        _forget()
        yield made
        connection.pool().clear()
        _forget()


def _forget() -> None:
    connection.trust.cache_clear()
    connection.pool.cache_clear()
