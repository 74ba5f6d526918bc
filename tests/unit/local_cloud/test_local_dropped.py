"""What CloudFormation drops here is applied with the same meaning by the services' own calls."""

from local.cloud.dropped import _lifecycle_rule


def test_evidence_expires_after_the_days_the_template_says() -> None:
    assert _lifecycle_rule({"Id": "ExpireRuns", "Status": "Enabled", "Prefix": "runs/", "ExpirationInDays": "400"}) == {
        "ID": "ExpireRuns",
        "Status": "Enabled",
        "Filter": {"Prefix": "runs/"},
        "Expiration": {"Days": 400},
    }


def test_overwritten_evidence_is_kept_as_long() -> None:
    rule = {
        "Id": "Old",
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": "400"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    assert _lifecycle_rule(rule) == {
        "ID": "Old",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 400},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
