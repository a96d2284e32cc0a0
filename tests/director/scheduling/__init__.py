"""Tests of director/scheduling/."""
