"""Tests of `specs/functions`."""
