//! The table `users`.

use sqlx::PgPool;

/// Adds a user and returns its id. An email that another user has is an error.
pub async fn add(db: &PgPool, email: &str) -> sqlx::Result<i32> {
    sqlx::query_scalar("INSERT INTO users (email) VALUES ($1) RETURNING id").bind(email).fetch_one(db).await
}

pub async fn count(db: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(db).await
}
