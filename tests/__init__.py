"""The tests: a mirror of the tree, and system/ with real processes."""
