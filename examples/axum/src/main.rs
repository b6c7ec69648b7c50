//! Migrates the database that `DATABASE_URL` names, then serves the pages until SIGTERM or Ctrl-C.

use std::env;
use std::error::Error;

use listenfd::ListenFd;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL").map_err(|error| format!("DATABASE_URL: {error}"))?;
    // Not through a pool, which would try for 30 seconds and then not tell why it failed.
    application::migrate(&mut PgConnection::connect(&url).await?).await?;
    let db = PgPool::connect_lazy(&url)?;

    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = ctrl_c() => {}
        }
    };

    let listener = listener().await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, application::router(db)).with_graceful_shutdown(stopped).await?;
    Ok(())
}

/// The socket that was handed over (`LISTEN_FDS`), else one of its own on `HOST` and `PORT`.
async fn listener() -> Result<TcpListener, Box<dyn Error>> {
    if let Some(listener) = ListenFd::from_env().take_tcp_listener(0)? {
        listener.set_nonblocking(true)?;
        return Ok(TcpListener::from_std(listener)?);
    }

    let host = env::var("HOST").unwrap_or_else(|_| "127.0.0.1".into());
    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    Ok(TcpListener::bind(format!("{host}:{port}")).await?)
}
