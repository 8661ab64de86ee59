"""Hold the generated client, the simulator and Prism to the contract."""
