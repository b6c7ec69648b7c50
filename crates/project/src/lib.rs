//! Reads a project's config and Compose files into environments and stacks.
