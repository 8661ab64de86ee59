"""Plants faults one at a time, and sees whether the tests catch them."""
