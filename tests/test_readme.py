"""The README says what is so: its commands take their options, and its code runs."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from paydelay.cli.commands import application
from paydelay.config import load_config
from paydelay.ledger import read_ledger

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text("utf-8")
TRACKING = (ROOT / "docs" / "tracking.md").read_text("utf-8")
EXTENDING = (ROOT / "docs" / "extending.md").read_text("utf-8")
SAMPLE = ROOT / "data" / "sample"


def commands(text=README):
    """Every call of paydelay in a shell block, as its words."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("paydelay ")]
    return [shlex.split(line.partition(" > ")[0], comments=True)[1:] for line in lines]


@pytest.mark.parametrize(
    "words",
    [*commands(), *commands(CONFIGURATION), *commands(TRACKING), *commands(EXTENDING)],
    ids=" ".join,
)
def test_a_command_of_the_readme_takes_its_options(words):
    known = typer.main.get_command(application)
    while words and words[0] in getattr(known, "commands", {}):
        known, words = known.commands[words[0]], words[1:]
    assert not hasattr(known, "commands")
    # What it is given is parsed, not run.
    known.make_context(known.name, list(words))


def test_every_command_is_in_the_readme():
    named = {words[0] for words in commands()} | set(re.findall(r"`paydelay (\w+)", README))
    assert set(typer.main.get_command(application).commands) <= named


def test_the_settings_shown_as_an_example_are_settings(tmp_path):
    (tmp_path / "own.yaml").write_text(re.search(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL)[1], "utf-8")
    assert load_config(tmp_path / "own.yaml").outcomes.grace_days == 5


def test_every_file_of_settings_is_described():
    named = set(re.findall(r"\.\./configs/([\w.-]+)\)", CONFIGURATION))
    assert named == {path.name for path in (ROOT / "configs").iterdir() if path.is_file()}


def test_the_sample_has_as_many_rows_as_its_readme_says():
    text = (SAMPLE / "README.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `(\w+)\.parquet` \| ([\d,]+) \|", text, re.MULTILINE))
    ledger = read_ledger(SAMPLE)
    assert {name: int(count.replace(",", "")) for name, count in told.items()} == {
        name: count for name, count in ledger.rows_read.items() if count
    }
    # Any other figure would have to be printed by a command.
    assert "%" not in text


@pytest.mark.slow
def test_the_library_example_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    exec(compile(code, "README.md", "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 11
    assert max(map(len, shown)) <= 80
    assert {path.name for path in tmp_path.iterdir()} == {"data", "queue.csv", "report.html"}
