"""Policies: checked whole, explained field by field, put over what was seen, and kept with who put them."""

import json

import pytest
from cli_kit import RUN_ID, is_one_line, trueup, write

from trueup.domain.policy import default_policy, read_policy, read_policy_document
from trueup.domain.reading import read_time
from trueup.store import keys
from trueup.store.policies import Put
from trueup.store.runs import Manifest

FILE = """\
tolerance:
  default: {value_cap: 500}
  assets: {SHIB: {quantity: 1}}
  venues: {dydx: {relative: 0.0005, assets: {USDC: {value_floor: 5}}}}
  accounts: {cb-main: {value_cap: 250}}
alerts: {assets: {BTC: {alert_from: MINOR}}}
"""
BY = "arn:aws:sts::123456789012:user/moto"
NOW = "2026-11-22T12:01:00.000Z"


def refused(ran, *words, code=64):
    assert ran.code == code, ran
    assert is_one_line(ran.err), ran.err
    for word in words:
        assert word in ran.err


@pytest.fixture
def file(tmp_path):
    return write(tmp_path, "policy.yaml", FILE)


@pytest.fixture
def other(tmp_path):
    return write(tmp_path, "other.json", {"tolerance": {"default": {"relative": "0.5"}}})


def field(document, section, name):
    (found,) = [each for each in document["applies"]["fields"] if (each["section"], each["field"]) == (section, name)]
    return found["value"], found["origin"]


# -- check -----------------------------------------------------------------------------------------------------


def test_a_good_file_says_what_it_changes(file):
    ran = trueup("policy", "check", file)
    assert (ran.code, ran.err) == (0, "")
    version = read_policy(
        {
            "tolerance": {
                "default": {"value_cap": "500"},
                "assets": {"SHIB": {"quantity": "1"}},
                "venues": {"dydx": {"relative": "0.0005", "assets": {"USDC": {"value_floor": "5"}}}},
                "accounts": {"cb-main": {"value_cap": "250"}},
            },
            "alerts": {"assets": {"BTC": {"alert_from": "MINOR"}}},
        },
        default_policy(),
    ).version
    assert f"version {version}" in " ".join(ran.out.split())
    rows = [line.split() for line in ran.out.splitlines()[-6:]]
    assert rows[0] == ["tolerance.value_cap", "default", "500", "1000", "(built-in)"]
    assert rows[2] == ["tolerance.relative", "venue:dydx", "0.0005", "0.001", "(threshold)"]
    assert rows[4] == ["tolerance.value_cap", "account:cb-main", "250", "500", "(default)"]
    assert rows[5] == ["alerts.alert_from", "asset:BTC", "MINOR", "MAJOR", "(built-in)"]


def test_a_file_is_explained_for_an_account_an_asset_and_a_venue(file):
    ran = trueup("policy", "check", file, "--account", "cb-main", "--venue", "coinbase", "--asset", "BTC", "--json")
    document = ran.document
    assert document["applies"].keys() == {"account_id", "venue", "asset", "fields"}
    assert field(document, "tolerance", "value_cap") == ("250", "account:cb-main")
    assert field(document, "tolerance", "relative") == ("0.001", "threshold")
    assert field(document, "alerts", "alert_from") == ("MINOR", "asset:BTC")
    assert field(document, "timing", "stale_book_seconds") == (900, "built-in")
    of_dydx = trueup("policy", "check", file, "--venue", "dydx", "--asset", "USDC", "--json").document
    assert field(of_dydx, "tolerance", "value_floor") == ("5", "venue:dydx/asset:USDC")
    assert field(of_dydx, "tolerance", "value_cap") == ("500", "default")
    assert (of_dydx["applies"]["account_id"], of_dydx["applies"]["venue"]) == (None, "dydx")


def test_the_table_explains_every_field_and_where_the_threshold_comes_from(file):
    ran = trueup("policy", "check", file, "--venue", "coinbase")
    assert "for any other account, venue coinbase, any other asset:" in " ".join(ran.out.split())
    assert ["tolerance.value_cap", "500", "default"] in [line.split() for line in ran.out.splitlines()]
    assert is_one_line(ran.err)
    assert "ReconciliationThresholdPercentage" in ran.err
    assert trueup("policy", "check", file, "--venue", "dydx").err == ""
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_without_its_venue_an_account_is_explained_only_where_no_venue_has_a_say(file, other):
    refused(trueup("policy", "check", file, "--account", "cb-main"), "--venue: is missing", "dydx")
    assert trueup("policy", "check", other, "--account", "cb-main").code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tolerance: {default: {relativ: 1}}", ["tolerance.default.relativ", "known: quantity, relative"]),
        ("tolerance: {default: {relative: 5}}", ["tolerance.default.relative", "share from 0 to 1"]),
        ("tolerance: [1]", ["tolerance", "must be an object, not a list"]),
        ("colour: {}", ["colour", "known: alerts, correlate, severity, timing, tolerance"]),
        ("severity: {default: {minor_below: 0.3}}", ["severity (default)", "minor_below must not be above"]),
        ("timing: {default: {recheck_wait_seconds: 0}}", ["recheck_wait_seconds", "from 1 to 604800"]),
        ("tolerance: {default: {relative: 1}, default: {}}", ["repeats the key 'default'", "line 1"]),
        ("", ["is empty"]),
        ("a: [", ["is not YAML"]),
    ],
)
def test_a_fault_is_one_line_that_names_the_file_the_field_and_what_is_allowed(tmp_path, text, words):
    refused(trueup("policy", "check", write(tmp_path, "policy.yaml", text)), "policy.yaml", *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--venue", "dydxx"), ["--venue", "coinbase, dydx", "dydxx"]),
        (("--account", "CB Main"), ["--account", "lower-case"]),
        (("--asset", ""), ["--asset", "empty"]),
        (("--account", "cb-main", "--venue", ""), ["--venue"]),
    ],
)
def test_a_wrong_question_is_refused(file, options, words):
    refused(trueup("policy", "check", file, *options), *words)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    refused(trueup("policy", "check", tmp_path / "policy.yaml"), "there is no such file")


def test_a_name_nobody_has_is_noted_because_it_would_never_apply(tmp_path):
    document = {"tolerance": {"venues": {"krakn": {}}, "accounts": {"CB Main": {"value_cap": "1"}}}}
    ran = trueup("policy", "check", write(tmp_path, "p.json", document), "--json")
    assert ran.code == 0
    assert ran.document["unknown"] == {"accounts": ["CB Main"], "venues": ["krakn"]}
    assert ran.err.splitlines() == [
        "note: there is no account CB Main: what is stated for it applies to nothing",
        "note: there is no venue krakn (there are coinbase, dydx): what is stated for it applies to nothing",
    ]


def test_checking_needs_no_cloud(file, monkeypatch):
    monkeypatch.setattr("cli.policy.connect", lambda *_args, **_kwargs: pytest.fail("asked for the stack"))
    assert trueup("policy", "check", file).code == 0


# -- put -------------------------------------------------------------------------------------------------------


def test_a_policy_put_is_in_force_with_who_put_it_and_when(two_accounts, file):
    ran = trueup("policy", "put", file)
    last = two_accounts.policies.last()
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"policy {last.version}: in force from the next run on, in place of the built-in one\n"
    assert last == Put(1, last.version, read_time(NOW, "now"), BY)
    shown = trueup("policy", "show", "--json").document
    assert shown["put"] == {"number": 1, "version": last.version, "put_at": NOW, "by": BY}
    assert read_policy_document(shown["policy"]) == two_accounts.policies.current(default_policy())


def test_the_version_that_check_names_is_the_one_that_is_put(cloud, file):
    checked = trueup("policy", "check", file, "--json").document["version"]
    assert trueup("policy", "put", file, "--json").document["put"]["version"] == checked


def test_putting_the_same_again_changes_nothing_and_says_so(cloud, file):
    trueup("policy", "put", file)
    ran = trueup("policy", "put", file)
    assert "in force already: put 2026-11-22T12:01:00.000Z by arn:" in ran.out
    again = trueup("policy", "put", file, "--json").document
    assert (again["unchanged"], again["replaced_version"]) == (True, None)
    assert len(cloud.policies.history()) == 1


def test_nobody_puts_over_a_policy_they_have_not_seen(cloud, file, other):
    first = trueup("policy", "put", file, "--expect", "none", "--json").document["put"]["version"]
    refused(trueup("policy", "put", other, "--expect", "none"), "PolicyConflict", f"not at none: {first}", code=75)
    refused(trueup("policy", "put", other, "--expect", "0" * 12), "PolicyConflict", first, code=75)
    second = trueup("policy", "put", other, "--expect", first, "--json").document
    assert (second["replaced_version"], second["put"]["number"]) == (first, 2)
    refused(trueup("policy", "put", other, "--expect", "latest"), "--expect", "latest")


def test_whoever_is_a_moment_too_late_changes_nothing(cloud, file, other, monkeypatch):
    def overtaken(*_args):
        cloud.policies.put(default_policy(), read_time(NOW, "now"), "somebody-else", cloud.policies.last())
        return BY

    monkeypatch.setattr(type(cloud), "caller", property(overtaken))
    refused(trueup("policy", "put", file), "PolicyConflict", "somebody put another meanwhile", code=75)
    assert [put.by for put in cloud.policies.history()] == ["somebody-else"]


def test_a_wait_that_does_not_fit_the_stacks_interval_is_refused_and_nothing_is_put(cloud, tmp_path):
    timing = {"timing": {"default": {"recheck_wait_seconds": 15}, "venues": {"dydx": {"recheck_wait_seconds": 16}}}}
    ran = trueup("policy", "put", write(tmp_path, "p.json", timing))
    refused(ran, "recheck_wait_seconds (venue:dydx) must be from 1 to 15", "RECONCILIATION_INTERVAL_SECONDS=300", "16")
    assert cloud.policies.last() is None
    assert cloud.objects.keys("policies/") == []


def test_a_wrong_file_is_refused_before_the_stack_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("cli.policy.connect", lambda *_args, **_kwargs: pytest.fail("asked for the stack"))
    refused(trueup("policy", "put", write(tmp_path, "p.json", {"tolerance": {"default": {"x": 1}}})), "default.x")


def test_an_account_the_stack_does_not_have_is_noted(two_accounts, tmp_path):
    document = {"timing": {"accounts": {"cb-mian": {"stale_book_seconds": 60}, "cb-main": {"stale_book_seconds": 60}}}}
    ran = trueup("policy", "put", write(tmp_path, "p.json", document), "--json")
    assert ran.document["unknown"] == {"accounts": ["cb-mian"], "venues": []}
    assert ran.err == "note: there is no account cb-mian: what is stated for it applies to nothing\n"


def test_an_empty_policy_takes_back_what_was_put(cloud, file, tmp_path):
    trueup("policy", "put", file)
    trueup("policy", "put", write(tmp_path, "none.yaml", "{}"))
    assert cloud.policies.current(default_policy()) == default_policy()


def test_a_stack_that_does_not_say_its_interval_is_to_be_deployed_again(cloud, file, monkeypatch):
    del cloud.outputs["ReconciliationIntervalSeconds"]
    refused(trueup("policy", "put", file), "ConfigInvalid", "ReconciliationIntervalSeconds", "deploy it again")


# -- show and list ---------------------------------------------------------------------------------------------


def test_without_a_policy_what_is_built_in_is_shown_with_the_deployments_threshold(cloud):
    cloud.outputs["ReconciliationThresholdPercentage"] = "0.25"
    shown = trueup("policy", "show")
    assert "all of it built in" in shown.out
    assert ["tolerance.relative", "0.0025", "threshold"] in [line.split() for line in shown.out.splitlines()]
    assert trueup("policy", "show", "--json").document["put"] is None
    assert trueup("policy", "list").out.startswith("nobody has put a policy")
    assert trueup("policy", "list", "--json").document == {"puts": []}


def test_what_is_in_force_is_shown_for_everybody_and_then_the_exceptions(cloud, file):
    trueup("policy", "put", file)
    ran = trueup("policy", "show")
    everybody, _, exceptions = ran.out.partition("\nexcept\n")
    assert ["tolerance.value_cap", "500", "default"] in [line.split() for line in everybody.splitlines()]
    assert "account:cb-main" not in everybody
    assert ["tolerance.value_cap", "account:cb-main", "250", "500", "(default)"] in [
        line.split() for line in exceptions.splitlines()
    ]
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_another_threshold_since_it_was_put_makes_another_version_of_it_and_says_so(cloud, file):
    version = trueup("policy", "put", file, "--json").document["put"]["version"]
    cloud.outputs["ReconciliationThresholdPercentage"] = "1"
    shown = trueup("policy", "show", "--json").document
    now = shown["policy"]["version"]
    assert (shown["put"]["version"], now != version) == (version, True)
    assert f"what {version} states" in " ".join(trueup("policy", "show").out.split())
    cloud.runs.write_manifest(Manifest(RUN_ID, read_time(NOW, "now"), {}, {}, cloud.policies.current(cloud.built_in)))
    assert "over another threshold" in trueup("policy", "show", "--run", RUN_ID).out
    # Reports of runs since then name it.
    assert trueup("policy", "show", now, "--json").document["policy"] == shown["policy"]
    assert (
        trueup("policy", "show", version, "--json").document["policy"]["built_in"]["tolerance"]["relative"] == "0.001"
    )


def test_every_version_that_was_put_is_shown_and_listed(cloud, file, other):
    versions = [trueup("policy", "put", each, "--json").document["put"]["version"] for each in (file, other)]
    puts = trueup("policy", "list", "--json").document["puts"]
    assert [(each["number"], each["version"], each["by"]) for each in puts] == [
        (1, versions[0], BY),
        (2, versions[1], BY),
    ]
    assert [line.split()[1] for line in trueup("policy", "list").out.splitlines()[1:] if line.split()[0].isdigit()] == (
        versions
    )
    old = trueup("policy", "show", versions[0], "--json").document
    assert (old["policy"]["version"], old["put"]["number"]) == (versions[0], 1)
    assert old["policy"]["states"]["tolerance"]["accounts"] == {"cb-main": {"value_cap": "250"}}


def test_an_account_is_explained_by_its_own_venue(two_accounts, file):
    trueup("policy", "put", file)
    document = trueup("policy", "show", "--account", "dydx-one", "--asset", "USDC", "--json").document
    assert document["applies"]["venue"] == "dydx"
    assert field(document, "tolerance", "value_floor") == ("5", "venue:dydx/asset:USDC")
    table = trueup("policy", "show", "--account", "dydx-one").out
    assert "for account dydx-one, venue dydx, any other asset:" in " ".join(table.split())
    refused(trueup("policy", "show", "--account", "dydx-oen"), "--account", "dydx-oen", "cb-main, dydx-one")
    refused(trueup("policy", "show", "--account", "dydx-one", "--venue", "coinbase"), "--venue", "is at dydx")


def test_the_policy_of_a_run_is_the_one_it_was_judged_by_whatever_was_put_since(a_run, file):
    report = trueup("runs", "show", RUN_ID, "--json").document
    trueup("policy", "put", file)
    document = trueup("policy", "show", "--run", RUN_ID, "--json").document
    assert document["policy"]["version"] == report["policy_version"] == default_policy().version
    assert document["put"] is None
    assert f"of run {RUN_ID}" in trueup("policy", "show", "--run", RUN_ID).out
    explained = trueup("policy", "show", "--run", RUN_ID, "--account", "dydx-one", "--json").document
    assert explained["applies"]["venue"] == "dydx"


def test_the_version_that_a_report_names_is_shown_also_if_nobody_put_it(a_run):
    version = trueup("runs", "show", RUN_ID, "--json").document["policy_version"]
    assert trueup("policy", "show", version, "--json").document["policy"]["version"] == version


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("0" * 12,), ["VERSION", "000000000000", "trueup policy list", "--run RUN_ID"]),
        (("../accounts",), ["VERSION", "such as"]),
        (("latest",), ["VERSION", "latest"]),
        (("--run", "yesterday"), ["--run", "20261122T120000Z"]),
        (("--run", "20261122T115500Z"), ["run 20261122T115500Z", "no manifest"]),
        (("0" * 12, "--run", RUN_ID), ["--run", "leave VERSION out"]),
        (("--venue", "krakn"), ["--venue", "coinbase, dydx"]),
    ],
)
def test_what_is_not_there_is_one_line_with_what_is(a_run, arguments, words):
    refused(trueup("policy", "show", *arguments), *words)


def test_a_policy_nobody_can_read_is_not_shown_as_another(cloud, file, other):
    version = trueup("policy", "put", file, "--json").document["put"]["version"]
    cloud.client("s3").put_object(Bucket="bucket", Key=keys.policy_object(version), Body=json.dumps({}).encode())
    refused(trueup("policy", "show"), "ConfigInvalid", version, "cannot be read", "trueup policy put FILE")
    refused(trueup("policy", "show", version), version, "cannot be read")
    refused(trueup("policy", "put", file), version, "cannot be read", keys.policy_object(version))
    assert trueup("policy", "put", other).code == 0
    assert trueup("policy", "show").code == 0
