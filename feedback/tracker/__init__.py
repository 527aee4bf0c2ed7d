"""The reference campaign tracker: it reads feedback events and keeps a delivery's figures."""
