"""boto3 sessions that talk to the local cloud and to nothing else."""

from typing import Any

import boto3
import botocore.session
from botocore.config import Config

REGION = "us-east-1"
# Root of the local account: ministack knows the key by this name and does not look at the secret.
_OPERATOR = "test"
# Where botocore looks: no environment variable names a profile, and the files are empty.
_NOTHING_OF_THE_CALLER = {
    "profile": (None, None, None, None),
    "config_file": (None, None, "/dev/null", None),
    "credentials_file": (None, None, "/dev/null", None),
}


class _LocalSession(boto3.Session):
    """A session whose clients go to one endpoint, whatever AWS_ENDPOINT_URL says."""

    def __init__(self, endpoint_url: str, session: botocore.session.Session) -> None:
        super().__init__(_OPERATOR, _OPERATOR, region_name=REGION, botocore_session=session)
        self._endpoint_url = endpoint_url

    def client(self, *args: Any, **kwargs: Any) -> Any:
        return super().client(*args, **{"endpoint_url": self._endpoint_url, **kwargs})

    def resource(self, *args: Any, **kwargs: Any) -> Any:
        return super().resource(*args, **{"endpoint_url": self._endpoint_url, **kwargs})


def local_session(endpoint_url: str) -> boto3.Session:
    """Return the operator's session at `endpoint_url`: no profile, file, proxy or endpoint of the caller's counts."""
    session = botocore.session.Session(session_vars=_NOTHING_OF_THE_CALLER)
    session.set_default_client_config(Config(proxies={}, connect_timeout=5, read_timeout=120))
    return _LocalSession(endpoint_url, session)
