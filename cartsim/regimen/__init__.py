"""What is done to the patient, as a table of events."""
