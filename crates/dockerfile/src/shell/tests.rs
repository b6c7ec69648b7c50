use super::{Start, commands};
use std::collections::BTreeMap;
use std::path::Path;

/// Files of the project, and what is in them.
const SCRIPTS: [(&str, &str); 4] = [
    ("there", ""),
    ("setup", "#!/usr/bin/env bash\nset -e\nif ! known; then\n  a\nfi\ncd sub\nb \"$1\" $2\nX=1\n"),
    (
        "tasks",
        "#!/bin/bash\nin:stall() {\n  a \"${@}\"\n}\nfunction other {\n  b; { c; }\n}\ntime \"${@:-other}\"\n",
    ),
    ("tool", "#!/usr/bin/env python3\na\n"),
];

fn shown(text: &str) -> Vec<String> {
    let variables = [("DEV", "true"), ("OPTIONS", "-a -b"), ("EMPTY", "")];
    let variables: BTreeMap<String, String> =
        variables.map(|(name, value)| (name.into(), value.into())).into();
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in SCRIPTS {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let place = |path: &Path| {
        let inside = path.strip_prefix("/app").or_else(|_| path.strip_prefix("/usr/local/bin"));
        let place = dir.path().join(inside.ok()?);
        place.exists().then_some(place)
    };
    let start = Start { directory: Path::new("/app"), variables: &variables, place: &place };
    let shown = |command: super::Command| {
        let output = command.output.map(|file| format!(" > {}", file.display())).unwrap_or_default();
        let doubt = if command.certain { "" } else { "? " };
        format!("{doubt}{}: {}{output}", command.directory.display(), command.words.join("|"))
    };
    commands(text, start).into_iter().map(shown).collect()
}

#[test]
fn commands_are_told_as_far_as_they_are_known() {
    for (text, expected) in [
        ("a b && c; d\ne", &["/app: a|b", "/app: c", "/app: d", "/app: e"][..]),
        ("a $OPTIONS \"$OPTIONS\" '$DEV' x${EMPTY}y # c", &["/app: a|-a|-b|-a -b|$DEV|xy"]),
        ("cd sub && a && cd .. && b", &["/app/sub: a", "/app: b"]),
        ("(cd sub && a) && b", &["/app/sub: a", "/app: b"]),
        ("a || b", &["/app: a"]),
        ("a || b && c", &["/app: a", "/app: c"]),
        ("a | b > out 2>&1", &["/app: a", "/app: b > /app/out"]),
        ("if [ $DEV = true ]; then a; else b; fi; c", &["/app: a", "/app: c"]),
        ("if [ \"$DEV\" != \"true\" ] ; then a ; else b ; fi", &["/app: b"]),
        ("if [ -z $EMPTY ]; then a; fi", &["/app: a"]),
        ("if [ x = y ]; then a; elif [ $DEV == 'true' ]; then b; else c; fi", &["/app: b"]),
        ("if [ -f there ]; then a; else b; fi", &["/app: a"]),
        ("if [ -f gone ]; then a; else b; fi; c", &["? /app: a", "? /app: b", "/app: c"]),
        ("if command -v x; then a; fi", &["/app: command|-v|x", "/app: a"]),
        ("[ $DEV = no ] && a; b", &["/app: b"]),
        ("[ $DEV = true ] && a || b", &["/app: a"]),
        ("for x in 1 2; do a $x; done; b", &["? /app: a", "/app: b"]),
        ("for x in 1 2; do Y=\"$Y -$x\"; done; b $Y; c $x", &["? /app: b", "? /app: c"]),
        ("[ -f gone ] && X=1; a $X; if [ $DEV = true ]; then Y=2; fi; b $Y", &["? /app: a", "/app: b|2"]),
        ("X=1 a; Y=2; a $Y $X", &["/app: a", "/app: a|2"]),
        ("V=$(date); a $V b", &["? /app: a|b"]),
        ("a `b`", &["? /app: a|b"]),
        ("bash -c \"if [ $DEV == 'true' ] ; then a ; else b ; fi\"", &["/app: a"]),
        ("set -eux; a", &["/app: set|-eux", "/app: a"]),
        ("a \\> b '&&' c", &["/app: a|>|b|&&|c"]),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn scripts_of_the_project_are_looked_into() {
    let inside = |first: &str, second: &str| {
        ["/app: set|-e", "/app: known", "? /app: a", &format!("/app/sub: b{first}{second}"), "/app: d"]
            .map(str::to_owned)
            .to_vec()
    };
    for (text, expected) in [
        ("./setup x 'y z'; d $X", inside("|x", "|y|z")),
        ("sh -e setup && d", inside("|", "")),
        ("/app/setup; d", inside("|", "")),
        ("./tasks in:stall 1 2", vec!["/app: a|1|2".into()]),
        ("./tasks", vec!["/app: b".into(), "/app: c".into()]),
        ("x() { a $1; }; x 1; x 2; b $1", vec!["/app: a|1".into(), "/app: a|2".into(), "/app: b".into()]),
        ("x() { a; }", Vec::new()),
        ("for x in 1; do ./tasks; done", vec!["? /app: b".into(), "? /app: c".into()]),
        ("tasks in:stall 1 2", vec!["/app: a|1|2".into()]),
        ("gone", vec!["/app: gone".into()]),
        ("./tool; ./gone", vec!["/app: ./tool".into(), "/app: ./gone".into()]),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}
