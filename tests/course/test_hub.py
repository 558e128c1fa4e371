"""The hub's configuration loads, hands each student their own notebook once, and names the exchange."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from traitlets.config import PyFileConfigLoader

HUB = Path(__file__).resolve().parents[2] / "coursework" / "hub"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that loads the hub's configuration, and the release that it hands out."""
    student = f"try-{uuid.uuid4().hex[:10]}"
    released = tmp_path / "release" / student / "01-alchemy.ipynb"
    released.parent.mkdir(parents=True)
    released.write_text("mine", encoding="utf-8")
    (tmp_path / "students.txt").write_text(f"{student}\nbob\n", encoding="utf-8")
    monkeypatch.setenv("EXPLORERS_RELEASE", str(tmp_path / "release"))
    monkeypatch.setenv("EXPLORERS_STUDENTS", str(tmp_path / "students.txt"))
    monkeypatch.setenv("EXPLORERS_REHEARSAL", "sesame-street")

    def load() -> Any:
        return PyFileConfigLoader("jupyterhub_config.py", path=str(HUB)).load_config()

    yield load, student, released
    home = Path("/tmp") / student
    (home / "01-alchemy" / "01-alchemy.ipynb").unlink(missing_ok=True)
    for folder in (home / "01-alchemy", home):
        if folder.is_dir():
            folder.rmdir()


def test_only_the_roster_may_log_in_and_kernels_know_nothing_of_the_hub(hub, monkeypatch):
    load, student, _ = hub
    c = load()
    assert c.Authenticator.allowed_users == {student, "bob"}
    assert not any("EXPLORERS" in name for name in [*c.Spawner.env_keep, *c.Spawner.environment])
    assert "allow_all" not in c.Authenticator and c.JupyterHub.bind_url.startswith("http://127.0.0.1")
    assert c.JupyterHub.authenticator_class == "shared-password"
    monkeypatch.setenv("EXPLORERS_REHEARSAL", "")
    assert "authenticator_class" not in load().JupyterHub and "spawner_class" not in load().JupyterHub


@pytest.mark.skipif(os.name != "posix" or not Path("/bin/sh").exists(), reason="homes are made with a shell")
def test_a_student_gets_what_is_theirs_and_it_is_never_overwritten(hub):
    load, student, _ = hub
    give = load().Spawner.pre_spawn_hook
    give(SimpleNamespace(user=SimpleNamespace(name=student)))
    mine = Path("/tmp") / student / "01-alchemy" / "01-alchemy.ipynb"
    assert mine.read_text() == "mine" and mine.stat().st_mode & 0o077 == 0
    mine.write_text("an evening's work", encoding="utf-8")
    give(SimpleNamespace(user=SimpleNamespace(name=student)))
    assert mine.read_text() == "an evening's work"
    with pytest.raises(ValueError, match="no name of a roster"):
        give(SimpleNamespace(user=SimpleNamespace(name="../bob")))


def test_the_exchange_is_named_and_strict(monkeypatch):
    monkeypatch.setenv("EXPLORERS_EXCHANGE", "/srv/elsewhere")
    c = PyFileConfigLoader("nbgrader_config.py", path=str(HUB)).load_config()
    assert (c.Exchange.root, c.ExchangeSubmit.strict, c.Exchange.timezone) == ("/srv/elsewhere", True, "UTC")
    assert c.CourseDirectory.course_id == "explorers-and-settlers"
