"""Parts that several models share: drugs, cytokine release, myeloma markers, CAR-T phenotypes.

Each file declares its STATES and PARAMETERS and gives `rhs`, the derivatives of its states by name, from
the model's own states, parameters and the few signals that come from outside. A model joins the
declarations and the derivatives; a part knows nothing of the others.
"""
