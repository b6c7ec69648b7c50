//! Words that are handed from one process to another keep their form.

use backlot_plan::{Endpoint, RestartPolicy};

#[test]
fn endpoints_are_written_as_people_write_them() {
    for (host, port, text) in
        [("127.0.0.1", 80, "127.0.0.1:80"), ("::1", 5432, "[::1]:5432"), ("db", 5432, "db:5432")]
    {
        let endpoint = Endpoint::new(host, port);
        assert_eq!(endpoint.to_string(), text);
        assert_eq!(text.parse::<Endpoint>().ok(), Some(endpoint.clone()));
        let json = serde_json::json!(text);
        assert_eq!(serde_json::to_value(&endpoint).ok(), Some(json.clone()));
        assert_eq!(serde_json::from_value::<Endpoint>(json).ok(), Some(endpoint));
    }
    for text in ["", "db", "db:", "db:x", "db:70000", "80"] {
        assert!(text.parse::<Endpoint>().is_err(), "{text}");
    }
}

#[test]
fn a_restart_policy_is_one_word_and_its_limit() {
    let written = |policy| serde_json::to_string(&policy).unwrap_or_default();
    assert_eq!(written(RestartPolicy::UnlessStopped), "\"UnlessStopped\"");
    assert_eq!(written(RestartPolicy::OnFailure(Some(3))), "{\"OnFailure\":3}");
    assert_eq!(written(RestartPolicy::OnFailure(None)), "{\"OnFailure\":null}");
}
