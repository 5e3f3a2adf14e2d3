"""Data only: operators, functions, rules, schedules, targets and instructions."""

if __name__ != "tinyir.specs":
    raise ImportError("import this package as tinyir.specs: under the name 'specs' it would be loaded twice")
