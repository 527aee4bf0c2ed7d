"""The product's own decisions against modelled receiving sites, in virtual time."""
