"""Data files, and the modules that are imported on first use."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

datas = collect_data_files("apikley_mock")
hiddenimports = collect_submodules("apikley_mock")
