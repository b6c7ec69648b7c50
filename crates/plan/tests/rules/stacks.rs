//! Which services make a stack.

use backlot_plan::supervise::{StackError, StackSpec};
use backlot_plan::{Condition, Dependency};

use crate::stage::{after, needs, service};

#[test]
fn services_come_after_what_they_depend_on() {
    let stack = StackSpec::new(vec![
        service("nginx", |nginx| after(nginx, "web", Condition::Started)),
        service("web", |web| after(web, "db", Condition::Healthy)),
        service("db", |_| {}),
        service("mail", |_| {}),
    ])
    .unwrap();
    let order: Vec<_> = stack.services().map(|id| stack.service(id).name.as_str()).collect();
    assert_eq!(order, ["db", "web", "nginx", "mail"]);
}

#[test]
fn a_circle_is_named() {
    let error = StackSpec::new(vec![
        service("before", |before| after(before, "a", Condition::Started)),
        service("a", |a| after(a, "b", Condition::Started)),
        service("b", |b| after(b, "c", Condition::Started)),
        service("c", |c| after(c, "a", Condition::Started)),
    ])
    .unwrap_err();
    assert_eq!(error, StackError::Circle { services: vec!["a".into(), "b".into(), "c".into()] });
    assert_eq!(error.to_string(), "services depend on each other in a circle: a → b → c");
    let itself = StackSpec::new(vec![service("a", |a| after(a, "a", Condition::Started))]).unwrap_err();
    assert_eq!(itself, StackError::Circle { services: vec!["a".into()] });
}

#[test]
fn a_missing_dependency_is_an_error_only_if_it_is_required() {
    let optional = Dependency { condition: Condition::Healthy, required: false, restart: false };
    StackSpec::new(vec![service("web", |web| needs(web, "cache", optional))]).unwrap();
    let error =
        StackSpec::new(vec![service("web", |web| after(web, "cache", Condition::Healthy))]).unwrap_err();
    assert_eq!(error.to_string(), "web depends on cache, which is not there");
}

#[test]
fn two_of_one_name_are_an_error() {
    let error = StackSpec::new(vec![service("web", |_| {}), service("web", |_| {})]).unwrap_err();
    assert_eq!(error, StackError::Duplicate { name: "web".into() });
}
