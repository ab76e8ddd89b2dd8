"""The command line itself; what a command does is tested with its subject."""

import json
from pathlib import Path

import pytest

import initcore as ic
from initcore.__main__ import main


def test_info_prints_what_show_config_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    ic.show_config()
    assert printed == capsys.readouterr().out
    assert ic.kernels.isa() in printed


def test_info_writes_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["info", "--json", "-"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["version"] == ic.__version__
    assert main(["info", "--json", str(tmp_path / "info.json")]) == 0
    assert json.loads((tmp_path / "info.json").read_text()) == facts


def test_info_reports_a_file_it_cannot_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json", "/nonexistent/info.json"]) == 2
    assert "/nonexistent/info.json" in capsys.readouterr().err


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["frobnicate"])
    assert stop.value.code == 2
    assert "frobnicate" in capsys.readouterr().err


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"initcore {ic.__version__}\n"


@pytest.mark.parametrize(
    "options", [["compare", "--seed", "3"], ["theory", "--dep", "3"], ["info", "--js", "-"]]
)
def test_an_abbreviated_option_is_refused(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(options)
    assert stop.value.code == 2
    assert options[1] in capsys.readouterr().err
