"""The command line: its words, its exit codes, what is said when something is wrong."""
