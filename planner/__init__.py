"""planneal.planner."""
