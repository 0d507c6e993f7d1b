"""Files of handwritten digits, photographed or drawn, to digits as MNIST has them."""
