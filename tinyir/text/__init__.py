"""The textual form: the reader and the printer, with parse(print(m)) == m."""
