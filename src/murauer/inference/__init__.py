"""From depth frames to joints: hand localisation, prediction, files and pictures."""
