"""Plants faults in the product and checks that the tests catch them."""
