"""The notebooks are kept without what a run leaves in them; `make notebooks` runs them."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path):
    return json.loads(path.read_text("utf-8"))


def code_of(notebook):
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_are_six_in_order():
    assert [path.name[:2] for path in NOTEBOOKS] == ["1_", "2_", "3_", "4_", "5_", "6_"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_stripped(path):
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    # Whoever opens it has a kernel of some version and editor; none of that belongs to it.
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in ids)
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    # As one writes it anew: a change of one cell is a change of its lines alone.
    assert path.read_text("utf-8") == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_needs_pandas_alone_and_leaves_nothing_behind(path):
    code = "\n".join(code_of(read(path)))
    assert not re.search(r"\b(polars|pl)\b", code)
    # What is written goes into a temporary folder.
    assert bool(re.search(r"write_|keep\(|deliver\(|sqlite", code)) == ("tempfile.TemporaryDirectory" in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_of_a_notebook_lead_somewhere(path):
    text = "".join("".join(cell["source"]) for cell in read(path)["cells"])
    links = re.findall(r"\]\(([^)#]+)", text) + re.findall(r'"(\.\./[^"]+)"', text)
    assert links
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_readme_names_every_notebook():
    text = (ROOT / "README.md").read_text("utf-8")
    assert [path.name for path in NOTEBOOKS if f"notebooks/{path.name}" not in text] == []
