"""Lessons: build, check, grade, and the notebook side (`from aurora_lab import lab`)."""
