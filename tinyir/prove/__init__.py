"""Obligations and the provers behind them: intervals, thresholds and z3."""
