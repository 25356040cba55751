"""One test for each rule of the house; each failure says what to do about it."""
