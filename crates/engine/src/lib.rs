//! Carries steps out on an engine and observes what is there.
