//! What `gosu` and `su-exec` are to the scripts of images that go on as another user, on a machine that has none: this program under
//! that name. A service runs as whoever starts it, and goes on as that.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, process};

use backlot_engine::tools;
use backlot_process::{Program, in_full};

use crate::caller::handed_on;
use crate::exit::Exit;

/// The names.
const NAMES: [&str; 2] = ["gosu", "su-exec"];
/// What a process has gone on with already: a script that starts itself anew, as long as it is not another user's, would never end.
const GONE_ON: &str = "BACKLOT_GONE_ON";
/// As shells have it: a program that is not there.
const NOT_THERE: u8 = 127;

/// Does it, if that is what this program is called by.
pub fn run() -> Option<ExitCode> {
    let mut words = env::args_os();
    let name = words.next()?;
    let name = Path::new(&name).file_name()?.to_str().filter(|name| NAMES.contains(name))?.to_owned();
    let words: Vec<OsString> = words.collect();
    let (why, exit) = match go_on(&words, &handed_on()) {
        Ok(program) => (in_full(&program.exec()), Exit::Failed),
        Err(other) => other,
    };
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "{name}: {why}");
    Some(exit.into())
}

/// The program that is to go on; else why there is none.
fn go_on(words: &[OsString], variables: &BTreeMap<OsString, OsString>) -> Result<Program, (String, Exit)> {
    let [user, program, arguments @ ..] = words else {
        return Err(("USER PROGRAM [ARGUMENT]… is what it takes".to_owned(), Exit::Usage));
    };
    let gone_on = format!("{} {words:?}", process::id());
    if variables.get(&OsString::from(GONE_ON)).is_some_and(|before| *before == *gone_on) {
        let said = format!(
            "the script starts itself anew as {}, which it never is natively: say what runs the service without that, \
             `x-backlot: {{command: …}}`, or do not start it as root",
            user.display()
        );
        return Err((said, Exit::Failed));
    }
    let found = found(program, variables);
    let not_there = || (format!("{}: not found", program.display()), Exit::Child(NOT_THERE));
    let program = Program::new(found.ok_or_else(not_there)?).args(arguments);
    Ok(program.envs(variables).env(GONE_ON, gone_on))
}

fn found(program: &OsString, variables: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    let text = program.to_str()?;
    if text.contains('/') {
        return Some(program.into());
    }
    let path = variables.get(&OsString::from("PATH"))?.to_str()?.to_owned();
    tools::on_path(text, &[("PATH".to_owned(), path)].into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use super::{GONE_ON, go_on};
    use crate::exit::Exit;

    #[test]
    fn it_goes_on_with_the_program_and_notes_that_it_has() {
        let variables = BTreeMap::from([(OsString::from("PATH"), OsString::from("/usr/bin:/bin"))]);
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let of = |line: &str, variables: &BTreeMap<_, _>| go_on(&words(line), variables);
        let program = of("app:app sh -c true", &variables).unwrap();
        assert!(program.path().ends_with("sh") && program.arguments() == ["-c", "true"]);
        // The same process once more with the same words is a circle; with others it is not.
        let mut again = variables.clone();
        again.insert(GONE_ON.into(), program.variable(GONE_ON).unwrap().to_owned());
        let (why, exit) = of("app:app sh -c true", &again).unwrap_err();
        assert!(why.starts_with("the script starts itself anew as app:app") && exit == Exit::Failed, "{why}");
        assert!(of("app sh -c false", &again).is_ok());
        let (why, exit) = of("app no-such-program", &variables).unwrap_err();
        assert_eq!((why.as_str(), exit), ("no-such-program: not found", Exit::Child(127)));
        assert_eq!(of("app", &variables).unwrap_err().1, Exit::Usage);
    }
}
