"""Named questions and their answers, over REST."""
