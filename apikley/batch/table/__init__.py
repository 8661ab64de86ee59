"""Tables of jobs: reads them, checks their rows by the contract, and plans their batch."""
