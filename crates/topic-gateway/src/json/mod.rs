//! JSON as it was written: order, exact numbers, and the text forms that Python gives it.
