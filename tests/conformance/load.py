"""The modules whose cases make up the suite, in the order of the table."""

import importlib

MODULES = [
    "cases_rs",
    "cases_answer",
    "cases_ra",
    "cases_schedule",
    "cases_life",
    "cases_identity",
    "cases_source",
    "cases_renumber",
    "cases_blip",
    "cases_kinds",
    "cases_uplink",
    "cases_service",
    "cases_options",
    "cases_flood",
]


def load_cases():
    for module in MODULES:
        importlib.import_module(f"conformance.{module}")
