"""The protocol of each call, as generators without I/O."""
