//! The control socket, from outside.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backlot_process::wait_for;

use crate::protocol::{Answer, Failure, Message, News, Request};

/// How often a waiting client looks whether it is to go on waiting.
const STEP: Duration = Duration::from_millis(50);

/// A connection to a supervisor, for one request.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
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
        Ok(Self { stream })
    }

    /// Asks, and waits for the answer without a limit: that is for the supervisor to keep. `news` hears what happens
    /// meanwhile; setting `interrupted` ends the waiting, not the request.
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
        (&self.stream).write_all(&line).map_err(ClientError::Io)?;
        self.stream.set_read_timeout(Some(STEP)).map_err(ClientError::Io)?;
        let mut reader = BufReader::new(&self.stream);
        let mut line = Vec::new();
        loop {
            // What was read of a line before the time was up stays in it.
            match reader.read_until(b'\n', &mut line) {
                Ok(0) => return Err(ClientError::Gone),
                Ok(_) => {
                    let message = serde_json::from_slice(&line);
                    line.clear();
                    match message.map_err(|error| ClientError::Io(error.into()))? {
                        Message::News(item) => news(item),
                        Message::Done(answer) => return Ok(answer),
                        Message::Failed(failure) => return Err(ClientError::Failure(failure)),
                    }
                }
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(ClientError::Io(error)),
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(ClientError::Interrupted);
            }
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
