"""The coursework: `assignment`, which a student's notebook imports, and what releases, confines, grades and keeps marks."""
