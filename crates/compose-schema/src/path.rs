//! Where in the model a value is: `services.web.ports[0]`.

use std::fmt;

/// A path from the model's root, linked through the walk's stack frames.
#[derive(Clone, Copy)]
#[must_use]
pub enum Path<'p> {
    /// The file.
    Root,
    /// What is under a key.
    Key(&'p Path<'p>, &'p str),
    /// A member of a list, from 0.
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    /// What is under a key here.
    pub fn key(&'p self, key: &'p str) -> Self {
        Self::Key(self, key)
    }

    /// A member of the list here, from 0.
    pub fn index(&'p self, index: usize) -> Self {
        Self::Index(self, index)
    }

    /// Says whether the path fits a pattern such as `services.*.ports.[]`: `*` is any key, `[]` any index.
    pub fn matches(&self, pattern: &str) -> bool {
        let mut path = self;
        for part in pattern.rsplit('.') {
            path = match path {
                Path::Key(parent, key) if part == "*" || part == *key => parent,
                Path::Index(parent, _) if part == "[]" => parent,
                Path::Root | Path::Key(..) | Path::Index(..) => return false,
            };
        }
        matches!(path, Path::Root)
    }

    /// What a table says about this path.
    pub fn find<T: Copy>(&self, table: &[(&str, T)]) -> Option<T> {
        table.iter().find(|(pattern, _)| self.matches(pattern)).map(|(_, value)| *value)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("the Compose file"),
            Path::Key(Path::Root, key) => f.write_str(key),
            Path::Key(parent, key) => write!(f, "{parent}.{key}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn paths_match_patterns_and_are_readable() {
        let services = Path::Root.key("services");
        let service = services.key("a.b");
        let ports = service.key("ports");
        let port = ports.index(2);
        let target = port.key("target");
        assert!(ports.matches("services.*.ports"));
        assert!(target.matches("services.*.ports.[].target"));
        assert!(!target.matches("services.*.ports.*.target"));
        assert!(!ports.matches("services.*"));
        assert!(!services.matches("x.services"));
        assert_eq!(target.to_string(), "services.a.b.ports[2].target");
        assert_eq!(target.find(&[("services.*", 1), ("services.*.ports.[].target", 2)]), Some(2));
    }
}
