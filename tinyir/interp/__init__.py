"""The reference interpreter: every dialect runs."""
