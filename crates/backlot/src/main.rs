//! `backlot`: see README.md.

fn main() {}
