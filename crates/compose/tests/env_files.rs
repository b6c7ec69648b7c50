//! Files of variables.

#![expect(clippy::expect_used, reason = "what a test needs and lacks may end it")]

use backlot_compose::read_env_file;
use backlot_compose::yaml::Source;

fn read(text: &str) -> Vec<(String, String)> {
    let outer = |name: &str| (name == "OUTER").then(|| "from outside".to_owned());
    read_env_file(&Source::new("/p/.env", text), &outer).expect("a good file").variables
}

fn error(text: &str) -> (&'static str, usize, usize) {
    let error = read_env_file(&Source::new("/p/.env", text), &|_| None).expect_err("a bad file");
    let location = error.location().expect("a place");
    (error.problem().code(), location.line, location.column)
}

#[test]
fn every_kind_of_line() {
    let cases = [
        ("A=1\nB = 2 \n", vec![("A", "1"), ("B", "2")]),
        ("# note\n\n  A=1 # one\nB=x#y\n", vec![("A", "1"), ("B", "x#y")]),
        ("export A=1\nexport\tB=2", vec![("A", "1"), ("B", "2")]),
        ("A: 1", vec![("A", "1")]),
        ("A=\nB=\"\"", vec![("A", ""), ("B", "")]),
        ("A='x $B \\n'", vec![("A", "x $B \\n")]),
        ("A='it\\'s'", vec![("A", "it's")]),
        ("A=\"a\\nb\\t\\\"c\\\"\\$d\"", vec![("A", "a\nb\t\"c\"$d")]),
        ("A=\"two\nlines\" # note\nB=1", vec![("A", "two\nlines"), ("B", "1")]),
        ("A=1\nB=$A-${A}-${C:-d}", vec![("A", "1"), ("B", "1-1-d")]),
        ("A=1\nA=2\n", vec![("A", "2")]),
        ("OUTER\nMISSING\nA=$OUTER", vec![("OUTER", "from outside"), ("A", "from outside")]),
        ("OUTER=mine\nA=$OUTER", vec![("OUTER", "mine"), ("A", "from outside")]),
        ("1A=x\nB=y", vec![("B", "y")]),
        ("A.b-c=x", vec![("A.b-c", "x")]),
        ("A=x\r\nB=y\r\n", vec![("A", "x"), ("B", "y")]),
        ("", vec![]),
    ];
    for (text, expected) in cases {
        let expected: Vec<_> = expected.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        assert_eq!(read(text), expected, "{text:?}");
    }
}

#[test]
fn what_cannot_be_understood_is_an_error_with_its_place() {
    assert_eq!(error("A=1\nB C=2"), ("env-file-syntax", 2, 2));
    assert_eq!(error("=1"), ("env-file-syntax", 1, 1));
    assert_eq!(error("A=\"open\nB=1"), ("env-file-syntax", 1, 3));
    assert_eq!(error("A=1\nB=${A"), ("interpolation-syntax", 2, 3));
    assert_eq!(error("\nA=${B:?set it}"), ("variable-required", 2, 1));
    assert_eq!(error("A=\u{0}"), ("variable-value-invalid", 1, 1));
}
