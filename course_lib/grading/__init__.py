"""Exercises: student versions, a grader that does not trust the student's code, and what surrounds it."""
