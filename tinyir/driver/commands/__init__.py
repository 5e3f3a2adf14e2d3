"""The commands of `tinyir`, one file each: `execute(arguments)` carries a command out and gives its exit code."""
