"""From the settings that are deployed to others: in which order, what it costs, what cannot be."""
