"""The activity: what was done, by whom, provably. Nobody changes it; texts can be erased."""
