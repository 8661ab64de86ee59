"""A pytest plugin that plants one fault before any test module is imported.

The environment variable `APIKLEY_FAULT` holds the table's module and the fault's name: `scripts.mutation.faults:NAME`.
"""

from __future__ import annotations

import os

from scripts.mutation.plant import FAULT_VARIABLE, load_faults, plant

if choice := os.environ.get(FAULT_VARIABLE):
    table, _, name = choice.partition(":")
    (fault,) = [fault for fault in load_faults(table) if fault.name == name]
    plant(fault)
