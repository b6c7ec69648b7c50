//! The one place that starts processes, and the identity of those that run.
