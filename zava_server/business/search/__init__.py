"""What a shopper's words mean for a search: read, corrected and judged."""
