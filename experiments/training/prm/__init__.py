"""The embedded process reward model: labels by the gold, data, training, calibration, measurement and export."""
