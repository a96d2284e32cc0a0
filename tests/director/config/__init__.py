"""Tests of director.config: all pure, tables and properties."""
