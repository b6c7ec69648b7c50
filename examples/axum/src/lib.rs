//! A page that greets, a page that counts the users, and the table of users behind it.

use std::path::Path;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{PgConnection, PgPool};

pub mod users;

/// Brings the schema up to date, from the folder `migrations` of the current directory.
pub async fn migrate(db: &mut PgConnection) -> Result<(), MigrateError> {
    Migrator::new(Path::new("migrations")).await?.run(db).await
}

pub fn router(db: PgPool) -> Router {
    Router::new().route("/", get(hello)).route("/users", get(number_of_users)).with_state(db)
}

async fn hello() -> &'static str {
    "Hello, World!"
}

async fn number_of_users(State(db): State<PgPool>) -> Result<String, StatusCode> {
    match users::count(&db).await {
        Ok(count) => Ok(format!("Number of users: {count}")),
        Err(error) => {
            eprintln!("failed to count the users: {error}");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
