//! Exit statuses as numbers and as words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

/// The exit code that a shell would give: the program's own, or 128 plus the number of the signal that ended it.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 1,
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// `exit code 3` or `killed by SIGKILL`: a fragment that fits after "ended with …".
pub fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("signal {signal}"),
            Err(_) => format!("signal {number}"),
        },
        (None, None) => "an unknown status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::{ExitStatus, describe_exit, exit_code};

    #[test]
    fn follows_the_shell() {
        let cases = [(0, 0, "exit code 0"), (3 << 8, 3, "exit code 3"), (255 << 8, 255, "exit code 255")];
        for (raw, code, words) in cases {
            let status = ExitStatus::from_raw(raw);
            assert_eq!((exit_code(status), describe_exit(status).as_str()), (code, words));
        }
        let killed = ExitStatus::from_raw(9);
        assert_eq!((exit_code(killed), describe_exit(killed).as_str()), (137, "signal SIGKILL"));
    }
}
