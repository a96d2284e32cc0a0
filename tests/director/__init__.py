"""Tests of director/."""
