"""A page of feedback for each submission.

Not nbgrader's template: that one renders a notebook with whatever HTML the student put into it. Here every text of a
student's is escaped, the page holds no script and no address, and hidden inputs are not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from course import gradebook, readers
from course.course import Course
from course.release import Student

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ slug }}: feedback for {{ student }}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1a1a1a; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .2rem; }
pre { background: #f3f3f3; padding: .6rem; overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
.note { border-left: .3rem solid #b35900; padding-left: .8rem; }
</style></head><body>
<h1>{{ slug }}: {{ student }}</h1>
<p><strong>{{ "%g" | format(line.score) }} of {{ "%g" | format(line.most) }} points</strong>
{%- if line.pending %}; {{ "%g" | format(line.pending) }} more points are still with a reader{% endif %}
{%- if line.again %}; {{ "%g" | format(line.again) }} of them for a text that changed since, and a reader looks again{% endif %}.
{%- if line.days_late %} Late by {{ line.days_late }} day(s): {{ "%g" | format(line.penalty) }} points less.{% endif %}</p>
{% for note in notes %}<p class="note">{{ note }}</p>
{% endfor %}
<table><thead><tr><th scope="col">item</th><th scope="col">points</th><th scope="col">of</th></tr></thead><tbody>
{% for row in rows %}<tr><th scope="row">{{ row.grade_id }}</th>
<td>{{ "pending" if row.points is none else "%g" | format(row.points) }}</td><td>{{ "%g" | format(row.max) }}</td></tr>
{% endfor %}</tbody></table>
{% for row in rows %}
<h2>{{ row.grade_id }}</h2>
<p>{{ row.message }}</p>
{% if row.comment %}<p><strong>From your reader:</strong> {{ row.comment }}</p>{% endif %}
{% if row.text %}<pre>{{ row.text }}</pre>{% endif %}
{% endfor %}
{% if troubles %}<h2>What your cells said</h2>
{% for cell in troubles %}<p>{{ cell.name }}{% if cell.grade_id %} ({{ cell.grade_id }}){% endif %}</p><pre>{{ cell.error }}</pre>
{% endfor %}{% endif %}
</body></html>
"""


def write(
    course: Course, out: Path, slugs: list[str], people: list[Student], stopped: Callable[[str], None] = print
) -> Iterator[Path]:
    """Write out/feedback/student/slug.html for everything that is graded and in the gradebook.

    stopped: told in words of each page that could not be written.
    """
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(PAGE)
    found = {(line.student, line.slug): line for line in gradebook.lines(course, out, slugs, people)}
    with gradebook.opened(out) as book:
        for slug in slugs:
            for student, result in gradebook.results(out, slug).items():
                if (line := found.get((student, slug))) is None or line.score is None:
                    continue
                try:
                    page = _page(template, book, out, line, result)
                except Exception as error:  # noqa: BLE001 - one student's result stops nobody else's page
                    stopped(f"{student}/{slug}: no page, {type(error).__name__}: {ascii(str(error))[:200]}")
                else:
                    yield page


def _page(template: Template, book: Any, out: Path, line: gradebook.Line, result: dict[str, Any]) -> Path:
    page = template.render(
        slug=line.slug,
        student=line.student,
        line=line,
        notes=result["notes"],
        rows=[_row(book, line.slug, line.student, grade) for grade in result["grades"]],
        troubles=[c for c in result["cells"] if c.get("error") and c["error"] != "not attempted."],
    )
    path = out / "feedback" / line.student / f"{line.slug}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8", errors="replace")
    return path


def _row(book: Any, slug: str, student: str, graded: dict[str, Any]) -> dict[str, Any]:
    """One item, with what a reader gave and said."""
    grade = book.find_grade(graded["grade_id"], slug, slug, student)
    comment = None
    if graded["kind"] == "essay":
        comment = book.find_comment(graded["grade_id"], slug, slug, student).manual_comment
    marked = grade.manual_score is not None
    points = None if grade.needs_manual_grade and not marked else grade.score
    read = readers.AGAIN if grade.needs_manual_grade else "graded by a reader."
    return graded | {
        "points": points,
        "comment": comment,
        "text": graded.get("text"),
        "message": read if marked else graded["message"],
    }
