//! The verbs of a step, run while somebody kills.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::Fault;
use crate::kills::{Memory, carry_out};
use crate::plan::{Step, Verb};
use crate::world::{LIMIT, World};

/// What nobody is to be told: it was ours to mend.
const FORBIDDEN: &[&str] = &["stop it: kill", "panicked at"];

/// Carries a step out. What happened is added to `told`.
pub(crate) fn carry_out_step(
    step: &Step,
    world: &World,
    memory: &Memory,
    told: &mut String,
) -> Result<(), Fault> {
    let (begun, over) = (Instant::now(), AtomicBool::new(false));
    let (verbs, mishaps) = thread::scope(|scope| {
        let full = step.full.as_ref().zip(world.disk.as_ref());
        let full = full.map(|(full, disk)| scope.spawn(move || disk.fill(full, begun)));
        let verbs: Vec<_> =
            step.verbs.iter().map(|verb| scope.spawn(move || run(*verb, world, begun))).collect();
        let over = &over;
        let mishaps: Vec<_> = step
            .kills
            .iter()
            .map(|kill| {
                scope.spawn(move || {
                    memory.note(&world.dir);
                    carry_out(kill, &world.dir, begun, over)
                })
            })
            .collect();
        let verbs: Vec<_> = verbs.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        let mishaps = mishaps.into_iter().chain(full);
        (verbs, mishaps.map(thread::ScopedJoinHandle::join).collect::<Vec<_>>())
    });
    for mishap in mishaps.into_iter().flatten() {
        let _ = writeln!(told, "    {mishap}");
    }
    let mut outcome = Ok(());
    for verb in verbs.into_iter().flatten() {
        match verb {
            Ok(line) => {
                let _ = writeln!(told, "  {line}");
            }
            Err(fault) => outcome = Err(fault),
        }
    }
    memory.note(&world.dir);
    if step.verbs.contains(&Verb::SnapshotRestore) {
        world.note_restored();
    }
    outcome
}

/// Runs one verb to its end. It may fail, since something was killed; but it ends, and asks nobody to mend anything.
fn run(verb: Verb, world: &World, begun: Instant) -> Result<String, Fault> {
    let program = match verb {
        Verb::WorktreeUp => {
            world.add_worktree()?;
            world.backlot(verb.words()).current_dir(world.worktree())
        }
        Verb::WorktreeDown => world.backlot(verb.words()).current_dir(world.worktree()),
        Verb::WorktreeGone => world.git(verb.words()),
        _ => world.backlot(verb.words()),
    };
    if verb.is_worktree_s() && !world.worktree().is_dir() {
        return Ok(format!("{verb}: it is not there"));
    }
    let output = program.output_with(b"", LIMIT);
    let output = output.map_err(|error| Fault::new(format!("'{verb}' does not end: {error}")))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if let Some(word) = FORBIDDEN.iter().find(|word| stderr.contains(**word)) {
        return Err(Fault::new(format!("'{verb}' says '{word}': {stderr}")));
    }
    let error = stderr.lines().find(|line| line.starts_with("error")).unwrap_or("");
    Ok(format!("{verb}: {} after {} ms {error}", output.status, begun.elapsed().as_millis()))
}
