"""Tests of the package director."""
