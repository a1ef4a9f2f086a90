"""Real servers that stand in for what is outside, with knobs for what can go wrong there."""
