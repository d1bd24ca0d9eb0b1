"""Demo data: Zava, a DIY retailer in Washington State, made anew from a seed."""
