"""How fast a site may be sent to: rules, signals, the adaptive pace, permits, shared limits."""
