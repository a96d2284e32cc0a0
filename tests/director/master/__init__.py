"""The master, part by part."""
