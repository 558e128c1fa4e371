"""survey: answers stay in one file, come back unchanged, and are compared first against latest."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alchemy import project, survey


def test_answers_are_kept_and_compared(tmp_path):
    file = tmp_path / "beliefs.json"
    assert survey.compare(file).moved == 0
    survey.answer({"convnet": 0.7, "edge": 0.2}, file, when=datetime(2026, 1, 1, tzinfo=UTC))
    assert all(last is None for _, _, last in survey.compare(file).rows)
    now = survey.answer({"convnet": 0.4}, file)
    assert now == {"convnet": 0.4, "edge": 0.2}
    rows = {s.key: (first, last) for s, first, last in survey.compare(file).rows}
    assert rows["convnet"] == (0.7, 0.4) and rows["edge"] == (0.2, None) and rows["invisible"] == (None, None)
    assert survey.compare(file).moved == pytest.approx(0.3)
    assert json.loads(file.read_text())[0]["when"] == "2026-01-01T00:00:00+00:00"
    assert "70 %" in str(survey.compare(file)) and "40 %" in survey.compare(file)._repr_html_()
    assert [p.name for p in tmp_path.iterdir()] == ["beliefs.json"]


def test_default_file_is_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    survey.answer({"edge": 1.0})
    assert (tmp_path / survey.FILE).exists()


@pytest.mark.parametrize("answers, said", [({"magic": 0.5}, "'magic'"), ({"edge": 1.5}, "1.5"), ({"edge": float("nan")}, "nan")])
def test_bad_answers_change_nothing(answers, said, tmp_path):
    with pytest.raises(survey.SurveyError, match=said):
        survey.answer(answers, tmp_path / "b.json")
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize("content", ["not json", "{}", '[{"when": "x"}]', '[{"answers": 3, "when": "x"}]'])
def test_foreign_file_is_refused_and_left_alone(content, tmp_path):
    file = tmp_path / "b.json"
    file.write_text(content)
    with pytest.raises(survey.SurveyError, match="not a file of answers"):
        survey.answer({"edge": 0.5}, file)
    assert file.read_text() == content


def test_statements_are_those_of_the_manifests():
    stated = {(m.slug, s.key, s.text) for m in project.manifests() for s in m.survey}
    assert stated == {(s.chapter, s.key, s.text) for s in survey.STATEMENTS}
    assert len({s.key for s in survey.STATEMENTS}) == len(survey.STATEMENTS) > 10


def test_a_survey_without_chapters_says_where_it_looked(tmp_path):
    code = "from alchemy import survey\nsurvey.answer({'edge': 0.5})"
    place = {"ALCHEMY_ROOT": str(tmp_path), "PYTHONPATH": str(Path(survey.__file__).parents[1])}
    (tmp_path / "chapters").mkdir()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | place, capture_output=True, text=True)
    assert f"no chapters are at {tmp_path}" in done.stderr
