"""From runs to tables, figures and one page, for any experiment; imports no torch."""
