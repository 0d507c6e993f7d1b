"""Reading runs, and the statistics over them."""
