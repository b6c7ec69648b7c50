//! A stage of a build, as far as it has been read.

use std::collections::BTreeMap;

use backlot_project::stack::{HealthTest, Healthcheck};

use crate::file::Dockerfile;
use crate::options::{duration, option, options};

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) file: Dockerfile,
    /// `ARG`, as far as the stage has asked for them.
    pub(crate) args: BTreeMap<String, String>,
    /// `SHELL`.
    pub(crate) shell: Option<Vec<String>>,
    /// `ONBUILD`: for what is made from this stage.
    pub(crate) later: Vec<String>,
}

impl Stage {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        !self.name.is_empty() && self.name.eq_ignore_ascii_case(name)
    }

    /// `["a", "b"]`, or a line for the shell.
    pub(crate) fn command(&self, rest: &str) -> Vec<String> {
        if rest.starts_with('[')
            && let Ok(words) = serde_json::from_str(rest)
        {
            return words;
        }
        let usual = || ["/bin/sh", "-c"].map(str::to_owned).to_vec();
        self.shell.clone().unwrap_or_else(usual).into_iter().chain([rest.to_owned()]).collect()
    }

    /// `--interval=5s CMD …`, or `NONE`.
    pub(crate) fn healthcheck(&self, rest: &str) -> Option<Healthcheck> {
        let (options, rest) = options(rest);
        let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let disable = kind.eq_ignore_ascii_case("NONE");
        if !disable && !kind.eq_ignore_ascii_case("CMD") {
            return None;
        }
        let time = |name: &str| option(&options, name).and_then(duration);
        Some(Healthcheck {
            test: (!disable).then(|| HealthTest::Command(self.command(rest.trim()))),
            interval: time("interval"),
            timeout: time("timeout"),
            retries: option(&options, "retries").and_then(|count| count.parse().ok()),
            start_period: time("start-period"),
            start_interval: time("start-interval"),
            disable,
        })
    }
}
