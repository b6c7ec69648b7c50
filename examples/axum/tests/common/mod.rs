use std::env;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// A migrated database for one test: all its tables are temporary ones of the pool's only connection, so tests do not see
/// each other's rows and leave none behind.
pub async fn database() -> PgPool {
    let url = env::var("DATABASE_URL").expect("DATABASE_URL names the database to test on");
    let options: PgConnectOptions = url.parse().expect("DATABASE_URL is a URL");
    let db = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options.options([("search_path", "pg_temp")]))
        .await
        .expect("the database answers");
    let mut connection = db.acquire().await.expect("the connection is free");
    application::migrate(&mut connection).await.expect("the migrations run");
    drop(connection);
    db
}
