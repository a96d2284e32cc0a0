"""How `make docs` builds the site and the man pages from these pages."""

from director.version import VERSION

project = "director"
copyright = "the authors of director"
release = version = VERSION
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "A TCP load balancer for people who like Python", "fixed_sidebar": True}
html_show_sphinx = False
man_pages = [
    ("man/directord", "directord", "the daemon of a TCP load balancer", "", 8),
    ("man/directorctl", "directorctl", "look at and change a running director", "", 1),
    ("man/director-config.xml", "director-config.xml", "configuration of director", "", 5),
]
