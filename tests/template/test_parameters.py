"""What an operator may choose is described, limited, and refused in a sentence when mistyped."""

import json
from typing import Any

import pytest
from cfn import FUNCTION, Deployed, of_type, parameter_accepts

from trueup.config import (
    INTERVALS,
    BookSettings,
    CompareSettings,
    FetchSettings,
    NotifySettings,
    PlanSettings,
    PricesSettings,
)
from trueup.domain.base_urls import check_book_url
from trueup.errors import ConfigInvalid

REFUSED = {
    "ScheduleState": ["enabled", ""],
    "ReconciliationEnabled": ["True", "yes", ""],
    "ReconciliationIntervalSeconds": ["0", "61", "86400"],
    "Venues": ["kraken", "coinbase,kraken", "coinbasex", "Coinbase", "coinbase,", ""],
    "ReconciliationThresholdPercentage": [
        "0",
        "0.0",
        "0.00001",
        "-1",
        "1e-1",
        "0,1",
        "0.1%",
        "11",
        "10.1",
        ".5",
        "NaN",
        "",
    ],
    "PricesBaseUrl": ["http://prices.example", "https://api.coinbase.com/", "ftp://x", "api.coinbase.com", ""],
    "AlertEmail": ["nobody", "a@b", "a@example.com,b@example.com"],
    "AlertWebhookUrl": ["http://hooks.example/x", "hooks.example"],
    "LeastCoveragePercentage": ["-1", "101", "most"],
    "HeartbeatUrl": [
        "http://hc-ping.com/x",
        "hc-ping.com/x",
        "https://user@hc-ping.com/x",
        "https://hc-ping.com/x#y",
        "https://hc-ping.com/a b",
        "https://-/x",
    ],
    "AlertEndpointsSecret": ["two words", "arn:aws:secretsmanager:eu-central-1:1:secret:x", "trueup/*"],
    "AlertAllowedHosts": ["Hooks.internal", "https://hooks.internal", "a,", "hooks.internal:8443", "*.internal"],
    "ReconciliationTimeoutMilliseconds": ["0", "999", "60001"],
    "ReconciliationMaxRetries": ["-1", "11", "many"],
    "MaxConcurrency": ["0", "41"],
    "FetchSubnetIds": ["subnet", "subnet-1,", "subnet-1, subnet-2", "vpc-1"],
    "FetchSecurityGroupIds": ["sg", "sg-1;sg-2", "default"],
    "BookAllowedHosts": ["Books.internal", "https://books.internal", "a,", "a, b", "books.internal:8443", "*.internal"],
    "BookBucket": ["Desk", "a", "desk/books", "arn:aws:s3:::desk-books", "desk-*"],
    "BookPrefix": ["books/*", "books?", "${x}", "a b"],
    "RetentionDays": ["0", "29", "3651"],
    "EvidenceLockDays": ["-1", "3651", "ever"],
    "LogRetentionDays": ["0", "2", "31"],
}
ACCEPTED = {
    "Venues": ["coinbase", "dydx", "dydx,coinbase", "coinbase, dydx"],
    "ReconciliationThresholdPercentage": ["0.0001", "0.1", "0.10", "0.25", "1", "9.99", "10", "10.0"],
    "PricesBaseUrl": ["http://127.0.0.1:8080", "http://localhost", "https://prices.example/v2"],
    "FetchSubnetIds": ["", "subnet-0123456789abcdef0", "subnet-0000000a,subnet-0000000b"],
    "FetchSecurityGroupIds": ["", "sg-0123456789abcdef0", "sg-0000000a,sg-0000000b"],
    "BookAllowedHosts": ["", "books.internal", "localhost", "books.internal,10.0.0.7"],
    "BookBucket": ["", "desk-books", "desk.books.7"],
    "EvidenceLockDays": ["0", "1", "400", "3650"],
    "BookPrefix": ["", "books/", "desk=a/(2)_!.-+"],
    "AlertEmail": ["", "desk@example.com"],
    "AlertWebhookUrl": ["", "https://hooks.example/x?y=z"],
    "LeastCoveragePercentage": ["0", "50", "100"],
    "HeartbeatUrl": ["", "https://hc-ping.com/0b9c7d2e", "https://watch.example:8443/ping?key=a.b-c", "https://a"],
    "AlertEndpointsSecret": ["", "trueup/alert-endpoints", "alerts+1@desk=.x"],
    "AlertAllowedHosts": ["", "hooks.internal", "hooks.internal,10.0.0.7"],
}


def test_every_parameter_tells_what_it_is_for(template: dict[str, Any]) -> None:
    for name, declared in template["Parameters"].items():
        assert len(declared.get("Description", "")) > 20, name


def test_every_parameter_has_a_limit_and_a_sentence_for_who_mistypes(template: dict[str, Any]) -> None:
    for name, declared in template["Parameters"].items():
        limited = {"AllowedValues", "AllowedPattern", "MinValue"} & declared.keys()
        assert limited, f"{name} takes anything"
        assert declared.get("ConstraintDescription", "").startswith(("must be", "must start", "each must")), name
        if "MinValue" in declared:
            both = str(declared["MinValue"]), str(declared["MaxValue"])
            assert all(limit in declared["ConstraintDescription"] for limit in both), f"{name}: name the range"


def test_every_default_is_accepted(template: dict[str, Any]) -> None:
    for name, declared in template["Parameters"].items():
        assert parameter_accepts(declared, str(declared["Default"])), name


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values])
def test_what_is_mistyped_is_refused_before_anything_is_deployed(
    template: dict[str, Any], name: str, value: str
) -> None:
    assert not parameter_accepts(template["Parameters"][name], value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ACCEPTED.items() for value in values])
def test_what_is_meant_is_accepted(template: dict[str, Any], name: str, value: str) -> None:
    assert parameter_accepts(template["Parameters"][name], value)


def test_every_parameter_has_its_refusals_tried(template: dict[str, Any]) -> None:
    assert REFUSED.keys() == template["Parameters"].keys()


def test_the_console_shows_every_parameter_in_a_group_and_by_a_label(template: dict[str, Any]) -> None:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert interface["ParameterLabels"].keys() == template["Parameters"].keys()


def test_the_intervals_offered_are_the_ones_the_code_knows(template: dict[str, Any]) -> None:
    assert tuple(template["Parameters"]["ReconciliationIntervalSeconds"]["AllowedValues"]) == INTERVALS
    assert tuple(map(int, template["Mappings"]["Timing"])) == INTERVALS


@pytest.mark.parametrize("interval", INTERVALS)
def test_deploying_and_starting_refuse_the_same_choices(template: dict[str, Any], interval: int) -> None:
    modest = {
        "ReconciliationIntervalSeconds": str(interval),
        "ReconciliationMaxRetries": "0",
        "ReconciliationTimeoutMilliseconds": "1000",
    }
    choices = [{"ReconciliationMaxRetries": str(retries)} for retries in range(11)]
    choices += [{"ReconciliationTimeoutMilliseconds": str(timeout)} for timeout in range(1000, 60001, 500)]
    for chosen in choices:
        stack = Deployed(template, **(modest | chosen))
        assert _starts(stack) == (stack.refusals() == []), chosen


def _starts(stack: Deployed) -> bool:
    try:
        PlanSettings.from_env(stack.environment("PlanFunction"))
    except ConfigInvalid:
        return False
    return True


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"ReconciliationThresholdPercentage": "0.0001", "ReconciliationTimeoutMilliseconds": "1000"},
        {"ReconciliationThresholdPercentage": "10", "ReconciliationTimeoutMilliseconds": "24000"},
        {
            "MaxConcurrency": "1",
            "RetentionDays": "30",
            "ReconciliationIntervalSeconds": "60",
            "ReconciliationMaxRetries": "1",
        },
        {
            "MaxConcurrency": "40",
            "RetentionDays": "3650",
            "ReconciliationIntervalSeconds": "3600",
            "ReconciliationMaxRetries": "10",
            "ReconciliationTimeoutMilliseconds": "60000",
        },
        {"PricesBaseUrl": "http://127.0.0.1:8080", "ReconciliationEnabled": "false"},
        {"BookAllowedHosts": "books.internal,10.0.0.7", "BookBucket": "desk-books", "BookPrefix": "books/"},
        {"HeartbeatUrl": "https://hc-ping.com/0b9c7d2e", "LeastCoveragePercentage": "0"},
    ],
)
def test_every_function_understands_the_environment_it_is_given(
    template: dict[str, Any], chosen: dict[str, str]
) -> None:
    stack = Deployed(template, **chosen)
    assert all(parameter_accepts(template["Parameters"][name], value) for name, value in chosen.items())
    PlanSettings.from_env(stack.environment("PlanFunction"))
    PricesSettings.from_env(stack.environment("FetchPricesFunction"))
    CompareSettings.from_env(stack.environment("CompareFunction"))
    assert FetchSettings.from_env(stack.environment("FetchCoinbaseFunction")).venue == "coinbase"
    BookSettings.from_env(stack.environment("BookFunction"))
    assert FetchSettings.from_env(stack.environment("FetchDydxFunction")).venue == "dydx"


@pytest.mark.parametrize(
    "venues", ["coinbase", "dydx", "coinbase,dydx", "dydx,coinbase", "coinbase, dydx", "dydx,dydx"]
)
def test_only_the_venues_chosen_exist_and_plan_knows_exactly_those(template: dict[str, Any], venues: str) -> None:
    stack = Deployed(template, Venues=venues)
    resources = stack.resources
    chosen = {name.strip() for name in venues.split(",")}

    functions = {
        stack.environment(name)["VENUE"]: f"arn:{name}"
        for name in of_type(template, FUNCTION)
        if name in resources and "VENUE" in stack.environment(name)
    }
    assert functions.keys() == chosen
    assert json.loads(stack.environment("PlanFunction")["FETCH_FUNCTIONS"]) == functions
    assert json.loads(stack.resolve(template["Outputs"]["FetchFunctions"]["Value"])) == functions
    for venue in ("Coinbase", "Dydx"):
        parts = {f"Fetch{venue}Function", f"Fetch{venue}Role", f"Fetch{venue}LogGroup"}
        assert parts & resources.keys() == (parts if venue.lower() in chosen else set())


@pytest.mark.parametrize("venues", ["mycoinbase,dydxv5", "coinbase2", "xdydx"])
def test_a_venue_whose_name_only_contains_another_is_not_the_other(template: dict[str, Any], venues: str) -> None:
    stack = Deployed(template, Venues=venues)
    assert not stack.holds("CoinbaseChosen")
    assert not stack.holds("DydxChosen")


def test_a_venue_that_was_not_chosen_is_named_nowhere_in_what_is_deployed(template: dict[str, Any]) -> None:
    assert "dydx" not in json.dumps(Deployed(template, Venues="coinbase").resources).lower()
    assert "FetchCoinbase" not in json.dumps(Deployed(template, Venues="dydx").resources)


@pytest.mark.parametrize(
    ("email", "webhook", "expected"),
    [
        ("", "", set()),
        ("desk@example.com", "", {"EmailSubscription"}),
        ("", "https://hooks.example/x", {"WebhookSubscription"}),
        ("desk@example.com", "https://hooks.example/x", {"EmailSubscription", "WebhookSubscription"}),
    ],
)
def test_only_who_gave_an_address_is_subscribed(
    template: dict[str, Any], email: str, webhook: str, expected: set[str]
) -> None:
    resources = Deployed(template, AlertEmail=email, AlertWebhookUrl=webhook).resources
    assert {"EmailSubscription", "WebhookSubscription"} & resources.keys() == expected


FIXED = {"FetchSubnetIds": "subnet-0000000a,subnet-0000000b", "FetchSecurityGroupIds": "sg-0000000c"}


def test_what_talks_to_venues_can_do_so_from_a_fixed_address_and_nothing_else_moves(template: dict[str, Any]) -> None:
    stack = Deployed(template, **FIXED)
    assert stack.refusals() == []
    network = {"SubnetIds": ["subnet-0000000a", "subnet-0000000b"], "SecurityGroupIds": ["sg-0000000c"]}
    moved = {
        name: resource["Properties"]["VpcConfig"]
        for name, resource in stack.resources.items()
        if "VpcConfig" in resource.get("Properties", {})
    }
    assert moved == dict.fromkeys(["FetchCoinbaseFunction", "FetchDydxFunction", "FetchPricesFunction"], network)
    roles = [name.replace("Function", "Role") for name in moved]
    assert sorted(stack.resources["FetchSubnetPolicy"]["Properties"]["Roles"]) == sorted(roles)
    assert all(stack.resources[name]["DependsOn"] == "FetchSubnetPolicy" for name in moved)


def test_without_subnets_no_function_and_no_role_has_to_do_with_networks(deployed: Deployed) -> None:
    assert "FetchSubnetPolicy" not in deployed.resources
    assert not any("VpcConfig" in resource.get("Properties", {}) for resource in deployed.resources.values())


@pytest.mark.parametrize("name", FIXED)
def test_subnets_without_security_groups_or_the_other_way_round_are_refused(
    template: dict[str, Any], name: str
) -> None:
    [told] = Deployed(template, **{name: FIXED[name]}).refusals()
    other = next(it for it in FIXED if it != name)
    assert told == f"With {name}, {other} must be given too"


ENDPOINTS = {"AlertEndpointsSecret": "trueup/alert-endpoints", "AlertAllowedHosts": "hooks.internal"}


def test_endpoints_and_the_hosts_allowed_arrive_at_what_tells_them(template: dict[str, Any]) -> None:
    settings = NotifySettings.from_env(Deployed(template, **ENDPOINTS).environment("NotifyFunction"))
    assert (settings.endpoints_secret, settings.allowed_hosts) == ("trueup/alert-endpoints", {"hooks.internal"})
    assert (settings.queue_url, settings.dead_letter_queue_url) == ("DeliveryQueue", "DeliveryDeadLetterQueue")


def test_without_endpoints_nothing_is_deployed_for_them(template: dict[str, Any]) -> None:
    with_them, without = Deployed(template, **ENDPOINTS).resources, Deployed(template).resources
    assert with_them.keys() - without.keys() == {
        *("NotifyFunction", "NotifyRole", "NotifyLogGroup", "NotifySubscription", "NoticesArrive", "DeliveriesArrive"),
        *("NoticeQueue", "NoticeDeadLetterQueue", "DeliveryQueue", "DeliveryDeadLetterQueue"),
        *("NoticeQueuePolicy", "DeliveryQueuePolicy", "AlertsNotDeliveredAlarm", "AlertsNotHandedOutAlarm"),
        *("AlertsHeldUpAlarm", "TopicFailingAlarm"),
    }
    outputs = {name for name, it in template["Outputs"].items() if it.get("Condition") == "AlertsToEndpoints"}
    assert all(("Notify" in name or "Queue" in name) for name in outputs)


def test_hosts_inside_that_are_allowed_arrive_at_what_reads_books_and_in_the_outputs(template: dict[str, Any]) -> None:
    stack = Deployed(template, BookAllowedHosts="books.internal,10.0.0.7")
    for venue in ("Coinbase", "Dydx"):
        settings = FetchSettings.from_env(stack.environment(f"Fetch{venue}Function"))
        assert settings.book_allowed_hosts == {"books.internal", "10.0.0.7"}
    output = template["Outputs"]["BookAllowedHosts"]
    assert (stack.holds(output["Condition"]), stack.resolve(output["Value"])) == (True, "books.internal,10.0.0.7")


def test_without_them_none_is_allowed(template: dict[str, Any], deployed: Deployed) -> None:
    assert FetchSettings.from_env(deployed.environment("FetchCoinbaseFunction")).book_allowed_hosts == frozenset()
    assert not deployed.holds(template["Outputs"]["BookAllowedHosts"]["Condition"])


def test_a_prefix_without_a_bucket_is_refused(template: dict[str, Any]) -> None:
    [told] = Deployed(template, BookPrefix="books/").refusals()
    assert told == "With BookPrefix, BookBucket must be given too"


def test_an_address_that_may_be_deployed_is_one_that_is_asked() -> None:
    for url in ACCEPTED["HeartbeatUrl"]:
        assert url == "" or check_book_url(url) == url


def test_the_address_that_may_carry_a_token_is_not_shown_again(template: dict[str, Any]) -> None:
    assert template["Parameters"]["AlertWebhookUrl"]["NoEcho"] is True
