use super::{Start, commands};
use std::collections::BTreeMap;
use std::path::Path;

fn shown(text: &str) -> Vec<String> {
    let variables = [("DEV", "true"), ("OPTIONS", "-a -b"), ("EMPTY", "")];
    let variables: BTreeMap<String, String> =
        variables.map(|(name, value)| (name.into(), value.into())).into();
    let has = |path: &Path| path == Path::new("/app/there");
    let start = Start { directory: Path::new("/app"), variables: &variables, has: &has };
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
