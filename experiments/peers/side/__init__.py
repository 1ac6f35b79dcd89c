"""What runs in the peers' processes: run by its path, it imports nothing of planneal and nothing of each other."""
