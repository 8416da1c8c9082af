"""Bayesian inference: data and model in, posterior draws out."""
