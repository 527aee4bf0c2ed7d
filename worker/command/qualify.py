"""`campaign-mta qualify`: JSON lines in, JSON lines out."""
