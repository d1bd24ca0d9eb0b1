"""Looks at everything a user could have set up wrongly, and says what mends it."""
