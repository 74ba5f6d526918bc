"""What CloudFormation drops here is applied with the same meaning by the services' own calls."""

import boto3
import pytest
from moto import mock_aws

from local.cloud.dropped import _bucket, _lifecycle_rule


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


def test_evidence_is_locked_as_the_template_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        s3 = session.client("s3")
        s3.create_bucket(Bucket="evidence", ObjectLockEnabledForBucket=True)
        retention = {"Mode": "GOVERNANCE", "Days": "400"}
        lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
        _bucket(session, "evidence", {"ObjectLockEnabled": True, "ObjectLockConfiguration": lock})
        found = s3.get_object_lock_configuration(Bucket="evidence")["ObjectLockConfiguration"]
    assert found["ObjectLockEnabled"] == "Enabled"
    assert {name: found["Rule"]["DefaultRetention"][name] for name in retention} == {"Mode": "GOVERNANCE", "Days": 400}
