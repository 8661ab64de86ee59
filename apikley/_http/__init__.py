"""HTTP: drivers, deadlines, envelope parsing, redaction."""
