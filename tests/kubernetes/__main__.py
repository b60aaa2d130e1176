"""Holds a manifest on standard input to the rules. Usage, from the folder tests: python -m kubernetes BINARY <manifest.yaml"""

from __future__ import annotations

import sys

from . import render, rules

if len(sys.argv) != 2:
    sys.exit("usage: python -m kubernetes BINARY <manifest.yaml")
found = rules.violations(render.manifest(sys.stdin.read()), sys.argv[1])
for sentence in found:
    print(sentence)
sys.exit(1 if found else 0)
