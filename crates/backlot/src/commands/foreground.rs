//! `backlot up` in the foreground: what the services print, until Ctrl-C.

use std::sync::atomic::Ordering;
use std::time::Duration;

use backlot_engine::{Attendance, Heard};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::LogPrinter;

/// How long it is waited for new lines before signals are looked at again.
const STEP: Duration = Duration::from_millis(50);

/// Shows what the stack called `name` prints, until Ctrl-C, until all of it has ended, or until somebody else stops it. However it goes: nothing of it
/// stays.
pub fn run(mut attendance: Box<dyn Attendance>, name: &str, context: &Context) -> Result<Exit, CommandError> {
    let outcome = look_on(attendance.as_mut(), name, context);
    context.interrupted.store(false, Ordering::SeqCst);
    attendance.finish(&context.interrupted, &mut context.reporter())?;
    outcome
}

fn look_on(attendance: &mut dyn Attendance, name: &str, context: &Context) -> Result<Exit, CommandError> {
    let mut printer = LogPrinter::new(context.caller.wants_colour_on_stdout, false);
    let progress = context.progress();
    let mut over = None;
    let mut show = |heard: Vec<Heard>| {
        let mut has_ended = false;
        for heard in heard {
            match heard {
                Heard::Line(line) => printer.print(&line),
                Heard::News(news) => progress.news(&news),
                Heard::Over { failed } => over = Some(failed),
                Heard::Ended => has_ended = true,
            }
        }
        (has_ended, over)
    };
    loop {
        let (has_ended, over) = show(attendance.next(STEP)?);
        if has_ended {
            progress.say(&format!("{name} was stopped"));
            return Ok(Exit::Done);
        }
        if let Some(failed) = over {
            progress.say(&format!("nothing of {name} runs any more"));
            return Ok(if failed { Exit::Failed } else { Exit::Done });
        }
        if context.interrupted.swap(false, Ordering::SeqCst) {
            break;
        }
    }
    if attendance.ends_slowly() {
        progress.say("stopping (Ctrl-C again: at once)");
    }
    show(attendance.stop(&context.interrupted, &mut context.newsreader())?);
    Ok(Exit::Interrupted)
}
