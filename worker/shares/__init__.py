"""The accounts of all lanes, kept in the store: adapters of `mta.traffic.accounts.Shares`, the refresher that keeps a
worker's lanes in step with them, and what of it is for people to read."""
