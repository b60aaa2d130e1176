"""Checks of the Helm chart docker/helm/sheaf: what it renders keeps the rules of tests/kubernetes, what it should refuse it
refuses, and what is written about its values is what they are.

    python -m chart.config_schema --write    # in tests/: the options of sheaf.conf in values.schema.json
    python -m chart.values_table --write     # the table of values in README.md
"""
