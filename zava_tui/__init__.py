"""The Zava terminal app for store managers."""
