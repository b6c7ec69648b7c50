//! A client's body on its way to a replica. It can be given to another replica for as long as nothing was taken from it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::messages::body::{Decoder, Framing};
use crate::messages::response::write_trailers;
use crate::wire::buffer::{Buffer, LARGE};
use crate::wire::moving::{fill, write_all};
use crate::wire::timer::Timer;

/// How much of a body is read that nobody wants.
const DISCARD_BYTES: usize = 4 << 20;
/// And for how long.
const DISCARD_TIME: Duration = Duration::from_secs(2);
/// The replica's silence is what is limited, whether it reads or answers.
const NO_LIMIT: Duration = Duration::from_hours(24 * 365);

/// Why a client's body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the client's body broke off")]
    Broken,
    #[error("the client sent nothing for {0:?}")]
    Stalled(Duration),
}

/// How a body is coming along, for whoever waits for the answer meanwhile.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    /// When the replica took the last piece (or the end), in milliseconds.
    moved: AtomicU64,
    /// The replica would take more, but the client has sent no more.
    awaits_client: AtomicBool,
    /// Something left it, so it cannot be given to another replica.
    taken: AtomicBool,
    /// The replica has all of it.
    whole: AtomicBool,
}

impl Progress {
    pub(crate) fn new(begun: Instant, has_body: bool) -> Self {
        Self {
            begun,
            moved: AtomicU64::new(0),
            awaits_client: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            whole: AtomicBool::new(!has_body),
        }
    }

    pub(crate) fn is_untouched(&self) -> bool {
        !self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Relaxed)
    }

    pub(crate) fn set_taken(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_whole(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    fn set_moved(&self) {
        let since = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(since, Ordering::Relaxed);
        self.awaits_client.store(false, Ordering::Relaxed);
    }

    /// Until when a replica may be silent. Time in which it is still sent something, or in which it waits for the client,
    /// does not count.
    pub(crate) fn deadline(&self, asked: Instant, limit: Duration) -> Instant {
        if self.awaits_client.load(Ordering::Relaxed) {
            return Instant::now() + limit;
        }
        asked.max(self.begun + Duration::from_millis(self.moved.load(Ordering::Relaxed))) + limit
    }
}

/// A client's body, as far as it was not read.
#[derive(Debug)]
pub(crate) struct Upload {
    decoder: Decoder,
    is_chunked: bool,
    has_trailers: bool,
    stall: Duration,
}

impl Upload {
    /// A body may stand still for `stall`.
    pub(crate) fn new(framing: Framing, has_trailers: bool, stall: Duration) -> Self {
        let is_chunked = framing == Framing::Chunked;
        Self { decoder: Decoder::new(framing), is_chunked, has_trailers, stall }
    }

    /// Whether chunks that are there are framed as they should be: what is not is not even begun to be sent.
    pub(crate) fn is_framed(input: &Buffer) -> bool {
        let mut decoder = Decoder::new(Framing::Chunked);
        decoder.decode(&mut input.unused().to_vec()).is_ok()
            && write_trailers(decoder.trailers_if_over(), false, &mut Vec::new()).is_ok()
    }

    /// How long the body is, if all of it is in the buffer.
    pub(crate) fn lies_in(&self, input: &Buffer) -> Option<usize> {
        let left = usize::try_from(self.decoder.left()?).ok()?;
        (left <= input.unused().len()).then_some(left)
    }

    /// Sends it piece by piece. It may end before the body is whole: when the replica takes no more.
    pub(crate) async fn send(
        &mut self,
        (reader, input): (&mut (impl AsyncRead + Unpin), &mut Buffer),
        writer: &mut (impl AsyncWrite + Unpin),
        (patience, progress): (&mut Timer, &Progress),
    ) -> Result<(), Fault> {
        let mut frame = Vec::new();
        while !progress.is_whole() {
            let piece = self.decoder.decode(input.unused_mut()).map_err(|_| Fault::Broken)?;
            if piece.read > 0 {
                progress.set_taken();
            }
            frame.clear();
            let mut end = Vec::new();
            if self.is_chunked {
                self.frame(piece.content, &mut frame, &mut end)?;
            }
            let content = &input.unused()[..piece.content];
            if write_all(writer, [&frame, content, &end], patience, NO_LIMIT, &mut 0).await.is_err() {
                return Ok(());
            }
            input.use_up(piece.read);
            progress.set_moved();
            if self.decoder.is_over() {
                progress.set_whole();
                return Ok(());
            }
            progress.awaits_client.store(true, Ordering::Relaxed);
            let (mut since, stall) = (None, self.stall);
            let deadline = || *since.get_or_insert_with(Instant::now) + stall;
            match fill(reader, input, LARGE, patience, deadline).await {
                Ok(1..) => progress.set_moved(),
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                    return Err(Fault::Stalled(stall));
                }
                Ok(0) | Err(_) => return Err(Fault::Broken),
            }
        }
        Ok(())
    }

    /// What stands before and behind a chunk.
    fn frame(&self, content: usize, before: &mut Vec<u8>, behind: &mut Vec<u8>) -> Result<(), Fault> {
        if content > 0 {
            before.extend_from_slice(format!("{content:x}\r\n").as_bytes());
            behind.extend_from_slice(b"\r\n");
        }
        if self.decoder.is_over() {
            behind.extend_from_slice(b"0\r\n");
            write_trailers(self.decoder.trailers(), self.has_trailers, behind).map_err(|_| Fault::Broken)?;
        }
        Ok(())
    }

    /// Reads on without keeping anything, up to a limit: a connection that is closed while the client still sends is
    /// reset, and the client may then never see the answer. True when the body was read to its end.
    pub(crate) async fn discard(
        &mut self,
        (reader, input): (&mut (impl AsyncRead + Unpin), &mut Buffer),
        patience: &mut Timer,
    ) -> bool {
        let (mut room, deadline) = (DISCARD_BYTES, Instant::now() + DISCARD_TIME);
        loop {
            let Ok(piece) = self.decoder.decode(input.unused_mut()) else { return false };
            input.use_up(piece.read);
            room = room.saturating_sub(piece.read);
            if self.decoder.is_over() || room == 0 {
                return self.decoder.is_over();
            }
            if !matches!(fill(reader, input, LARGE, patience, || deadline).await, Ok(1..)) {
                return false;
            }
        }
    }
}
