"""A retailer's own data from CSV and Parquet files into the database. The rules: docs/import.md."""
