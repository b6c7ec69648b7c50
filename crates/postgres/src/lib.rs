//! Postgres clusters: binaries, templates, servers, databases.
