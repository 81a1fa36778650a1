"""The studio: look at captures, stores and live cameras in a web page, and label their frames there.

What is known of a frame and of its label is plain Python (`album`, `label_log`, `labelling`, `held_hand`,
`snapping`); `page` and the files that use it are a thin view of it by viser, an optional dependency.
"""
