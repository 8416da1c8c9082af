"""Other solvers on the same work: one file a family, each with functions Case -> Solver."""
