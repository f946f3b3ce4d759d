"""A package with data, which both forms carry."""

import importlib.resources

# Read here: a component has the files of its packages only while it is built.
GREETING = importlib.resources.files(__package__).joinpath("greeting.txt").read_text(encoding="utf-8").strip()
