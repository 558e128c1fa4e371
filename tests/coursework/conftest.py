"""The class of generated students stands beside the tests; what their grading took is said at the end."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Seconds per submission, wherever they were measured."""
    reports = [r for key in ("passed", "failed") for r in terminalreporter.getreports(key)]
    texts = [value for r in reports for name, value in getattr(r, "user_properties", []) if name == "seconds"]
    if texts:
        terminalreporter.write_sep("=", "coursework: seconds per submission")
        for text in sorted(texts):
            terminalreporter.write_line(text)
