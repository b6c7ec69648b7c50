//! Filling a scenario's database, and keeping what that has made for the next time.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use backlot_plan::Step;
use backlot_process::Stdout;
use backlot_project::ScenarioSource;
use backlot_stack::{of_file, of_project, of_texts};
use backlot_state::fill::{Filler, PsqlHere};
use backlot_state::how_far::Loading;
use backlot_state::{EngineError, Event, Failure, Filling, Outcome, Record, Report, Taken, mark, now, tools};

use backlot_templates::{Templates, boot, size_of};

use crate::cluster;
use crate::made::MadeBy;
use crate::migrate::Migrates;
use crate::up::Came;
use crate::{DatabaseService, installation, server};

/// What of the free space one snapshot may take.
const SHARE: u64 = 5;

/// Variables of the caller that tell of his session, and that no scenario is made by; endings with `*` stand for more.
const OF_SESSIONS: [&str; 30] = [
    "_",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "TERM*",
    "COLUMNS",
    "LINES",
    "LS_COLORS",
    "COLORTERM",
    "SSH_*",
    "GPG_*",
    "XDG_*",
    "DBUS_*",
    "DISPLAY",
    "WAYLAND_*",
    "WINDOWID",
    "TMUX*",
    "STY",
    "VSCODE_*",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MAIL",
    "HIST*",
    "PS1",
    "BACKLOT_*",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "NO_COLOR",
    "LESS*",
];

/// Words by which statements ask for the time.
const OF_TIME: [&str; 7] =
    ["now(", "current_", "localtime", "clock_timestamp", "_timestamp()", "timeofday", "'now'"];
/// In seconds.
const DAY: u64 = 24 * 60 * 60;

impl DatabaseService<'_> {
    /// What these steps fill a new cluster with, as a hash of all that makes it what it is, if that can be known.
    pub(super) fn filling_of(&self, steps: &[Step]) -> Option<String> {
        let is_filled = steps.iter().any(|step| matches!(step, Step::Fill { .. }));
        let is_made = steps.iter().any(|step| matches!(step, Step::MakeCluster { .. }));
        if is_filled && is_made { self.filling_key() } else { None }
    }

    /// The scenario's file, what else of the project it may use, and its variables. What it may have put into other
    /// databases is not ours to know.
    fn filling_key(&self) -> Option<String> {
        let (_, source) = self.scenario.as_ref()?;
        if !self.is_alone || self.environment.stack.extension.always_fills {
            return None;
        }
        let files = files_of(source);
        let mut texts: Vec<String> = files.iter().map(|file| of_file(file)).collect();
        texts.extend(files.iter().map(|file| file.display().to_string()));
        // One that is too long to be read is no plain one.
        let said = files.iter().map(|file| backlot_files::text(file).unwrap_or_else(|_| "\\".to_owned()));
        let said: Vec<String> = said.map(|text| text.to_lowercase()).collect();
        let is_sql = matches!(
            source,
            ScenarioSource::Sql { .. } | ScenarioSource::Folder { .. } | ScenarioSource::Empty
        );
        let root = self.ground.project.root();
        let is_from_elsewhere = |text: &String| {
            if is_sql {
                text.lines().any(|line| asks(line) && reads_elsewhere(line, root))
            } else {
                reads_elsewhere(text, root)
            }
        };
        if said.iter().any(is_from_elsewhere) {
            return None;
        }
        let is_plain = is_sql && files.iter().zip(&said).all(|(file, text)| is_all_there_is(file, text));
        if !is_plain || said.iter().any(|text| OF_TIME.iter().any(|word| text.contains(word))) {
            // What is counted from today is another thing tomorrow.
            texts.push((now() / DAY).to_string());
        }
        if !is_plain {
            texts.push(of_project(root, &self.environment.files)?);
            let environment =
                self.environment.variables.iter().map(|(name, said)| format!("{name}={}", said.value));
            texts.extend(environment);
            texts.extend(lasting(self.ground.caller).map(|(name, value)| format!("{name}={value}")));
        }
        Some(of_texts(texts.iter().map(String::as_str)))
    }

    /// The steps, told as they are where a cluster is there that has been filled so before.
    pub(super) fn as_filled_before(
        &self,
        migrations: Option<&dyn Migrates>,
        mut steps: Vec<Step>,
    ) -> Vec<Step> {
        let filling = self.filling_of(&steps);
        let made = MadeBy {
            migrations: migrations.map(Migrates::key),
            filling: filling.as_deref(),
            ..MadeBy::default()
        };
        let (Some(_), Ok(installation)) = (made.filling, self.locate()) else { return steps };
        let (spec, _) = cluster::spec(&self.database, &self.site, &installation);
        if let Ok(Some(_)) =
            self.templates().filled(&installation, &spec, &made.all(&self.database, &installation))
        {
            for step in &mut steps {
                if let Step::Fill { source } = step {
                    *step = Step::Refill { source: std::mem::take(source) };
                }
            }
        }
        steps
    }

    /// Fills a new database, or takes it as it was filled before.
    pub(super) fn fill(
        &self,
        (taken, migrations): (&Taken, Option<&dyn Migrates>),
        source: &str,
        came: &mut Came,
        report: Report<'_>,
    ) -> Result<Outcome, EngineError> {
        if came.is_filled {
            let mut record = self.record_of(taken)?;
            record.filling = Filling::Done;
            self.write(&record)?;
            self.show_printed(source, came, report);
            let age = came.template.as_ref().and_then(|key| self.templates().age(key)).unwrap_or_default();
            return Ok(format!("as {source} has filled it {} ago; --fresh runs it again", ago(age)).into());
        }
        let printed = Mutex::new(Vec::new());
        came.failure = self.run_file(taken, report, came.filling.is_some().then_some(&printed))?;
        if let Some(Failure { code }) = came.failure {
            return Ok(Outcome { text: format!("{source} failed with exit code {code}"), failed: true });
        }
        self.keep_filled((taken, migrations), came, report)?;
        let printed = printed.into_inner().unwrap_or_default();
        if let Some(key) = came.template.as_ref().filter(|_| came.is_filled && !printed.is_empty()) {
            // It is no more than a help.
            let _ = self.templates().note_printed(key, &printed);
        }
        Ok(source.to_owned().into())
    }

    pub(crate) fn templates(&self) -> Templates {
        Templates::new(self.ground.home.templates(), self.ground.home.owner().clone())
    }

    /// Prints again what the file has printed when it ran.
    fn show_printed(&self, source: &str, came: &Came, report: Report<'_>) {
        let printed = came.template.as_ref().map(|key| self.templates().printed(key)).unwrap_or_default();
        if printed.is_empty() {
            return;
        }
        report(Event::Said(&format!("what {source} printed when it ran:")));
        let _ = match self.stdout {
            Stdout::Ours => std::io::stdout().write_all(&printed),
            Stdout::OurStderr => std::io::stderr().write_all(&printed),
        };
    }

    fn run_file(
        &self,
        taken: &Taken,
        report: Report<'_>,
        printed: Option<&Mutex<Vec<u8>>>,
    ) -> Result<Option<Failure>, EngineError> {
        let Some((_, source)) = &self.scenario else { return Ok(None) };
        let mut record = self.record_of(taken)?;
        let database = record.database.clone().ok_or_else(|| self.not_up())?;
        let mut variables = self.process_variables(&(&database).into());
        tools::keep_tree_clean(self.ground.project.root(), &taken.site().live(), &mut variables);
        variables.insert(mark::VARIABLE.into(), mark::of_filling(taken.site()));
        let loading = Loading::new(database.access());
        report(Event::HowFar(loading.how_far()));
        let filler = Filler {
            root: self.ground.project.root(),
            variables,
            psql: &PsqlHere(Some(&installation(&database))),
            stdout: self.stdout,
            loading: &loading,
            interrupted: self.ground.interrupted,
            printed,
        };
        let code = filler.fill(source)?;
        record.filling = if code == 0 { Filling::Done } else { Filling::Failed { code } };
        self.write(&record)?;
        Ok((code != 0).then_some(Failure { code }))
    }

    /// Keeps the filled cluster for the next time, and to go back to. What has changed while it was filled is not kept under
    /// a name that it is not worth.
    fn keep_filled(
        &self,
        (taken, migrations): (&Taken, Option<&dyn Migrates>),
        came: &mut Came,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        let Some(filling) = came.filling.as_deref() else { return Ok(()) };
        let data = taken.site().data(&self.database.storage);
        let room = self.ground.home.free_space().map(|free| free / SHARE);
        if self.filling_key().as_deref() != Some(filling) || room.is_some_and(|room| size_of(&data) > room) {
            return Ok(());
        }
        let before = self.record_of(taken)?;
        server::stop(taken, true)?;
        let made =
            MadeBy { migrations: migrations.map(Migrates::key), filling: Some(filling), ..MadeBy::default() };
        let kept = self.making(taken, made, &self.locate()?).keep();
        self.start_server(taken, None, false)?;
        let started = self.record_of(taken)?;
        self.write(&Record { database: started.database, ..before })?;
        match kept {
            Ok(template) => (came.template, came.is_filled) = (Some(template), true),
            Err(error) => report(Event::Warning(format!(
                "could not keep the filled database for the next time: {error}"
            ))),
        }
        Ok(())
    }

    /// Writes down what the database can be made of again, and since when its files are there.
    pub(super) fn note_snapshot(&self, record: &mut Record, came: &Came) -> Result<(), EngineError> {
        let is_whole = (came.is_filled || !self.is_to_be_filled()) && came.failure.is_none();
        let source = || self.from.as_ref().and_then(|from| from.record().ok()?);
        let made = match &came.template {
            Some(template) => Some((Some(template.clone()), Some(boot()))),
            // The copy is worth no more than that.
            None => source().map(|source| (source.snapshot, source.boot)),
        };
        let Some((Some(template), boot)) = made.filter(|_| is_whole) else { return Ok(()) };
        (record.snapshot, record.boot) = (Some(template), boot);
        self.write(record)
    }

    fn record_of(&self, taken: &Taken) -> Result<Record, EngineError> {
        taken.site().record()?.ok_or_else(|| self.not_up())
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), EngineError> {
        record.write(&self.site.record_path()).map_err(|source| self.record_error(source))
    }
}

/// `3 min`
fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn files_of(source: &ScenarioSource) -> Vec<&Path> {
    match source {
        ScenarioSource::Empty => Vec::new(),
        ScenarioSource::Python { file, .. }
        | ScenarioSource::Sql { file }
        | ScenarioSource::CargoExample { file, .. }
        | ScenarioSource::Executable { file } => vec![file],
        ScenarioSource::Folder { files, .. } => files.iter().map(AsRef::as_ref).collect(),
    }
}

/// Whether a line of SQL may have psql or the server read a file, or ask somebody: rows of a dump do not.
fn asks(line: &str) -> bool {
    let words = ["program", "pg_read", "lo_import", "file_fdw", "pg_ls", "dblink", "from '"];
    line.trim_start().starts_with('\\') || words.iter().any(|word| line.contains(word))
}

/// Whether a file names files outside of the project in `root`, or asks somebody over a network.
fn reads_elsewhere(text: &str, root: &Path) -> bool {
    let root = root.to_string_lossy().to_lowercase();
    let is_start = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '(' | '=' | '<' | ',' | '[');
    let mut words = text.split(is_start).filter(|word| word.starts_with('/') || word.starts_with("~/"));
    let is_outside = |word: &str| {
        let is_program =
            ["/bin/", "/usr/bin/", "/dev/null", "/*", "//"].iter().any(|start| word.starts_with(start));
        !word.starts_with(&root) && !is_program && word.len() > 1
    };
    words.any(is_outside)
        || text.contains("../..")
        || ["http://", "https://"].iter().any(|word| text.contains(word))
}

/// Whether nothing but a file makes what it fills: rows, or statements without psql's own commands and without what reads files
/// of the server's.
fn is_all_there_is(file: &Path, text: &str) -> bool {
    let others = ["\\", "copy", "pg_read", "lo_import", "file_fdw", "dblink", "pg_ls"];
    file.extension().is_some_and(|extension| extension == "csv")
        || !others.iter().any(|word| text.contains(word))
}

/// What of the caller's variables may make a difference.
fn lasting(caller: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    let is_of_session = |name: &str| {
        OF_SESSIONS
            .iter()
            .any(|each| each.strip_suffix('*').map_or(*each == name, |start| name.starts_with(start)))
    };
    caller.iter().filter(move |(name, _)| !is_of_session(name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{asks, is_all_there_is, reads_elsewhere};

    #[test]
    fn what_a_file_may_read_is_known_by_its_words() {
        let root = Path::new("/home/me/Shop");
        for text in [
            "\\i /tmp/rows.sql",
            "open('/srv/rows.csv')",
            "cat ~/rows",
            "\\i ../../rows.sql",
            "get('http://x')",
        ] {
            assert!(reads_elsewhere(&text.to_lowercase(), root), "{text}");
        }
        for text in
            ["\\i ../rows.sql", "open('/home/me/Shop/rows.csv')", "exec /usr/bin/env python3", "/* 1 / 2 */"]
        {
            assert!(!reads_elsewhere(&text.to_lowercase(), root), "{text}");
        }
        assert!(["\\i x", "copy a from '/x'", "select pg_read_file('x')"].into_iter().all(asks));
        assert!(!["1\thttps://server/x", "insert into a values ('/x')"].into_iter().any(asks));
        let plain = |text: &str| is_all_there_is(Path::new("x.sql"), text);
        assert!(plain("insert into item values (1);"));
        assert!(
            !["\\getenv a b", "copy item from program 'x'", "select pg_read_file('x')"]
                .into_iter()
                .any(plain)
        );
        assert!(is_all_there_is(Path::new("x.csv"), "id,copy"));
    }
}
