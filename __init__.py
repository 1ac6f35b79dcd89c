"""planneal: think by revising, speak by committing."""
