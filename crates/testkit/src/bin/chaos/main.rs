//! Random kills: rounds of random verbs, while a random one of client, supervisor, guard, postmaster, backend, replica,
//! janitor, spare maker and front door is killed or stopped, or, for root, while the disk is full. Afterwards nothing is left that `ls` and `ps` do not show, the next
//! command works, no acknowledged row is lost, and `down` leaves nothing.
//!
//! ```text
//! cargo run -p backlot-testkit --bin chaos -- --rounds 20 --seed 1 [--jobs 2] [--backlot PROGRAM] [--tell] [--keep]
//! ```
//! With `--tell`, rounds that hold tell what they did, too; with `--keep`, they keep their folders besides.
//!
//! Round `n` of seed `s` is the first one of seed `s + n`: a single one is repeated with `--rounds 1 --seed` its own.

#![expect(clippy::print_stderr, reason = "it is a program for people")]

mod checks;
mod disk;
mod kills;
mod plan;
mod verbs;
mod world;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use backlot_process::Program;

use crate::kills::Memory;
use crate::plan::Round;
use crate::world::World;

/// How long the writer of rows rests between two.
const WRITING: Duration = Duration::from_millis(60);
/// How long Backlot may take to be built.
const BUILDING: Duration = Duration::from_mins(20);

/// Something that must not be.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

struct Options {
    rounds: u64,
    seed: u64,
    jobs: u64,
    backlot: Option<PathBuf>,
    keep: bool,
    tell: bool,
}

impl Options {
    fn read() -> Result<Self, String> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut options =
            Self { rounds: 20, seed: since.as_secs(), jobs: 2, backlot: None, keep: false, tell: false };
        options.backlot = std::env::var_os("BACKLOT").map(PathBuf::from);
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--keep" => options.keep = true,
                "--tell" => {}
                _ => {
                    options.take(&word, words.next())?;
                    continue;
                }
            }
            options.tell = true;
        }
        Ok(options)
    }

    /// Takes an option with its value.
    fn take(&mut self, word: &str, value: Option<String>) -> Result<(), String> {
        let value = value.ok_or_else(|| format!("{word}: a value is missing"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
        match word {
            "--rounds" => self.rounds = number()?,
            "--seed" => self.seed = number()?,
            "--jobs" => self.jobs = number()?.max(1),
            "--backlot" => self.backlot = Some(value.into()),
            _ => {
                return Err(format!(
                    "{word}: there are --rounds, --seed, --jobs, --backlot, --tell and --keep"
                ));
            }
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    if !Path::new("/proc/self").exists() {
        eprintln!("left out: random kills (without /proc there is no telling whom to kill)");
        return ExitCode::SUCCESS;
    }
    let outcome = Options::read().and_then(|options| {
        let backlot = backlot(options.backlot.clone())?;
        let dir =
            tempfile::Builder::new().prefix("backlot-chaos-").tempdir().map_err(|error| error.to_string())?;
        let failed = rounds(&options, &backlot, dir.path());
        if options.keep || !failed.is_empty() {
            eprintln!("what is left of them is in {}", dir.keep().display());
        }
        Ok((options, failed))
    });
    match outcome {
        Ok((options, failed)) if failed.is_empty() => {
            eprintln!("{} of {} rounds of seed {} hold", options.rounds, options.rounds, options.seed);
            ExitCode::SUCCESS
        }
        Ok((options, failed)) => {
            eprintln!("{} of {} rounds failed, those of the seeds {failed:?}", failed.len(), options.rounds);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("chaos: {error}");
            ExitCode::from(2)
        }
    }
}

/// The program that is named, else this workspace's own, which is built.
fn backlot(named: Option<PathBuf>) -> Result<PathBuf, String> {
    if let Some(named) = named {
        return named.canonicalize().map_err(|error| format!("{}: {error}", named.display()));
    }
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let there = here.with_file_name("backlot");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build =
        Program::new(cargo).args(["build", "--quiet", "--package", "backlot"]).envs(std::env::vars_os());
    build = build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    if here.parent().is_some_and(|dir| dir.ends_with("release")) {
        build = build.arg("--release");
    }
    match build.output_with(b"", BUILDING) {
        Ok(output) if output.status.success() => Ok(there),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        // Without cargo, what is there has to do.
        Err(_) if there.is_file() => Ok(there),
        Err(error) => Err(error.to_string()),
    }
}

/// The seeds of the rounds that failed.
fn rounds(options: &Options, backlot: &Path, dir: &Path) -> Vec<u64> {
    let templates = dir.join("templates");
    let made = std::fs::create_dir(&templates);
    if let Err(error) = made.and_then(|()| open_to_all(&templates)).and_then(|()| open_to_all(dir)) {
        eprintln!("{}: {error}", dir.display());
        return vec![options.seed];
    }
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    eprintln!("{} rounds of seed {} with {}", options.rounds, options.seed, backlot.display());
    thread::scope(|scope| {
        for _ in 0..options.jobs.min(options.rounds) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= options.rounds {
                        break;
                    }
                    let seed = options.seed.wrapping_add(number);
                    let place = dir.join(format!("round-{seed}"));
                    let begun = Instant::now();
                    let mut told = String::new();
                    let outcome = round(seed, number, &place, backlot, &templates, &mut told);
                    let took = begun.elapsed().as_secs();
                    match outcome {
                        Ok(()) => {
                            eprintln!("  round {number} (seed {seed}) holds, {took} s");
                            if options.tell {
                                eprint!("{told}");
                            }
                            if !options.keep {
                                let _ = std::fs::remove_dir_all(&place);
                            }
                        }
                        Err(Fault(fault)) => {
                            eprintln!(
                                "  round {number} (seed {seed}) FAILS, {took} s\n{told}  fault:\n    {fault}"
                            );
                            if let Ok(mut failed) = failed.lock() {
                                failed.push(seed);
                            }
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_default()
}

/// As root, Postgres runs as another user, who has to get through.
fn open_to_all(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))
}

fn round(
    seed: u64,
    number: u64,
    place: &Path,
    backlot: &Path,
    templates: &Path,
    told: &mut String,
) -> Result<(), Fault> {
    let plan = Round::of(seed);
    let world = World::make(place.to_owned(), backlot, templates, &plan, number)
        .map_err(|error| Fault::new(error.to_string()))?;
    let outcome = play(&plan, &world, told);
    if outcome.is_err() {
        let _ = writeln!(told, "    {}", checks::shown(&world));
    }
    checks::end_all(&world);
    outcome
}

fn play(plan: &Round, world: &World, told: &mut String) -> Result<(), Fault> {
    let memory = Memory::default();
    world.must("up -d --wait")?;
    world.sql("CREATE TABLE rows (n bigint)").ok_or_else(|| Fault::new("no table can be made"))?;
    let over = AtomicBool::new(false);
    let (played, acknowledged) = thread::scope(|scope| {
        let writer = scope.spawn(|| write_rows(world, &over));
        let mut steps = plan.steps.iter();
        let played = steps.try_for_each(|step| verbs::carry_out_step(step, world, &memory, told));
        over.store(true, Ordering::Relaxed);
        (played, writer.join().unwrap_or_default())
    });
    let _ = writeln!(told, "  {} rows were acknowledged", acknowledged.len());
    played?;
    checks::all_is_shown(world)?;
    // What was written before is where a snapshot was put in its place, and that is kept as another.
    let restored = world.restored();
    let since = |at: &Instant| restored.is_none_or(|restored| *at > restored);
    let acknowledged = acknowledged.into_iter().filter(|(_, at)| since(at)).map(|(row, _)| row).collect();
    checks::goes_on(world, &acknowledged)?;
    checks::ends(world, &memory)
}

/// Writes rows until it is over; those that were acknowledged, each with when it was begun.
fn write_rows(world: &World, over: &AtomicBool) -> Vec<(u64, Instant)> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let begun = Instant::now();
        if world.sql(&format!("INSERT INTO rows VALUES ({number})")).is_some() {
            acknowledged.push((number, begun));
        }
        thread::sleep(WRITING);
    }
    acknowledged
}
