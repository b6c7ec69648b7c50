mod common;

use application::users;

#[tokio::test]
async fn an_email_belongs_to_one_user() {
    let db = common::database().await;

    users::add(&db, "same@server.com").await.expect("the first one is added");
    let second = users::add(&db, "same@server.com").await;

    let error = second.expect_err("the email is taken").into_database_error().expect("the database says so");
    assert!(error.is_unique_violation(), "{error}");
    assert_eq!(users::count(&db).await.expect("the users are counted"), 1);
}
