"""cartsim: mechanistic CAR-T cell kinetics and cytokine-release simulation, fitted by MCMC."""

__version__ = "0.1.0"
