//! What is said to a supervisor keeps its form: it may have been started by another version than the one that asks.

use std::time::Duration;

use backlot_plan::{Endpoint, HealthTimes, Protocol};
use backlot_supervisor::{Check, EndpointReport, HealthRun, Readiness};
use serde_json::json;

#[test]
fn a_health_check_is_what_is_asked_and_when() {
    let times = HealthTimes { interval: Duration::from_millis(1500), ..HealthTimes::default() };
    let readiness = Readiness::Check(HealthRun { check: Check::Database, times });
    let written = json!({"Check": {
        "check": "Database",
        "interval": {"secs": 1, "nanos": 500_000_000},
        "timeout": {"secs": 30, "nanos": 0},
        "retries": 3,
        "start_period": {"secs": 0, "nanos": 0},
        "start_interval": {"secs": 5, "nanos": 0},
    }});
    assert_eq!(serde_json::to_value(&readiness).ok(), Some(written.clone()));
    assert_eq!(serde_json::from_value(written).ok(), Some(readiness));
}

#[test]
fn an_endpoint_is_a_text() {
    let report = EndpointReport {
        target: 80,
        address: Endpoint::local(5000),
        published: true,
        protocol: Protocol::Auto,
    };
    let written = json!({"target": 80, "address": "127.0.0.1:5000", "published": true, "protocol": "auto"});
    assert_eq!(serde_json::to_value(&report).ok(), Some(written.clone()));
    assert_eq!(serde_json::from_value(written).ok(), Some(report));
}
