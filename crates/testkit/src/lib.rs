//! For tests only: throw-away projects, fake programs, the leak check.
