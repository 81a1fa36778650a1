"""Controls of the studio that ask and tell it: labels, playback."""
