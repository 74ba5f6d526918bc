"""Finding the stack, and everything AWS can answer, as one line with what to do and a fitting exit code."""

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)
from cli_kit import is_one_line, trueup

from cli import exits
from cli.cloud import NEEDED_OUTPUTS
from cli.main import app
from trueup import aws, errors
from trueup.errors import TrueupError


class CloudFormation:
    class meta:  # noqa: N801
        region_name = "eu-west-1"

    def __init__(self, answer):
        self.answer = answer

    def describe_stacks(self, StackName):  # noqa: N803
        if isinstance(self.answer, Exception):
            raise self.answer
        outputs = [{"OutputKey": name, "OutputValue": "x"} for name in self.answer]
        return {"Stacks": [{"Outputs": outputs}]}


def client_error(code, message="m", operation="DescribeStacks"):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.fixture
def answering(monkeypatch):
    def answer(what):
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setattr("cli.cloud.client", lambda service: CloudFormation(what))

    return answer


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (client_error("ValidationError", "Stack with id trueup does not exist"), 69, ["no stack trueup", "eu-west-1"]),
        (client_error("AccessDenied", "User is not authorized"), 69, ["AccessDenied", "DescribeStacks", "not allowed"]),
        (client_error("ExpiredToken", "expired"), 69, ["ExpiredToken", "sign in again"]),
        (client_error("Throttling", "slow down"), 75, ["Throttling", "DescribeStacks"]),
        (NoCredentialsError(), 69, ["NoCredentialsError", "--local"]),
        (EndpointConnectionError(endpoint_url="https://x"), 75, ["EndpointConnectionError", "cannot be reached"]),
        (ReadTimeoutError(endpoint_url="https://x"), 75, ["ReadTimeoutError", "cannot be reached"]),
        (ProfileNotFound(profile="desk"), 64, ["ProfileNotFound", "desk", "AWS_PROFILE"]),
        (["TableName"], 64, ["StateMachineArn", "not Trueup's"]),
    ],
)
def test_what_aws_answers_is_one_line_with_what_to_do(answering, answer, code, words):
    answering(answer)
    ran = trueup("accounts", "list")
    assert (ran.code, ran.out) == (code, "")
    assert is_one_line(ran.err), ran.err
    for word in words:
        assert word in ran.err


def test_no_region_is_one_line(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    ran = trueup("accounts", "list")
    assert (ran.code, is_one_line(ran.err)) == (64, True)
    assert "--region" in ran.err


def test_the_stack_and_region_come_from_the_environment_or_the_options(answering, monkeypatch):
    answering(client_error("ValidationError", "Stack with id desk does not exist"))
    monkeypatch.setenv("TRUEUP_STACK", "desk")
    assert "no stack desk" in trueup("accounts", "list").err
    assert "no stack other" in trueup("accounts", "list", "--stack-name", "other").err
    trueup("accounts", "list", "--region", "ap-northeast-1")
    assert boto3.DEFAULT_SESSION.region_name == "ap-northeast-1"


def test_the_stack_is_found_by_its_outputs(answering, monkeypatch):
    answering(NEEDED_OUTPUTS)
    monkeypatch.setattr("trueup.store.dynamodb.client", lambda service: Rows())
    assert trueup("accounts", "list", "--json").document == {"accounts": []}


class Rows:
    def query(self, **request):
        return {"Items": []}


def test_a_local_cloud_that_does_not_run_is_one_line_with_how_to_start_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = trueup("accounts", "list", "--local")
    assert (ran.code, is_one_line(ran.err)) == (69, True)
    assert "trueup up" in ran.err


@pytest.mark.parametrize("name", sorted(name for name in vars(errors) if name[0].isupper() and name != "TrueupError"))
def test_every_error_of_ours_is_one_line_with_its_name_and_a_code_that_is_no_verdict(monkeypatch, name):
    kind = getattr(errors, name)

    def fail(*_args, **_kwargs):
        raise kind("account cb-main: the venue's words\nand more; do this next")

    monkeypatch.setattr("cli.accounts.connect", fail)
    ran = trueup("accounts", "list")
    assert ran.err == f"trueup: {name}: account cb-main: the venue's words and more; do this next\n"
    assert ran.code in {exits.USAGE, exits.REFUSED, exits.TEMPORARY}
    assert issubclass(kind, TrueupError)


def test_a_fault_of_ours_is_70_and_keeps_its_traceback(monkeypatch):
    def fail(*_args, **_kwargs):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("cli.accounts.connect", fail)
    ran = trueup("accounts", "list")
    assert ran.code == 70
    assert "Traceback" in ran.err
    assert ran.err.splitlines()[-1] == "trueup: internal error, a fault of ours: ZeroDivisionError: oops"


def test_an_interrupted_command_is_130(monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.accounts.connect", interrupt)
    assert trueup("accounts", "list").code == 130


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("runn",),
        ("runs",),
        ("runs", "lst"),
        ("accounts", "put"),
        ("accounts", "list", "extra"),
        ("run", "--wait=yes"),
        ("book", "import", "x.csv"),
        ("--version-of-what",),
    ],
)
def test_every_wrong_usage_is_64_and_one_line(arguments):
    ran = trueup(*arguments)
    assert (ran.code, ran.out) == (64, "")
    assert is_one_line(ran.err), ran.err


def commands():
    group = __import__("typer").main.get_command(app)
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        yield from ([(name, verb) for verb in inner] if inner else [(name,)])


@pytest.mark.parametrize("arguments", sorted(commands()), ids=" ".join)
def test_every_verb_has_help_and_a_json_form(arguments):
    ran = trueup(*arguments, "--help")
    assert ran.code == 0
    assert "--json" in ran.out


def teardown_module():
    aws.client.cache_clear()
