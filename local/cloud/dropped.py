"""Properties that ministack's CloudFormation drops without a word, applied by their own API calls.

They come from the same template, so that the deployed resources are what it says. What ministack then makes of them
(no encryption, no expiry) is ministack's; that they are in the template is for the static tests.
"""

from typing import Any

import boto3

from local.cloud.template import Template, of_type
from local.cloud.values import Values


def apply(session: boto3.Session, template: Template, values: Values) -> None:
    """Apply to every bucket, table and topic of the deployed stack what was dropped. Raises TemplateUnsupported."""
    for kind, apply_to in (
        ("AWS::S3::Bucket", _bucket),
        ("AWS::DynamoDB::Table", _table),
        ("AWS::SNS::Topic", _topic),
    ):
        for name, properties in of_type(template, kind).items():
            if name in values.resources:  # not there if its condition does not hold
                apply_to(session, values.resources[name], values.resolve(properties))


def _bucket(session: boto3.Session, bucket: str, properties: dict[str, Any]) -> None:
    s3 = session.client("s3")
    if encryption := properties.get("BucketEncryption"):
        configuration: Any = {
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                    "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
                }
                for rule in encryption["ServerSideEncryptionConfiguration"]
            ]
        }
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=configuration)
    if lock := properties.get("ObjectLockConfiguration"):
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=_lock(lock))
    if lifecycle := properties.get("LifecycleConfiguration"):
        rules: Any = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _lock(lock: dict[str, Any]) -> Any:
    """Return CloudFormation's form of an Object Lock in the form of the S3 API."""
    retention = lock["Rule"]["DefaultRetention"]
    return lock | {"Rule": {"DefaultRetention": retention | {"Days": int(retention["Days"])}}}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Return CloudFormation's form of a rule in the form of the S3 API."""
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule["ExpirationInDays"])
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule["ExpiredObjectDeleteMarker"]
    api: dict[str, Any] = {
        "ID": rule["Id"],
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
    }
    if expiration:
        api["Expiration"] = expiration
    if noncurrent := rule.get("NoncurrentVersionExpiration"):
        api["NoncurrentVersionExpiration"] = {"NoncurrentDays": int(noncurrent["NoncurrentDays"])}
    if abort := rule.get("AbortIncompleteMultipartUpload"):
        api["AbortIncompleteMultipartUpload"] = abort
    return api


def _table(session: boto3.Session, table: str, properties: dict[str, Any]) -> None:
    dynamodb = session.client("dynamodb")
    if ttl := properties.get("TimeToLiveSpecification"):
        now = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if now["TimeToLiveStatus"] != "ENABLED":
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=ttl)
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
    if encryption := properties.get("SSESpecification"):
        specification: Any = {"Enabled": encryption["SSEEnabled"]} | {
            name: encryption[name] for name in ("SSEType", "KMSMasterKeyId") if name in encryption
        }
        dynamodb.update_table(TableName=table, SSESpecification=specification)


def _topic(session: boto3.Session, topic: str, properties: dict[str, Any]) -> None:
    if key := properties.get("KmsMasterKeyId"):
        session.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
