mod common;

use application::{router, users};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use tower::ServiceExt;

async fn get(router: Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).expect("the request is well-formed");
    let response = router.oneshot(request).await.expect("the router always answers");
    let status = response.status();
    let body = to_bytes(response.into_body(), 1024).await.expect("the body is short");
    (status, String::from_utf8(body.into()).expect("the body is text"))
}

#[tokio::test]
async fn home_greets() {
    let router = router(common::database().await);

    assert_eq!(get(router, "/").await, (StatusCode::OK, "Hello, World!".into()));
}

#[tokio::test]
async fn users_page_tells_how_many_there_are() {
    let db = common::database().await;
    users::add(&db, "one@server.com").await.expect("the first one is added");
    users::add(&db, "two@server.com").await.expect("the second one is added");

    assert_eq!(get(router(db), "/users").await, (StatusCode::OK, "Number of users: 2".into()));
}
