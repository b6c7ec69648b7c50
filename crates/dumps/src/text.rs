//! The SQL of a dump, line by line: what a line belongs to, which roles it names, whether its end is there.

use std::collections::BTreeSet;

/// What `pg_dump` and `pg_dumpall` write at the beginning and at the end.
const BEGIN: &str = "-- PostgreSQL database dump";
const END: &str = "-- PostgreSQL database dump complete";
const CLUSTER: &str = "-- PostgreSQL database cluster dump";
const DUMPED_FROM: &str = "-- Dumped from database version ";
/// Names in the place of a role that are none.
const NO_ROLES: [&str; 5] = ["public", "current_user", "session_user", "current_role", "none"];
/// The longest part of a line that is looked at.
const LONGEST: usize = 4096;

/// The line that a dump ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum End {
    /// It need not have one: somebody has written it by hand.
    #[default]
    Free,
    Missing,
    There,
}

/// The SQL of a dump, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// How many lines were begun.
    pub(crate) line: u64,
    /// What begins in which line: `TABLE users`.
    objects: Vec<(u64, String)>,
    /// The roles that are named, and not made.
    pub(crate) roles: BTreeSet<String>,
    made: BTreeSet<String>,
    /// The first statement that leads to another database.
    pub(crate) elsewhere: Option<(u64, String)>,
    /// Whether it is of a whole server.
    pub(crate) is_cluster: bool,
    /// The major version that it was dumped from.
    pub(crate) major: Option<u32>,
    end: End,
    /// In the rows of a COPY.
    in_rows: bool,
    /// What there is of the last line, which has no end yet.
    open: Vec<u8>,
}

impl Text {
    /// Looks at some more of it.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let open = std::mem::take(&mut self.open);
            if open.is_empty() {
                self.line_is(&bytes[..end.min(LONGEST)]);
            } else {
                self.line_is(&[&open, &bytes[..end.min(LONGEST)]].concat());
            }
            bytes = &bytes[end + 1..];
        }
        let room = LONGEST.saturating_sub(self.open.len());
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The last line may have no end.
    pub(crate) fn finish(&mut self) {
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            self.line_is(&open);
        }
    }

    /// Whether its end is missing, now that it is over.
    pub(crate) fn is_cut(&self) -> bool {
        self.in_rows || self.end == End::Missing
    }

    /// What a line belongs to.
    pub(crate) fn object_at(&self, line: u64) -> Option<String> {
        let upto = self.objects.partition_point(|(begins, _)| *begins <= line);
        upto.checked_sub(1).map(|last| self.objects[last].1.clone())
    }

    fn line_is(&mut self, line: &[u8]) {
        self.line += 1;
        if self.in_rows {
            self.in_rows = line.strip_suffix(b"\r").unwrap_or(line) != b"\\.";
            return;
        }
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        if line.starts_with("--") {
            self.comment(line);
        } else if line.starts_with("COPY ") && line.ends_with("FROM stdin;") {
            self.in_rows = true;
        } else if line.starts_with("\\connect ")
            || line.starts_with("\\c ")
            || line.starts_with("CREATE DATABASE ")
        {
            self.elsewhere.get_or_insert_with(|| (self.line, line.to_owned()));
        } else {
            self.statement(line);
        }
    }

    fn comment(&mut self, line: &str) {
        match line {
            BEGIN => self.end = End::Missing,
            END => self.end = End::There,
            CLUSTER => self.is_cluster = true,
            _ => {}
        }
        if let Some(version) = line.strip_prefix(DUMPED_FROM) {
            let digits = version.split(|c: char| !c.is_ascii_digit()).next();
            self.major = digits.and_then(|digits| digits.parse().ok());
        }
        let said = line.strip_prefix("-- Name: ").or_else(|| line.strip_prefix("-- Data for Name: "));
        let Some((name, (kind, _))) = said
            .and_then(|said| said.split_once("; Type: "))
            .map(|(name, rest)| (name, rest.split_once(';').unwrap_or((rest, ""))))
        else {
            return;
        };
        self.objects.push((self.line, format!("{kind} {name}")));
    }

    fn statement(&mut self, line: &str) {
        let after = |word: &str| line.find(word).map(|at| &line[at + word.len()..]);
        let named = match line.split(' ').next() {
            Some("CREATE") if line.starts_with("CREATE ROLE ") || line.starts_with("CREATE USER ") => {
                self.made.extend(role_at(&line["CREATE ROLE ".len()..]));
                None
            }
            Some("CREATE") => after(" AUTHORIZATION "),
            Some("ALTER") if line.starts_with("ALTER DEFAULT PRIVILEGES ") => {
                self.name(after(" TO ").or_else(|| after(" FROM ")));
                after(" FOR ROLE ")
            }
            Some("ALTER") => after(" OWNER TO "),
            Some("GRANT") => after(" TO "),
            Some("REVOKE") => after(" FROM "),
            Some("SET") => line.strip_prefix("SET SESSION AUTHORIZATION "),
            Some(_) | None => None,
        };
        self.name(named);
    }

    fn name(&mut self, at: Option<&str>) {
        if let Some(role) = at.and_then(role_at)
            && !NO_ROLES.contains(&role.to_lowercase().as_str())
            && !self.made.contains(&role)
        {
            self.roles.insert(role);
        }
    }
}

/// The name at the beginning of a text.
fn role_at(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        let name: String =
            text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$')).collect();
        return Some(name.to_lowercase()).filter(|name| !name.is_empty() && name != "default");
    };
    let mut name = String::new();
    let mut rest = text.chars().skip(1).peekable();
    while let Some(c) = rest.next() {
        if c == quote {
            if rest.peek() != Some(&quote) {
                return Some(name).filter(|name| !name.is_empty());
            }
            rest.next();
        }
        name.push(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Text, role_at};

    fn text(sql: &str) -> Text {
        let mut text = Text::default();
        // However it is cut into pieces.
        for piece in sql.as_bytes().chunks(7) {
            text.read(piece);
        }
        text.finish();
        text
    }

    const DUMP: &str = "\
--
-- PostgreSQL database dump
--
-- Dumped from database version 17.2 (Debian 17.2-1)
SET statement_timeout = 0;
SET SESSION AUTHORIZATION 'old';
--
-- Name: users; Type: TABLE; Schema: public; Owner: shop
--
CREATE TABLE public.users (id integer);
ALTER TABLE public.users OWNER TO shop;
--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: shop
--
COPY public.users (id) FROM stdin;
GRANT ALL ON x TO nobody;
\\connect elsewhere
\\.

GRANT SELECT ON TABLE public.users TO \"Read Only\" WITH GRANT OPTION;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT ALL ON TABLES TO reader;
SET SESSION AUTHORIZATION DEFAULT;
--
-- PostgreSQL database dump complete
--
";

    #[test]
    fn roles_objects_and_the_end_are_found_and_rows_are_no_statements() {
        let whole = text(DUMP);
        assert_eq!(whole.roles.iter().collect::<Vec<_>>(), ["Read Only", "maker", "old", "reader", "shop"]);
        assert_eq!((whole.major, whole.is_cut(), whole.is_cluster), (Some(17), false, false));
        assert_eq!(whole.elsewhere, None);
        assert_eq!(whole.object_at(5), None);
        assert_eq!(whole.object_at(10).as_deref(), Some("TABLE users"));
        assert_eq!(whole.object_at(16).as_deref(), Some("TABLE DATA users"));
    }

    #[test]
    fn a_dump_that_was_cut_short_is_not_whole_wherever_that_is() {
        for (at, _) in DUMP.match_indices('\n').filter(|(at, _)| *at > 40 && *at < DUMP.len() - 8) {
            assert!(text(&DUMP[..at]).is_cut(), "{}", &DUMP[..at]);
        }
        // What nobody has dumped ends where it ends.
        assert!(!text("CREATE TABLE x ();").is_cut());
        assert!(text("COPY x FROM stdin;\n1\n").is_cut());
    }

    #[test]
    fn what_leads_elsewhere_is_found() {
        assert_eq!(text("--\n\\connect shop\n").elsewhere, Some((2, "\\connect shop".to_owned())));
        assert_eq!(text("CREATE DATABASE shop;\n").elsewhere, Some((1, "CREATE DATABASE shop;".to_owned())));
        assert!(text("--\n-- PostgreSQL database cluster dump\n--\n").is_cluster);
    }

    #[test]
    fn a_role_is_read_as_the_server_would() {
        for (said, role) in [
            ("Shop;", Some("shop")),
            ("\"Shop\"\"s\";", Some("Shop\"s")),
            ("'old';", Some("old")),
            ("\"open", None),
            (";", None),
            ("DEFAULT;", None),
        ] {
            assert_eq!(role_at(said).as_deref(), role, "{said}");
        }
    }
}
