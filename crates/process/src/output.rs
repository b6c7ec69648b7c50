//! Programs that are run for what they print.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{ChildStdin, ExitStatus};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::ProcessError;
use crate::program::Program;
use crate::spawn::{Child, SpawnOptions, Stream};

/// As much of one stream as is kept, in bytes; the rest is read and dropped.
const KEPT: usize = 16 * 1024 * 1024;
/// How often the child itself is looked at while its pipes are silent.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long pipes may stay open after the child's end, held by something that it left behind.
const GRACE: Duration = Duration::from_millis(200);

/// How a program ended and what it printed, up to 16 MiB of each stream.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: Vec<u8>,
}

/// What a program has printed so far.
#[derive(Debug, Clone, Copy)]
pub struct Printed<'o> {
    /// To its standard output.
    pub stdout: &'o [u8],
    /// To its standard error.
    pub stderr: &'o [u8],
}

impl Output {
    /// The last `count` lines of stderr, or of stdout if stderr is empty.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        last_lines(&self.stdout, &self.stderr, count)
    }
}

impl Program {
    /// Runs the program with nothing to read, in its own group, and returns what it printed, however it ended. At the limit
    /// the whole group is killed; it also dies with us.
    pub fn output(&self, limit: Duration) -> Result<Output, ProcessError> {
        self.output_with(&[], limit)
    }

    /// The same, with `input` to read.
    pub fn output_with(&self, input: &[u8], limit: Duration) -> Result<Output, ProcessError> {
        self.output_while(input, limit, &mut |_| true)
    }

    /// The same for as long as `go_on` says so, which is asked every 20 ms or more often and sees what has been printed so
    /// far; then the whole group is killed, as at the limit.
    ///
    /// # Errors
    /// [`ProcessError::AskedToStop`] when it said no.
    pub fn output_while(
        &self,
        input: &[u8],
        limit: Duration,
        go_on: &mut dyn FnMut(Printed<'_>) -> bool,
    ) -> Result<Output, ProcessError> {
        let stdin = if input.is_empty() { Stream::Null } else { Stream::Pipe };
        let options =
            SpawnOptions { stdin, stdout: Stream::Pipe, stderr: Stream::Pipe, ..SpawnOptions::default() };
        let mut child = self.spawn(options)?;
        let mut pipes = Pipes::of(&mut child, input);
        let waited = wait(&mut child, &mut pipes, Instant::now() + limit, go_on);
        match waited {
            Ok(Waited::Ended(status)) => {
                let [stdout, stderr] = pipes.outputs.map(|pipe| pipe.kept);
                Ok(Output { status, stdout, stderr })
            }
            Ok(Waited::Stopped) => {
                child.kill()?;
                Err(ProcessError::AskedToStop { program: self.path().to_owned() })
            }
            Ok(Waited::TooLong) => {
                child.kill()?;
                let last_lines = last_lines(&pipes.outputs[0].kept, &pipes.outputs[1].kept, 10);
                Err(ProcessError::TimedOut { program: self.path().to_owned(), limit, last_lines })
            }
            Err(source) => {
                child.kill()?;
                Err(child.wait_error(source))
            }
        }
    }

    /// The same, but an end with anything other than exit code 0 is an error that tells the last lines.
    pub fn succeed_with(&self, input: &[u8], limit: Duration) -> Result<Output, ProcessError> {
        let output = self.output_with(input, limit)?;
        if output.status.success() {
            return Ok(output);
        }
        let (program, status, last_lines) = (self.path().to_owned(), output.status, output.last_lines(10));
        Err(ProcessError::Failed { program, status, last_lines })
    }
}

/// How a wait for a child came out.
enum Waited {
    /// It ended, and its pipes are closed.
    Ended(ExitStatus),
    /// It runs, and the time is up.
    TooLong,
    /// It runs, and is not to go on.
    Stopped,
}

/// Moves data until the child has ended and its pipes are closed.
fn wait(
    child: &mut Child,
    pipes: &mut Pipes<'_>,
    deadline: Instant,
    go_on: &mut dyn FnMut(Printed<'_>) -> bool,
) -> io::Result<Waited> {
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        let now = Instant::now();
        if ended.is_none() {
            ended = child.try_wait().map_err(io::Error::other)?.map(|status| (status, now));
        }
        if let Some((status, since)) = ended
            && (pipes.are_closed() || now >= since + GRACE)
        {
            return Ok(Waited::Ended(status));
        }
        if now >= deadline {
            return Ok(Waited::TooLong);
        }
        let [stdout, stderr] = &pipes.outputs;
        if !go_on(Printed { stdout: &stdout.kept, stderr: &stderr.kept }) {
            return Ok(Waited::Stopped);
        }
        // Closed pipes mean that the child is about to end, so it is looked at more often.
        let step = if pipes.are_closed() { Duration::from_millis(1) } else { LOOK_EVERY };
        pipes.transfer(step.min(deadline - now))?;
    }
}

/// One of the child's outputs; `source` is `None` once it has been closed.
struct Pipe {
    source: Option<Box<dyn Readable>>,
    kept: Vec<u8>,
}

trait Readable: Read + AsFd {}
impl<T: Read + AsFd> Readable for T {}

struct Pipes<'input> {
    input: Option<(ChildStdin, &'input [u8])>,
    outputs: [Pipe; 2],
}

impl<'input> Pipes<'input> {
    fn of(child: &mut Child, input: &'input [u8]) -> Self {
        let stdout = child.take_stdout().map(|pipe| Box::new(pipe) as Box<dyn Readable>);
        let stderr = child.take_stderr().map(|pipe| Box::new(pipe) as Box<dyn Readable>);
        let outputs = [stdout, stderr].map(|source| Pipe { source, kept: Vec::new() });
        Self { input: child.take_stdin().map(|pipe| (pipe, input)), outputs }
    }

    fn are_closed(&self) -> bool {
        self.outputs.iter().all(|pipe| pipe.source.is_none())
    }

    /// Waits up to `limit` until any pipe is ready, and serves those that are.
    fn transfer(&mut self, limit: Duration) -> io::Result<()> {
        let sources: [Option<BorrowedFd<'_>>; 3] = [
            self.input.as_ref().map(|(pipe, _)| pipe.as_fd()),
            self.outputs[0].source.as_ref().map(|pipe| pipe.as_fd()),
            self.outputs[1].source.as_ref().map(|pipe| pipe.as_fd()),
        ];
        let ready = poll_each(sources, limit)?;
        if ready[0] {
            self.write();
        }
        for (pipe, ready) in self.outputs.iter_mut().zip([ready[1], ready[2]]) {
            if ready {
                pipe.read()?;
            }
        }
        Ok(())
    }

    /// Writes no more than a pipe takes without blocking. A child that has stopped reading is no error: its exit code tells.
    fn write(&mut self) {
        let Some((pipe, left)) = &mut self.input else { return };
        let chunk = &left[..left.len().min(4096)];
        match pipe.write(chunk) {
            Ok(count) if count < left.len() => *left = &left[count..],
            Ok(_) | Err(_) => self.input = None,
        }
    }
}

impl Pipe {
    fn read(&mut self) -> io::Result<()> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let mut buffer = [0; 16 * 1024];
        match source.read(&mut buffer) {
            Ok(0) => self.source = None,
            Ok(count) => {
                let room = KEPT.saturating_sub(self.kept.len());
                self.kept.extend_from_slice(&buffer[..count.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Which of the sources (the first is written to) can be served without blocking; absent ones never can.
fn poll_each(sources: [Option<BorrowedFd<'_>>; 3], limit: Duration) -> io::Result<[bool; 3]> {
    let flags = [PollFlags::POLLOUT, PollFlags::POLLIN, PollFlags::POLLIN];
    let present: Vec<usize> = (0..3).filter(|&index| sources[index].is_some()).collect();
    let mut fds: Vec<PollFd<'_>> =
        sources.iter().zip(flags).filter_map(|(fd, flags)| fd.map(|fd| PollFd::new(fd, flags))).collect();
    let timeout = PollTimeout::try_from(limit.max(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut ready = [false; 3];
    for (index, fd) in present.into_iter().zip(&fds) {
        ready[index] = fd.any().unwrap_or(true);
    }
    Ok(ready)
}

fn last_lines(stdout: &[u8], stderr: &[u8], count: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(if stderr.trim_ascii().is_empty() { stdout } else { stderr });
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|&line| line.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::KEPT;
    use crate::{ProcessError, ProcessId, Program, exit_code};

    const LIMIT: Duration = Duration::from_secs(20);

    fn sh(script: &str) -> Program {
        Program::new("/bin/sh").args(["-c", script]).env("PATH", "/usr/bin:/bin")
    }

    #[test]
    fn keeps_streams_and_exit_code_apart() {
        let output = sh("echo out; echo err >&2; exit 3").output(LIMIT).unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(exit_code(output.status), 3);
        assert_eq!(output.last_lines(10), ["err"]);
    }

    #[test]
    fn gives_exactly_the_environment_that_was_asked_for() {
        let output = Program::new("/usr/bin/env").env("A", "1").env("B", "x y").output(LIMIT).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "A=1\nB=x y\n");
    }

    #[test]
    fn moves_more_than_a_pipe_holds_in_both_directions() {
        let input = vec![b'x'; 3_000_000];
        let output = Program::new("/bin/cat").output_with(&input, LIMIT).unwrap();
        assert_eq!(output.stdout, input);
    }

    #[test]
    fn a_child_that_does_not_read_is_no_error() {
        let output = sh("exec <&-; echo done").output_with(&vec![b'x'; 1_000_000], LIMIT).unwrap();
        assert_eq!(output.stdout, b"done\n");
    }

    #[test]
    fn keeps_a_bounded_part_of_a_flood() {
        let output = sh("head -c 20000000 /dev/zero").output(LIMIT).unwrap();
        assert_eq!(output.stdout.len(), KEPT);
    }

    #[test]
    fn kills_the_whole_group_at_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let script = "sleep 600 & echo $! > pid; echo waiting >&2; wait";
        let error = sh(script).current_dir(dir.path()).output(Duration::from_millis(300)).unwrap_err();
        let sleeper: i32 = std::fs::read_to_string(dir.path().join("pid")).unwrap().trim().parse().unwrap();
        assert!(ProcessId::of(sleeper).is_none_or(|sleeper| sleeper.wait_gone(LIMIT)));
        let ProcessError::TimedOut { last_lines, .. } = &error else { panic!("{error}") };
        assert_eq!(last_lines, &["waiting"]);
        assert_eq!(error.to_string(), "finish /bin/sh within 0.3 s; its last output was:\nwaiting");
    }

    #[test]
    fn something_left_behind_with_our_pipe_does_not_hold_us_up() {
        let start = Instant::now();
        let output = sh("sleep 30 & echo $!").output(LIMIT).unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
        let pid: i32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        ProcessId::of(pid).unwrap().signal(crate::Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_missing_program_and_a_failed_one_say_so() {
        let error = Program::new("/nonexistent/x").output(LIMIT).unwrap_err();
        assert_eq!(error.to_string(), "start /nonexistent/x");
        let error = sh("echo no >&2; exit 4").succeed_with(&[], LIMIT).unwrap_err();
        assert_eq!(error.to_string(), "run /bin/sh: it ended with exit code 4; its last output was:\nno");
        let error = sh("\0").output(LIMIT).unwrap_err();
        assert!(matches!(error, ProcessError::NulByte { .. }), "{error}");
    }
}
