"""The teacher's side of the coursework: release, sandbox, grading, feedback, gradebook. Not in the wheel, not in the book."""
