"""What can be asked of the simulator: settings, plans, faults, scenarios, the admin API."""
