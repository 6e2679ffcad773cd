"""The proof: the past replayed, and the model set beside what collectors do without it."""
