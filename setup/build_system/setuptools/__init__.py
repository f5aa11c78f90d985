"""Stands in for setuptools while pip downloads a source distribution. See build_meta.py."""
