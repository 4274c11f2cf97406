"""Carriers by kind. Each module registers its carriers with `core.carrier`."""
