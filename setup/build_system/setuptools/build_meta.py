"""The build system that pip finds for a source distribution without pyproject.toml (PEP 517).

pip wants to know name and version of what it downloads, and would run the distribution's setup.py for
it. The file PKG-INFO in every source distribution already says so; nothing is run, nothing is built.
"""

import email
import os
import shutil


class _PackageInfo:
    @staticmethod
    def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
        """Called in the unpacked distribution; returns the folder's name, as PEP 517 has it."""
        with open("PKG-INFO", encoding="utf-8") as file:
            information = email.message_from_file(file)
        name = f"{information['Name'].replace('-', '_')}-{information['Version']}.dist-info"
        os.makedirs(os.path.join(metadata_directory, name))
        shutil.copy("PKG-INFO", os.path.join(metadata_directory, name, "METADATA"))
        return name


__legacy__ = _PackageInfo
