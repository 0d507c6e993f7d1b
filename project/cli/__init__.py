"""The command line: reading its words, its exit codes and its error messages."""
