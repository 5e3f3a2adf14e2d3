"""Rewriting: the rule language, the matcher, the drivers and their trace."""
