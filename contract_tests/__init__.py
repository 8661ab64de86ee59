"""Hold client, simulator and Prism to the contract."""
