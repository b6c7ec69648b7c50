//! Whatever is fed to the readers, they answer: no panic and no way out of a folder. (What Compose files and env files can
//! hold is tested in `compose`.)

use std::path::Path;

use backlot_project::{EnvironmentName, ScenarioName, mask, readers};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};

proptest! {
    // What fails is fixed and becomes a test of its own; a file of seeds would only grow.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        readers::feed(&text);
        let _ = mask("URL", &text);
    }

    #[test]
    fn config_files_give_back_what_was_written(
        entries in prop::collection::btree_map("[^=\u{0}]{1,12}", "[^\u{0}]{0,24}", 0..12)
    ) {
        let list: Vec<Value> = entries.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let read = readers::config(&Value::from(list).to_string()).expect("a good file");
        prop_assert_eq!(read, entries.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn names_never_lead_out_of_a_folder(text in prop_oneof![any::<String>(), "[a-zA-Z0-9_./\\\\ -]{0,70}"]) {
        let folder = Path::new("/project/scenarios");
        if let Ok(name) = ScenarioName::parse(&text) {
            let path = folder.join(name.as_str());
            prop_assert_eq!(path.parent(), Some(folder));
            prop_assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(text.as_str()));
            prop_assert!(!text.starts_with(['.', '-']) && text.len() <= 63);
        }
        prop_assert_eq!(EnvironmentName::parse(&text).is_ok(), ScenarioName::parse(&text).is_ok());
    }
}

#[test]
fn names_that_are_refused_say_why() {
    let said = |name: &str| ScenarioName::parse(name).expect_err("a refusal").to_string();
    let rule = "a name is made of ASCII letters, digits, _ and -, and starts with a letter or digit";
    assert_eq!(said(""), "the scenario name is empty");
    assert_eq!(said("a/b"), format!("the scenario name \"a/b\" has '/' in it; {rule}"));
    assert_eq!(said(".."), format!("the scenario name \"..\" has '.' as its first character; {rule}"));
    assert_eq!(said("a b"), format!("the scenario name \"a b\" has ' ' in it; {rule}"));
    assert_eq!(said("a\0"), format!("the scenario name \"a\\0\" has '\\0' in it; {rule}"));
    assert_eq!(said(&"x".repeat(1000)), "the scenario name has 1000 characters, more than the 63 allowed");
    assert!(ScenarioName::parse(&"x".repeat(63)).is_ok());
}
