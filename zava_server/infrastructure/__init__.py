"""Layer 4: what every layer may use and what uses none of them."""
