"""What a request costs, as ratios and counts: nothing here depends on how fast a machine is."""
