//! Who may ask, and over what.
