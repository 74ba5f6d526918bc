"""`trueup doctor`: one line for each check, what to do next, and 1 when something failed."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cli_kit import BOOK, DYDX, changed, trueup, write

from local.venues.coinbase import CoinbaseSimulator
from local.venues.credentials import make_credential
from local.venues.dydx import DydxSimulator
from tests.unit.book_server import TOKEN, BookServer
from trueup.domain.documents import account_document
from trueup.domain.reading import format_time
from trueup.store import keys


def now():
    return datetime.now(UTC)


@pytest.fixture
def healthy(schedule, tmp_path, monkeypatch):
    """Two accounts that can be read, fresh books, a confirmed subscriber, and a run just now."""
    monkeypatch.setattr("cli.book.utc_now", now)
    key = make_credential()
    with CoinbaseSimulator() as coinbase, DydxSimulator(oracle_prices={}) as dydx:
        portfolio = coinbase.open_portfolio(key.name, key.public_key, {"BTC": "1"})
        dydx.open_subaccount(DYDX["address"], 0, assets={"USDC": "5"})
        account = {"account_id": "cb-main", "venue": "coinbase", "secret": "coinbase/cb-main", "base_url": coinbase.url}
        trueup(
            "accounts",
            "put",
            write(tmp_path, "a.json", account),
            "--secret-file",
            write(tmp_path, "k.json", key.key_file()),
        )
        trueup("accounts", "put", write(tmp_path, "d.json", changed(DYDX, base_url=dydx.url)))
        for name, wallet in (("cb-main", "spot"), ("dydx-one", "perp/0")):
            book = changed(BOOK, account_id=name, wallets=[wallet], holdings=[], as_of=format_time(now()))
            assert trueup("book", "put", write(tmp_path, "b.json", book)).code == 0
        queue = schedule.client("sqs").create_queue(QueueName="q")["QueueUrl"]
        schedule.client("sns").subscribe(
            TopicArn=schedule.outputs["TopicArn"],
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{queue}",
        )
        a_run_at(schedule, now())
        yield schedule, portfolio


def a_run_at(cloud, moment, state="finished"):
    run_id = moment.strftime("%Y%m%dT%H%M%SZ")
    pk, sk = keys.run(run_id)
    cloud.rows.put(
        {"pk": pk, "sk": sk, "run_id": run_id, "started_at": format_time(moment), "state": state, "status": "OK"}
    )


def checks():
    ran = trueup("doctor", "--json")
    assert ran.code == (1 if any(c["result"] == "failed" for c in ran.document["checks"]) else 0)
    assert ran.document["ok"] is (ran.code == 0)
    return {check["check"]: check for check in ran.document["checks"]}


def test_a_healthy_stack_fails_nothing_and_only_warns_that_the_schedule_is_off(healthy):
    found = checks()
    assert {check["check"]: check["result"] for check in found.values() if check["result"] != "ok"} == {
        "schedule": "warning"
    }
    assert found["account cb-main: read-only"]["found"] == "nothing but reading"
    assert trueup("doctor").code == 0


def test_a_key_that_may_trade_fails(healthy):
    healthy[1].can_trade = True
    check = checks()["account cb-main: read-only"]
    assert (check["result"], check["found"]) == ("failed", "the key may also trade")
    assert check["next"]


def test_a_key_the_venue_refuses_fails_and_is_tried_once_only(healthy, tmp_path):
    stranger = make_credential()
    healthy[0].client("secretsmanager").put_secret_value(
        SecretId="trueup/coinbase/cb-main", SecretString=stranger.key_file()
    )
    found = checks()
    assert found["account cb-main: venue"]["result"] == "failed"
    assert "VenueAuthFailed" in found["account cb-main: venue"]["found"]
    assert "account cb-main: read-only" not in found


def test_a_secret_that_is_gone_or_no_key_fails_with_what_to_do(healthy):
    secrets = healthy[0].client("secretsmanager")
    secrets.put_secret_value(SecretId="trueup/coinbase/cb-main", SecretString="hunter2")
    ran = trueup("doctor", "--json")
    assert "hunter2" not in ran.out
    assert checks()["account cb-main: key"]["result"] == "failed"
    secrets.delete_secret(SecretId="trueup/coinbase/cb-main", ForceDeleteWithoutRecovery=True)
    check = checks()["account cb-main: key"]
    assert check["result"] == "failed"
    assert "trueup accounts put" in check["next"]


def test_a_missing_or_stale_book_fails(healthy, tmp_path):
    cloud = healthy[0]
    book = changed(BOOK, as_of=format_time(now() - timedelta(hours=1)))
    trueup("book", "put", write(tmp_path, "b.json", book))
    cloud.rows.delete(*keys.book_head("dydx-one"))
    found = checks()
    assert "stale" in found["account cb-main: book"]["found"]
    assert found["account dydx-one: book"]["result"] == "failed"
    assert "trueup book import" in found["account dydx-one: book"]["next"]


def test_the_policy_in_force_is_named_and_says_when_a_book_is_stale(healthy, tmp_path):
    assert checks()["policy"]["found"].endswith(", built in, nobody has put one")
    trueup("policy", "put", write(tmp_path, "p.json", {"timing": {"default": {"stale_book_seconds": 7200}}}))
    book = changed(BOOK, as_of=format_time(now() - timedelta(hours=1)))
    trueup("book", "put", write(tmp_path, "b.json", book))
    found = checks()
    assert found["policy"]["found"].startswith(f"{healthy[0].policies.last().version}, put 2026-")
    assert found["account cb-main: book"]["result"] == "ok"


def test_a_policy_no_run_could_begin_with_fails_and_the_other_checks_go_on(healthy, tmp_path):
    trueup("policy", "put", write(tmp_path, "p.json", {"timing": {"default": {"recheck_wait_seconds": 15}}}))
    healthy[0].outputs["ReconciliationIntervalSeconds"] = "60"
    check = checks()["policy"]
    assert (check["result"], "from 1 to 10" in check["found"]) == ("failed", True)
    (key,) = healthy[0].objects.keys("policies/")
    healthy[0].client("s3").delete_object(Bucket="bucket", Key=key)
    found = checks()
    assert (found["policy"]["result"], "is missing" in found["policy"]["found"]) == ("failed", True)
    assert found["account cb-main: book"]["result"] == "ok"


def test_a_book_from_elsewhere_is_looked_at_where_it_is(healthy, tmp_path, monkeypatch):
    cloud, _ = healthy
    monkeypatch.setitem(cloud.outputs, "BookAllowedHosts", "127.0.0.1")
    stored = account_document(cloud.accounts.get("cb-main"))
    with BookServer() as server:
        stored["book"] = {"source": "https", "url": f"{server.url}/book", "secret": "coinbase/desk-book"}
        file, token = write(tmp_path, "a.json", stored), write(tmp_path, "token.txt", TOKEN)
        trueup("accounts", "put", file, "--book-secret-file", token)

        missing = checks()["account cb-main: book"]
        assert (missing["result"], missing["found"]) == (
            "failed",
            f"there is none, at {server.url}/book, so nothing can be compared",
        )
        assert missing["next"].startswith("correct it there")
        server.put("/book", changed(BOOK, as_of=format_time(now())))
        fresh = checks()["account cb-main: book"]
        assert fresh["result"] == "ok"
        assert re.fullmatch(rf"version 41, \d+ s old, at {server.url}/book", fresh["found"])
        server.put("/book", changed(BOOK, as_of=format_time(now() - timedelta(hours=1))))
        assert "stale after 15 min" in checks()["account cb-main: book"]["found"]
    gone = checks()["account cb-main: book"]
    assert gone["result"] == "failed"
    assert "found nobody at" in gone["found"]


def test_an_account_left_out_is_not_asked_for_anything(healthy):
    trueup("accounts", "disable", "cb-main")
    found = checks()
    assert found["account cb-main"]["found"] == "disabled, not looked at"
    assert "account cb-main: key" not in found


def test_a_venue_that_is_not_deployed_fails(healthy, monkeypatch):
    cloud = replace(healthy[0], outputs={**healthy[0].outputs, "FetchFunctions": '{"coinbase":"arn:c"}'})
    monkeypatch.setattr("cli.doctor.find_stack", lambda stack_name: cloud)
    assert checks()["account dydx-one"]["found"] == "dydx is not deployed"


def test_a_subscription_nobody_confirmed_is_listed_without_its_token(healthy, monkeypatch):
    class Sns:
        """moto confirms every subscription by itself."""

        def get_paginator(self, name):
            return self

        def paginate(self, TopicArn):  # noqa: N803
            pending = {"SubscriptionArn": "PendingConfirmation"}
            yield {"Subscriptions": [pending | {"Protocol": "https", "Endpoint": "https://u:p@hooks.example/T0K3N"}]}
            yield {"Subscriptions": [pending | {"Protocol": "email", "Endpoint": "desk@example.com"}]}

    monkeypatch.setattr("cli.doctor.client", lambda name: Sns() if name == "sns" else healthy[0].client(name))
    found = [check for check in trueup("doctor", "--json").document["checks"] if check["check"] == "alerts"]
    assert [(check["result"], check["found"]) for check in found] == [
        ("warning", "https https://hooks.example/… is not confirmed"),
        ("warning", "email desk@example.com is not confirmed"),
        ("warning", "nobody hears them"),
    ]


def test_a_schedule_that_is_on_and_brings_no_runs_fails(healthy, monkeypatch):
    monkeypatch.setattr("cli.doctor.utc_now", lambda: now() + timedelta(minutes=11))
    schedule = healthy[0].client("scheduler").get_schedule(Name="schedule")
    healthy[0].client("scheduler").update_schedule(
        State="ENABLED",
        **{name: schedule[name] for name in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")},
    )
    found = checks()
    assert found["schedule"]["result"] == "ok"
    assert found["last run"]["result"] == "failed"


def test_a_failed_last_run_fails_with_how_to_look_at_it(healthy):
    a_run_at(healthy[0], now() + timedelta(seconds=1), state="failed")
    check = checks()["last run"]
    assert check["result"] == "failed"
    assert check["next"].startswith("trueup runs show ")


def test_a_clock_that_is_off_fails(healthy, monkeypatch):
    monkeypatch.setattr("cli.doctor.client", _with_date(healthy[0], now() - timedelta(minutes=2)))
    check = checks()["clock"]
    assert check["result"] == "failed"
    assert 118 <= int(check["found"].split()[0]) <= 122


def test_a_table_that_cannot_be_read_fails_and_the_other_checks_go_on(healthy, monkeypatch):
    broken = replace(healthy[0], outputs={**healthy[0].outputs, "TableName": "other"})
    monkeypatch.setattr("cli.doctor.find_stack", lambda stack_name: broken)
    found = checks()
    assert found["table"]["result"] == "failed"
    assert found["accounts"]["result"] == "failed"
    assert found["bucket"]["result"] == "ok"
    assert found["schedule"]["result"] == "warning"


def test_without_credentials_doctor_says_so_and_stops(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    found = checks()
    assert list(found) == ["credentials"]
    assert "NoCredentialsError" in found["credentials"]["found"]
    assert found["credentials"]["next"]


def test_doctor_says_the_same_in_words(healthy):
    ran = trueup("doctor")
    assert "schedule" in ran.out
    assert "deploy with ScheduleState=ENABLED" in " ".join(ran.out.split())


def _with_date(cloud, date):
    class Sts:
        meta = cloud.client("sts").meta

        def get_caller_identity(self):
            answer = cloud.client("sts").get_caller_identity()
            answer["ResponseMetadata"]["HTTPHeaders"]["date"] = date.strftime("%a, %d %b %Y %H:%M:%S GMT")
            return answer

    return lambda service: Sts() if service == "sts" else cloud.client(service)
