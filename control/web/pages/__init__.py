"""The pages, one module each: what a page asks the hub for, and what its template gets.

A module has its pages by their paths in PAGES; a path that ends with `/` has a
name behind it.
"""
