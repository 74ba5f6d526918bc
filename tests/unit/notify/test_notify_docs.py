"""docs/alerts.md says what the code takes and how long it waits."""

import re
from pathlib import Path

from trueup.notify.chat import DISCORD_TOTAL, SLACK_TOTAL, TEAMS_BYTES
from trueup.notify.endpoints import MOST_ENDPOINTS, Kind, read_endpoints
from trueup.notify.send import SECONDS

PAGE = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text()


def test_the_sample_list_is_one_that_is_read_and_has_every_kind() -> None:
    [sample] = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert {endpoint.kind for endpoint in read_endpoints(sample, frozenset())} == set(Kind)


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    assert f"At most {MOST_ENDPOINTS} endpoints." in PAGE
    assert f"no answer in {SECONDS:.0f} s" in PAGE
    assert (
        f"Slack at about {SLACK_TOTAL:,} characters, Discord at {DISCORD_TOTAL:,}, Teams at {TEAMS_BYTES:,} bytes"
        in PAGE
    )
