//! Whatever is fed to the readers, they answer: no panic and no endless work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use backlot_compose::yaml::Source;
use backlot_compose::{Error, Request, Variables, load_text, read_env_file, render};
use proptest::prelude::{
    BoxedStrategy, Just, ProptestConfig, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest,
};
use serde_json::{Value, json};

/// The resolved model of a Compose file's text.
fn compose(text: &str) -> Result<Value, Error> {
    let files = [PathBuf::from("/project/compose.yaml")];
    let (working_dir, variables) = (Path::new("/project"), variables());
    let request = Request {
        files: &files,
        working_dir,
        name: "test",
        variables: &variables,
        profiles: &["*".to_owned()],
        named: &[],
    };
    load_text(&request, text).and_then(|loaded| render(&loaded.model))
}

fn env_file(text: &str, outer: &Variables) -> Result<Vec<(String, String)>, Error> {
    let outer = |name: &str| outer.get(name).cloned();
    read_env_file(&Source::new("/project/.env", text), &outer).map(|file| file.variables)
}

fn interpolate(text: &str) -> Option<String> {
    let variables = variables();
    let lookup = |name: &str| variables.get(name).map(String::as_str);
    backlot_compose::interpolate(text, &lookup, &mut BTreeSet::new()).ok()
}

fn variables() -> Variables {
    [("SET", "value"), ("EMPTY", ""), ("DOLLAR", "$x"), ("LONG", "a b c")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// One piece of a text with variables, as it is meant.
#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Dollar,
    Plain(String),
    Braced(String),
    /// The name, the operator, the word.
    Operator(String, &'static str, Vec<Piece>),
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["SET|EMPTY|DOLLAR|LONG|UNSET|_other", "[A-Z_][A-Z0-9_]{0,5}"]
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let leaf = prop_oneof![
        "[a-z :?+.,/-]{0,6}".prop_map(Piece::Text),
        Just(Piece::Dollar),
        name().prop_map(Piece::Plain),
        name().prop_map(Piece::Braced),
    ];
    let operator = prop_oneof![Just(":-"), Just("-"), Just(":+"), Just("+"), Just(":?"), Just("?")];
    let piece = leaf.prop_recursive(4, 24, 4, move |inner| {
        (name(), operator.clone(), prop::collection::vec(inner, 0..4))
            .prop_map(|(name, operator, word)| Piece::Operator(name, operator, word))
    });
    prop::collection::vec(piece, 0..8)
}

fn write(pieces: &[Piece]) -> String {
    let one = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Dollar => "$$".to_owned(),
        // A blank ends the name, whatever follows.
        Piece::Plain(name) => format!("${name} "),
        Piece::Braced(name) => format!("${{{name}}}"),
        Piece::Operator(name, operator, word) => format!("${{{name}{operator}{}}}", write(word)),
    };
    pieces.iter().map(one).collect()
}

/// What the pieces mean; `None` when a variable that must be set is not.
fn evaluate(pieces: &[Piece], variables: &BTreeMap<String, String>) -> Option<String> {
    let mut result = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => result.push_str(text),
            Piece::Dollar => result.push('$'),
            Piece::Plain(name) => {
                result.push_str(variables.get(name).map_or("", String::as_str));
                result.push(' ');
            }
            Piece::Braced(name) => result.push_str(variables.get(name).map_or("", String::as_str)),
            Piece::Operator(name, operator, word) => {
                let value = variables.get(name);
                let set = value.is_some_and(|value| !(operator.starts_with(':') && value.is_empty()));
                let value = value.cloned().unwrap_or_default();
                result.push_str(&match (operator.trim_start_matches(':'), set) {
                    ("-" | "?", true) | ("+", false) => value,
                    ("?", false) => return None,
                    _ => evaluate(word, variables)?,
                });
            }
        }
    }
    Some(result)
}

/// A value that may stand in a Compose file: its words are those that the reader acts on.
fn compose_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        "services|web|db|image|build|ports|volumes|networks|environment|extends|default|data",
        "80|8000:80|1.2.3.4:1-3:1-3/udp|data:/data|\\./x:/y:ro|A=1|\\$\\{A:-b\\}|\\$\\$|1m30s|64m|true",
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((compose_key(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn compose_key() -> impl Strategy<Value = String> {
    prop_oneof![
        "image|build|context|args|ports|target|published|volumes|type|source|environment|env_file|path|command",
        "entrypoint|labels|depends_on|condition|healthcheck|test|interval|retries|deploy|replicas|resources|limits",
        "networks|default|aliases|secrets|configs|extends|service|file|profiles|scale|restart|extra_hosts|devices",
        "ulimits|nofile|soft|logging|options|external|name|driver|x-backlot|bin|gpus|develop|watch|web|db|data|<<",
    ]
}

/// A Compose file of junk in the right places.
fn junk_file() -> impl Strategy<Value = Value> {
    let entries = prop::collection::vec((compose_key(), compose_value()), 0..6);
    (
        object("web|db", entries.prop_map(|entries| Value::Object(entries.into_iter().collect()))),
        compose_value(),
    )
        .prop_map(|(services, extra)| json!({"services": services, "volumes": extra, "x-extra": extra}))
}

/// A mapping with some of the keys that a pattern gives.
fn object(keys: &'static str, value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec((keys, value), 0..4)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

fn text(pattern: &'static str) -> impl Strategy<Value = Value> {
    pattern.prop_map(Value::from)
}

fn list(item: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec(item, 0..4).prop_map(Value::from)
}

/// A key of a service and a value that it mostly takes.
fn field() -> impl Strategy<Value = (&'static str, Value)> {
    let words = || prop_oneof![text("[a-z =.\"-]{0,12}"), list(text(".{0,8}")), Just(Value::Null)].boxed();
    let pairs =
        || prop_oneof![object("[A-Z_.]{1,5}", text(".{0,8}")), list(text("[A-Z]{1,5}(=.{0,6})?"))].boxed();
    let at =
        |key: &'static str, value: BoxedStrategy<Value>| value.prop_map(move |value| (key, value)).boxed();
    prop_oneof![
        at("command", words()),
        at("entrypoint", words()),
        at("environment", pairs()),
        at("labels", pairs()),
        at("ports", list(text("([1-9][0-9]{0,3}:)?[1-9][0-9]{0,3}(/udp)?|1000-1002:80-82")).boxed()),
        at("volumes", list(text("data:/[a-z/.]{1,6}(:ro)?|\\./[a-z]{1,4}:/[a-z]{1,4}|/[a-z/]{1,6}")).boxed()),
        at("expose", list(text("[1-9][0-9]{0,3}")).boxed()),
        at(
            "networks",
            prop_oneof![list(text("default|front")), object("default|front", Just(Value::Null))].boxed()
        ),
        at("healthcheck", object("interval|timeout", text("[1-9]{1,3}(ms|s|m|h)")).boxed()),
        at("mem_limit", text("[1-9]{1,3}[kmg]?b?").boxed()),
        at("stop_grace_period", text("[0-9]{1,3}(ms|s|m|h)").boxed()),
        at("deploy", object("replicas", (0..9_i64).prop_map(Value::from)).boxed()),
        at("extra_hosts", list(text("[a-z]{1,4}[:=][0-9.:]{1,8}")).boxed()),
        at("tmpfs", prop_oneof![text("/[a-z]{1,4}"), list(text("/[a-z]{1,4}"))].boxed()),
        at("ulimits", object("[a-z]{1,6}", (1..9_i64).prop_map(Value::from)).boxed()),
        at("user", text("[0-9a-z$:]{0,8}").boxed()),
        at("x-backlot", object("command", text("[a-z ]{0,8}")).boxed()),
        at(
            "build",
            prop_oneof![text("\\.|\\./[a-z/]{0,6}"), object("context|target", text("[a-z/.]{1,6}"))].boxed()
        ),
        at("restart", text("no|always|on-failure(:[1-9])?").boxed()),
    ]
}

fn plausible_file() -> impl Strategy<Value = Value> {
    let service = prop::collection::vec(field(), 0..8).prop_map(|fields| {
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value));
        Value::Object(fields.chain([("image".to_owned(), json!("a"))]).collect())
    });
    (object("web|db|cache", service), object("[a-z]{1,3}", text(".{0,8}"))).prop_map(|(services, extra)| {
        json!({"services": services, "networks": {"front": extra.get("x")}, "volumes": {"data": null}, "x-extra": extra})
    })
}

proptest! {
    // What fails is fixed and becomes a test of its own; a file of seeds would only grow.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = compose(&text);
        let _ = env_file(&text, &variables());
        let _ = interpolate(&text);
    }

    #[test]
    fn text_of_yaml_letters_is_read_or_refused(text in "[a-c: \n\\[\\]{}&*!<|>'\"#,%@`?$0-9-]{0,80}") {
        let _ = compose(&text);
        let _ = compose(&format!("services:\n  web: {text}"));
    }

    #[test]
    fn interpolation_means_what_was_written(pieces in pieces()) {
        let text = write(&pieces);
        prop_assert_eq!(interpolate(&text), evaluate(&pieces, &variables()), "{}", text);
    }

    #[test]
    fn env_files_give_back_what_was_quoted(
        entries in prop::collection::btree_map("[A-Z_][A-Z0-9_]{0,8}", "[^\u{0}'\\\\]{0,24}", 0..12)
    ) {
        let lines: Vec<String> = entries.iter().map(|(name, value)| format!("{name}='{value}'")).collect();
        let text = lines.join("\n");
        let read = env_file(&text, &BTreeMap::new()).expect("a good file");
        prop_assert_eq!(read.into_iter().collect::<BTreeMap<_, _>>(), entries);
    }

    #[test]
    fn junk_is_read_or_refused(file in junk_file()) {
        let _ = compose(&file.to_string());
    }

    #[test]
    fn what_is_resolved_is_read_back_the_same(file in plausible_file()) {
        let Ok(model) = compose(&file.to_string()) else { return Ok(()) };
        let again = compose(&model.to_string());
        prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(model));
    }
}
