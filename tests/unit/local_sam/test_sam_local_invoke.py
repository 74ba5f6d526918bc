"""`make sam-local`: one line where something is missing, and the function's own verdict where nothing is."""

import json
from pathlib import Path

import pytest
from sam_local_kit import ENGINE, ON_LINUX, docker_that_says, script

from local.sam import invoke
from local.sam.__main__ import main
from local.sam.errors import NotReady
from local.sam.invoke import Ready

ROOT = Path(__file__).parents[3]
PLAN = ["--function", "PlanFunction", "--event", str(ROOT / "events" / "plan.json")]
ANSWER = '{"run_id": "20261122T120000Z", "next": "fetch"}'
RAISED = '{"errorMessage": "cb-main: no such account", "errorType": "ConfigInvalid", "stackTrace": []}'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No local cloud of the person who runs the tests, and no Docker but the one a test makes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("SAM_CLI", raising=False)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(list(arguments))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    return code, printed.err.strip()


def test_an_unknown_function_is_refused_with_all_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "--function", "FetchKrakenFunction", "--event", "events/plan.json")
    assert code == 64
    assert line == (
        "sam-local: there is no function FetchKrakenFunction; FUNCTION is one of BookFunction, CompareFunction, "
        "FetchCoinbaseFunction, FetchDydxFunction, FetchPricesFunction, PlanFunction"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "is not JSON"), ("[]", "is not a JSON object"), ("\xff", "is not JSON"), (None, "No such file")],
)
def test_an_event_that_is_none_is_refused_with_the_samples(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "event.json").write_bytes(content.encode("latin-1"))
    code, line = refusal(capsys, "--function", "PlanFunction", "--event", "event.json")
    assert code == 64
    assert said in line
    assert "such as events/book.json, events/compare.json" in line


def test_without_docker_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, *PLAN)
    assert code == 69
    assert "there is no command `docker`" in line


def test_without_the_local_cloud_it_says_what_starts_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    docker_that_says(tmp_path / "bin", ENGINE)
    code, line = refusal(capsys, *PLAN)
    assert code == 69
    assert line.startswith(f"sam-local: no local cloud runs in {tmp_path}/.trueup/cloud; `trueup up` starts it")


def test_without_the_sam_cli_it_says_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAM_CLI", str(tmp_path / "nowhere" / "sam"))
    with pytest.raises(NotReady, match=r"there is no SAM CLI at .*nowhere/sam; `make \.venv-sam/sam` installs it"):
        invoke._sam()


def test_a_build_that_fails_is_one_line_and_a_log(tmp_path: Path) -> None:
    sam = script(tmp_path / "sam", "echo Build Failed; echo no wheel for this >&2; exit 1")
    invoke.FOLDER.mkdir(parents=True)
    with pytest.raises(NotReady, match=r"sam build failed; the whole story is in \.trueup/sam-local/build\.log"):
        invoke._build(str(sam), {}, "x86_64")
    assert (invoke.FOLDER / "build.log").read_text() == "Build Failed\nno wheel for this\n"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [(ANSWER, 0, 0), ("null", 0, 0), (RAISED, 0, 1), ("", 0, 1), (ANSWER, 3, 1)],
)
def test_the_exit_code_is_the_functions_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: str, status: int, code: int
) -> None:
    sam = script(tmp_path / "sam", f"echo '{answer}'; exit {status}")
    assert invoke.invoke(Ready(str(sam), True, {}), "PlanFunction", "events/plan.json") == code
    printed = capsys.readouterr()
    assert printed.out == f"{answer}\n"
    assert "local invoke PlanFunction --event events/plan.json" in printed.err


@pytest.mark.parametrize("has_image", [True, False])
def test_an_image_that_is_here_is_not_asked_for(has_image: bool) -> None:
    assert ("--skip-pull-image" in Ready("sam", has_image, {}).command("PlanFunction", "e.json")) is has_image


def test_nothing_of_the_callers_aws_reaches_sam_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE")
    for name in (*names, "AWS_SHARED_CREDENTIALS_FILE", "AWS_ENDPOINT_URL", "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT"):
        monkeypatch.setenv(name, "of-the-caller")
    seen = tmp_path / "seen"
    sam = script(tmp_path / "sam", f"/usr/bin/env > {seen}; echo {{}}")
    invoke.invoke(Ready(str(sam), True, invoke._surroundings(ON_LINUX)), "PlanFunction", "e.json")
    text = seen.read_text()
    assert "of-the-caller" not in text
    assert "AWS_CONFIG_FILE=/dev/null" in text
    assert "DOCKER_HOST=unix:///var/run/docker.sock" in text


def test_the_commands_by_hand_are_those_that_are_run() -> None:
    page = (ROOT / "docs" / "sam-local.md").read_text()
    for function, sample in invoke.offered().items():
        assert f"make sam-local FUNCTION={function} EVENT={sample}\n" in page
        command = Ready(".venv-sam/bin/sam", False, {}).command(function, sample)
        assert f"\n{' '.join(command)}\n" in page


def test_a_sample_event_is_a_json_object() -> None:
    for sample in (ROOT / "events").glob("*.json"):
        assert isinstance(json.loads(sample.read_text()), dict)
