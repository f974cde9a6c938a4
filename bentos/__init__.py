"""The models as they answer: the inference server and what it shares with training."""
