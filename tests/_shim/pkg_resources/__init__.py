"""The one name of setuptools' `pkg_resources` that pytest-tornado needs; setuptools 82 dropped the module."""

from packaging.version import parse as parse_version

__all__ = ["parse_version"]
