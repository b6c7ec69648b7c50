//! Making an environment's cluster, and filling it with what its image would.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use backlot_facts::database::Database;
use backlot_plan::{Storage, Volume};
use backlot_postgres::{ClusterSpec, Durability, InitError, Installation, Onlooker, Workshop};
use backlot_process::ProcessError;
use backlot_state::volume::{self, ClusterRecord, Held, VolumeError};
use backlot_state::{EngineError, Event, Ground, Report, Site, Taken};
use backlot_templates::{Fill, Template, TemplateError, Templates, is_cluster};
use sha2::{Digest, Sha256};

use crate::made::{self, MadeBy};
use crate::stock;
use crate::wal;

/// Templates that are kept, 35 MB each; the least recently used go first.
const TEMPLATES_KEPT: usize = 24;

/// What the server is to be, and what of that is not as in its image, in words.
pub(super) fn spec(
    database: &Database,
    site: &Site,
    installation: &Installation,
) -> (ClusterSpec, Option<String>) {
    let (durability, databases) = match database.storage {
        Storage::Throwaway => (Durability::Ephemeral, database.databases()),
        Storage::Durable { .. } => (Durability::Durable, vec![database.initial.clone()]),
    };
    let locale = database.locale.choose(&database.initdb_args, installation);
    let spec = ClusterSpec {
        superuser: database.user.clone(),
        password: database.password.clone(),
        host_auth: database.host_auth.clone(),
        timezone: database.timezone.clone(),
        databases,
        initdb_args: locale.arguments,
        durability,
        settings: settings(database, site),
    };
    (spec, locale.note)
}

/// The server's settings, with the places of its own files among them.
pub(super) fn settings(database: &Database, site: &Site) -> Vec<(String, String)> {
    let files =
        files(database, site).map(|(setting, path, _)| (setting.to_owned(), path.display().to_string()));
    database.settings.iter().cloned().chain(files).collect()
}

/// The files of the server's own, where it finds them. Their names change with what is in them, so that it is known whether
/// a server that runs has been started with them.
fn files<'d>(database: &'d Database, site: &Site) -> impl Iterator<Item = (&'d str, PathBuf, &'d str)> {
    let folder = site.live().join("conf");
    database.files.iter().map(move |file| {
        let hash = Sha256::digest(&file.text);
        let name =
            format!("{}-{:02x}{:02x}{:02x}{:02x}.conf", file.setting, hash[0], hash[1], hash[2], hash[3]);
        (file.setting, folder.join(name), file.text.as_str())
    })
}

/// Puts them there.
pub(super) fn write_files(database: &Database, taken: &Taken) -> Result<(), EngineError> {
    let site = taken.site();
    for (_, path, text) in files(database, site) {
        let failed = |source| EngineError::Io { what: "write", path: path.clone(), source };
        let (folder, owner) = (path.parent().unwrap_or(&path), site.home().owner());
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.and_then(|()| owner.take(folder)).map_err(failed)?;
        let _ = fs::remove_file(&path);
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)?;
        owner.take(&path).map_err(failed)?;
    }
    Ok(())
}

/// An image such as `postgis/postgis` promises an extension; the native server must have it, too.
pub(super) fn check_extension(database: &Database, installation: &Installation) -> Result<(), EngineError> {
    match database.extension {
        Some(extension) if !installation.has_extension(extension) => Err(EngineError::NoExtension {
            service: database.service.clone(),
            extension,
            version: installation.version,
        }),
        Some(_) | None => Ok(()),
    }
}

/// A cluster that is in its place.
#[derive(Debug)]
pub(super) struct Made {
    /// What was done, for people.
    pub(super) outcome: String,
    /// The template that it was cloned from, or that was made of it; none where none is left.
    pub(super) template: Option<String>,
    /// Whether that was migrated.
    pub(super) is_migrated: bool,
    /// Whether its scenario's file had filled it.
    pub(super) is_filled: bool,
}

/// Makes the cluster of one environment.
pub(super) struct Making<'a> {
    pub(super) ground: Ground<'a>,
    pub(super) taken: &'a Taken,
    pub(super) database: &'a Database,
    pub(super) installation: &'a Installation,
    pub(super) made: MadeBy<'a>,
}

/// How a cluster was made.
pub(super) struct How {
    pub(super) text: String,
    /// Whether a template was made for it.
    pub(super) is_new: bool,
    /// The one to make further clones of.
    pub(super) template: Option<String>,
    pub(super) is_migrated: bool,
    pub(super) is_filled: bool,
}

impl Making<'_> {
    /// Puts a cluster into its place, where nothing is yet; what is known of it is written down beside a volume.
    ///
    /// # Errors
    /// When it cannot be made or filled, or something is there that is not ours.
    pub(super) fn make(&self, report: Report<'_>) -> Result<Made, EngineError> {
        let (home, database) = (self.ground.home, self.database);
        check_extension(database, self.installation)?;
        home.make(&home.templates())?;
        self.taken.make_live()?;
        write_files(database, self.taken)?;
        let templates = Templates::new(home.templates(), home.owner().clone());
        let (spec, note) = spec(database, self.taken.site(), self.installation);
        let made = match self.clone_or_fill(&templates, &spec, report) {
            // It is not taken for a template any more, so the second time it is made anew.
            Err(EngineError::Template(TemplateError::Damaged { .. })) => {
                self.clone_or_fill(&templates, &spec, report)
            }
            made => made,
        };
        let How { text, is_new, template, is_migrated, is_filled } = made.map_err(interrupted)?;
        let what = database.storage.volume().map_or_else(|| "throw-away".to_owned(), ToString::to_string);
        let note = note.map(|note| format!(", {note}"));
        let server = self.server();
        let outcome = format!("{server}, {what}, {text}{}", note.unwrap_or_default());
        if is_new {
            // Old templates cost space, nothing else; the next new one tries again.
            let _ = templates.prune(TEMPLATES_KEPT, &stock::needed(home));
        }
        let data = self.taken.site().data(&database.storage);
        debug_assert!(is_cluster(&data), "a cluster was made where nobody looks for it");
        Ok(Made { outcome, template, is_migrated, is_filled })
    }

    /// Makes a template of a cluster that is migrated, and filled if it is said what fills it, and whose server does not run.
    /// Returns its name.
    pub(super) fn keep(&self) -> Result<String, EngineError> {
        let home = self.ground.home;
        let templates = Templates::new(home.templates(), home.owner().clone());
        let (spec, _) = spec(self.database, self.taken.site(), self.installation);
        let data = self.taken.site().data(&self.database.storage);
        let made_by = self.made.all(self.database, self.installation);
        if self.made.filling.is_some() {
            // What it was filled with before is out of date.
            templates.forget(self.installation, &spec, &made_by)?;
        }
        let key = templates.keep(self.installation, &spec, &made_by, &data)?;
        let _ = templates.prune(TEMPLATES_KEPT, &stock::needed(home));
        Ok(key)
    }

    /// `PostgreSQL 16.9`, and why it is not just what the image says.
    fn server(&self) -> String {
        let version = self.installation.version;
        match (self.database.asked_by, self.database.wanted_minor) {
            (Some(by), _) => format!("PostgreSQL {version} (as {by} says)"),
            (None, Some(minor)) if minor != version.minor => {
                format!("PostgreSQL {version} (in the place of {}.{minor})", version.major)
            }
            (None, _) => format!("PostgreSQL {version}"),
        }
    }

    fn clone_or_fill(
        &self,
        templates: &Templates,
        spec: &ClusterSpec,
        report: Report<'_>,
    ) -> Result<How, EngineError> {
        let is_kept = matches!(spec.durability, Durability::Durable);
        let key = |template: &Template| Some(template.key.clone()).filter(|_| !is_kept);
        let cloned = |text: &str, template: &Template, is_migrated| How {
            text: text.to_owned(),
            is_new: template.was_made,
            template: key(template),
            is_migrated,
            is_filled: false,
        };
        if let Some(how) = self.copied(report)? {
            return Ok(how);
        }
        if self.made.filling.is_some()
            && !is_kept
            && let Some(template) =
                templates.filled(self.installation, spec, &self.made.all(self.database, self.installation))?
        {
            self.put_into_place(&template, None)?;
            return Ok(How { is_filled: true, ..cloned("cloned with its data", &template, true) });
        }
        // What is kept is migrated where it is; what is thrown away is a template for the next one.
        if !is_kept
            && self.made.migrations.is_some()
            && let Some(template) = templates.filled(
                self.installation,
                spec,
                &self.made.migrated(self.database, self.installation),
            )?
        {
            self.put_into_place(&template, None)?;
            return Ok(cloned("cloned, migrated", &template, true));
        }
        let Some(init) = made::init(self.database, self.installation) else {
            let template = templates.ensure(self.installation, spec)?;
            self.put_into_place(&template, None)?;
            let text = if template.was_made { "cloned from a new template" } else { "cloned" };
            return Ok(cloned(text, &template, false));
        };
        // What is kept is filled once; what is thrown away is a template for the next one.
        if !is_kept && let Some(template) = templates.filled(self.installation, spec, &init)? {
            self.put_into_place(&template, None)?;
            return Ok(cloned("cloned with what its scripts make", &template, false));
        }
        let initial = ClusterSpec { databases: vec![self.database.initial.clone()], ..spec.clone() };
        let template = templates.ensure(self.installation, &initial)?;
        let site = self.taken.site();
        let workshop = Workshop {
            scratch: site.live().join("init"),
            socket_dir: site.sockets(),
            log_file: site.log(&self.database.service),
            owner: self.ground.home.owner().clone(),
        };
        self.ground.home.make(workshop.socket_dir.parent().unwrap_or(self.ground.home.root()))?;
        let mut watching = Watching { report, ground: self.ground };
        let mut fill = |data: &Path| -> Result<(), TemplateError> {
            Ok(init.run(self.installation, spec, data, &workshop, &mut watching)?)
        };
        self.put_into_place(&template, Some(&mut fill))?;
        let data = site.data(&self.database.storage);
        let filled =
            if is_kept { None } else { Some(templates.keep(self.installation, spec, &init, &data)?) };
        Ok(How {
            text: "filled by its scripts".to_owned(),
            is_new: true,
            template: filled,
            is_migrated: false,
            is_filled: false,
        })
    }

    fn put_into_place(&self, template: &Template, mut fill: Option<Fill<'_>>) -> Result<(), EngineError> {
        let (home, database, site) = (self.ground.home, self.database, self.taken.site());
        let data = site.data(&database.storage);
        let Storage::Durable { volume, below } = &database.storage else {
            home.make(data.parent().unwrap_or(home.root()))?;
            return Ok(template.clone_and_fill(&data, fill)?);
        };
        let mut held = volume::hold(site, self.ground.project.root(), volume)?;
        // Somebody else may have made it while we waited.
        if is_cluster(&data) {
            return Ok(());
        }
        volume::check_room(site, &database.storage)?;
        let parent = data.parent().unwrap_or(home.root());
        match volume {
            Volume::Own(_) | Volume::Shared(_) => home.make(parent)?,
            Volume::Folder(_) => fs::create_dir_all(&data).map_err(|source| EngineError::Io {
                what: "make",
                path: data.clone(),
                source,
            })?,
        }
        let (log, is_filled) = (wal::place(database, site), fill.is_some());
        let _held = self.hold_log(volume)?;
        let mut with_log = |cluster: &Path| {
            fill.as_mut().map_or(Ok(()), |fill| fill(cluster))?;
            log.iter().try_for_each(|log| wal::move_out(cluster, log, home.owner()))
        };
        // One that only has to be renamed is quicker.
        let fill: Option<Fill<'_>> = if log.is_some() || is_filled { Some(&mut with_log) } else { None };
        let cloned = if data.is_dir() {
            template.clone_within(&data, fill)
        } else {
            template.clone_and_fill(&data, fill)
        };
        match cloned {
            Err(TemplateError::Exists { path }) => return Err(VolumeError::NotEmpty { path }.into()),
            cloned => cloned?,
        }
        log.iter().try_for_each(|log| wal::settle(log))?;
        let cluster = ClusterRecord {
            major: self.installation.version.major,
            user: database.user.clone(),
            databases: vec![database.initial.clone()],
            initdb_args: database.initdb_args.clone(),
        };
        held.remember(below, cluster)
    }
}

impl Making<'_> {
    /// The volume of the log, where that is another one than that of the data.
    fn hold_log(&self, data: &Volume) -> Result<Option<Held>, EngineError> {
        let (site, root) = (self.taken.site(), self.ground.project.root());
        match &self.database.log {
            Storage::Durable { volume, .. } if volume != data => {
                let held = volume::hold(site, root, volume)?;
                if let Some(parent) =
                    site.content(volume).parent().filter(|_| !matches!(volume, Volume::Folder(_)))
                {
                    self.ground.home.make(parent)?;
                }
                Ok(Some(held))
            }
            Storage::Durable { .. } | Storage::Throwaway => Ok(None),
        }
    }
}

/// The person who waits for scripts.
struct Watching<'a, 'r> {
    report: Report<'r>,
    ground: Ground<'a>,
}

impl Onlooker for Watching<'_, '_> {
    fn said(&mut self, line: &str) {
        (self.report)(Event::Said(line));
    }

    fn goes_on(&mut self) -> bool {
        self.ground.go_on().is_ok()
    }
}

/// That scripts were asked to stop is no fault of theirs.
fn interrupted(error: EngineError) -> EngineError {
    match error {
        EngineError::Template(TemplateError::Init(InitError::Process(ProcessError::AskedToStop {
            ..
        }))) => EngineError::Interrupted,
        error => error,
    }
}
