"""`vedette fleet` for people: rows of text (rows.py), which of their columns fit (columns.py), the page (page.py)."""
