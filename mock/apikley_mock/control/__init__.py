"""The vocabulary of control: settings, plans, faults, scenarios and prompt directives."""
