//! The control socket, from outside.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backlot_process::wait_for;

use crate::protocol::{Answer, Failure, Message, News, Request};
use crate::routes::Routes;

/// How often a waiting client looks whether it is to go on waiting.
const STEP: Duration = Duration::from_millis(50);

/// How long nothing may be heard before it is asked whether the supervisor is still at work.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a supervisor at work may take to say how everything is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a supervisor, for one request.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    socket: PathBuf,
}

/// A request without a good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It cannot be met.
    #[error("{}", .0.text)]
    Failure(Failure),
    /// The one who asked has lost interest.
    #[error("interrupted")]
    Interrupted,
    /// The supervisor ended before it had answered.
    #[error("the supervisor ended before it had answered")]
    Gone,
    /// It runs and says nothing: it was halted, or the machine is too busy.
    #[error("the supervisor has said nothing for {} s", waited.as_secs())]
    Silent {
        /// How long was waited.
        waited: Duration,
    },
    /// It says something that is not known here: another version of us has started it.
    #[error("the supervisor says what this version of Backlot does not understand")]
    Foreign(#[source] serde_json::Error),
    /// The connection broke.
    #[error("the supervisor does not answer")]
    Io(#[source] io::Error),
}

impl Client {
    /// Connects to the supervisor at `socket`, which may still be about to listen there for as long as `limit`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(socket: &Path, limit: Duration) -> io::Result<Self> {
        let connect = || UnixStream::connect(socket);
        let stream = wait_for(limit, || connect().ok()).map_or_else(connect, Ok)?;
        Ok(Self { stream, socket: socket.to_owned() })
    }

    /// Asks, and waits for the answer for as long as the supervisor is at work: how long that may take is for it to say.
    /// `news` hears what happens meanwhile; setting `interrupted` ends the waiting, not the request.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ask(
        self,
        request: &Request,
        interrupted: &AtomicBool,
        news: &mut dyn FnMut(News),
    ) -> Result<Answer, ClientError> {
        let mut line = serde_json::to_vec(request).map_err(|error| ClientError::Io(error.into()))?;
        line.push(b'\n');
        self.stream.set_write_timeout(Some(PATIENCE)).map_err(ClientError::Io)?;
        self.stream.set_read_timeout(Some(STEP)).map_err(ClientError::Io)?;
        (&self.stream).write_all(&line).map_err(silent_or_broken)?;
        let mut reader = BufReader::new(&self.stream);
        let mut line = Vec::new();
        let mut heard = Instant::now();
        loop {
            // What was read of a line before the time was up stays in it.
            match reader.read_until(b'\n', &mut line) {
                Ok(0) => return Err(ClientError::Gone),
                Ok(_) => {
                    heard = Instant::now();
                    let message = serde_json::from_slice(&line);
                    line.clear();
                    match message.map_err(ClientError::Foreign)? {
                        Message::News(item) => news(item),
                        Message::Done(answer) => return Ok(answer),
                        Message::Failed(failure) => return Err(ClientError::Failure(failure)),
                    }
                }
                Err(error) if is_pause(&error) => match (request, heard.elapsed()) {
                    (Request::Status, waited) if waited >= PATIENCE => {
                        return Err(ClientError::Silent { waited });
                    }
                    // Whoever stays attached has nothing to hear for hours.
                    (Request::Status | Request::Attach, _) => {}
                    (_, waited) if waited >= SILENCE => {
                        self.see_whether_it_works(interrupted)?;
                        heard = Instant::now();
                    }
                    (_, _) => {}
                },
                Err(error) => return Err(ClientError::Io(error)),
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(ClientError::Interrupted);
            }
        }
    }

    /// The connection as one for questions about addresses.
    ///
    /// # Errors
    /// When it is broken.
    pub fn routes(self) -> io::Result<Routes> {
        Routes::over(self.stream)
    }

    /// A supervisor at work says at any time how everything is.
    fn see_whether_it_works(&self, interrupted: &AtomicBool) -> Result<(), ClientError> {
        // That it is about to end, or has ended, this connection will tell.
        let Ok(client) = Self::connect(&self.socket, STEP) else { return Ok(()) };
        match client.ask(&Request::Status, interrupted, &mut |_| {}) {
            Err(ClientError::Silent { waited }) => Err(ClientError::Silent { waited }),
            Err(ClientError::Interrupted) => Err(ClientError::Interrupted),
            Ok(_)
            | Err(
                ClientError::Failure(_) | ClientError::Gone | ClientError::Foreign(_) | ClientError::Io(_),
            ) => Ok(()),
        }
    }
}

/// A request that is not taken off our hands was not heard.
fn silent_or_broken(error: io::Error) -> ClientError {
    if is_pause(&error) { ClientError::Silent { waited: PATIENCE } } else { ClientError::Io(error) }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
