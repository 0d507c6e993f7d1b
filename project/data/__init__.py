"""Where the digits come from, and the pairs made of them."""
