//! A replica's response on its way to the client.

use std::io;
use std::time::Duration;

use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

use crate::http::answer::{Cause, Failure};
use crate::http::client::Ticket;
use crate::http::upload::Progress;
use crate::messages::body::{Decoder, Framing};
use crate::messages::request::Request;
use crate::messages::response::{self, Afterwards, Asked, Garbled, Response, finish, write_trailers};
use crate::messages::rules::Reached;
use crate::shared::Shared;
use crate::wire::buffer::{Buffer, LARGE, USUAL};
use crate::wire::moving::{JOINED, fill, write_all};
use crate::wire::timer::Timer;

/// A body of at most so many bytes is read whole before the client gets anything of the response. Until then another
/// replica can still be asked, and the replica is free as soon as it has answered, however slowly the client reads.
const HOLD_BYTES: u64 = 64 * 1024;

/// And it is held for at most so long.
const HOLD_TIME: Duration = Duration::from_secs(1);

/// A response that is being read, and what the client gets of it.
pub(crate) struct Relay<'r, 's, 'c> {
    pub(crate) from: ReadHalf<'r>,
    pub(crate) writer: &'r mut WriteHalf<'s>,
    pub(crate) timer: &'r mut Timer,
    pub(crate) request: &'r Request,
    pub(crate) progress: &'r Progress,
    pub(crate) ticket: &'r mut Ticket<'c>,
    pub(crate) shared: &'r Shared,
    /// When the replica was asked.
    pub(crate) asked: Instant,
    /// What was read from it.
    pub(crate) input: Buffer,
    /// What the client gets before what is in `input`.
    pub(crate) head: Vec<u8>,
}

/// How it ended.
pub(crate) enum Ended {
    /// The replica has said it all.
    Whole(Last),
    /// What follows is another protocol. The head is not ended yet.
    Switched,
    /// Somebody broke it off when the client had a part of it.
    Cut,
}

/// What the client has yet to get: `head`, then the content at the beginning of `input`, then this end.
pub(crate) struct Last {
    /// The head is not ended yet: nothing of the response was written.
    pub(crate) held: Option<Response>,
    pub(crate) content: usize,
    pub(crate) end: Vec<u8>,
    /// The replica's connection may rest for another request.
    pub(crate) rests: bool,
    /// The client was told that its connection stays.
    pub(crate) stays: bool,
}

fn failed(cause: Cause) -> Failure {
    Failure { cause, reached: Reached::Replica }
}

impl Relay<'_, '_, '_> {
    /// Reads the response to its end and gives the client all but the last piece of it.
    pub(crate) async fn run(&mut self) -> Result<Ended, Failure> {
        let Some(response) = self.receive().await? else { return Ok(Ended::Cut) };
        if response.status == 101 {
            return if self.request.upgrades { Ok(Ended::Switched) } else { Err(failed(Cause::Switched)) };
        }
        let decoder = Decoder::new(response.framing);
        if let Some(length) = decoder.left().filter(|length| *length <= HOLD_BYTES)
            && let Ok(length) = usize::try_from(length)
            && self.hold(length).await?
        {
            let rests = response.keeps && self.input.unused().len() == length;
            let last = Last { held: Some(response), content: length, end: Vec::new(), rests, stays: true };
            return Ok(Ended::Whole(last));
        }
        Ok(self.stream(response, decoder).await)
    }

    /// Waits for the head, and hands on what is said before it; nothing if that does not reach the client.
    async fn receive(&mut self) -> Result<Option<Response>, Failure> {
        let asked = Asked { is_head: self.request.is_head, is_old: self.request.is_old };
        let limit = self.shared.limits.response_timeout;
        loop {
            if !self.input.is_empty() {
                match response::read(self.input.unused(), asked, &mut self.head) {
                    Ok(Some(response)) => {
                        self.shared.habits.answered_http();
                        self.input.use_up(response.length);
                        if response.status >= 200 || response.status == 101 {
                            return Ok(Some(response));
                        }
                        if self.hint(response.status).await.is_err() {
                            return Ok(None);
                        }
                        continue;
                    }
                    Ok(None) => {}
                    Err(Garbled) => return Err(failed(Cause::Garbled)),
                }
            }
            let wanted = if self.input.unused().len() < USUAL / 2 { USUAL } else { LARGE };
            let deadline = || self.progress.deadline(self.asked, limit);
            match fill(&mut self.from, &mut self.input, wanted, self.timer, deadline).await {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(failed(Cause::Silent(limit)));
                }
                Ok(0) | Err(_) => return Err(failed(Cause::Died)),
            }
        }
    }

    /// Hands an interim response on. The client is told elsewhere to go on with its body, and an old one knows no more.
    async fn hint(&mut self, status: u16) -> io::Result<()> {
        if status == 100 || self.request.is_old {
            return Ok(());
        }
        finish(&mut self.head, None, Afterwards::Stays);
        self.write(0, &[]).await
    }

    /// Gives the client the head, content that was read, and an end.
    pub(crate) async fn write(&mut self, content: usize, end: &[u8]) -> io::Result<()> {
        let mut pieces = [&[], &self.input.unused()[..content], end];
        if content + end.len() <= JOINED {
            for piece in &mut pieces[1..] {
                self.head.extend_from_slice(piece);
                *piece = &[];
            }
        }
        pieces[0] = &self.head;
        write_all(self.writer, pieces, self.timer, self.shared.limits.stall_timeout, &mut 0).await?;
        self.ticket.bytes += content as u64;
        self.head.clear();
        Ok(())
    }

    /// Reads a short body whole; false if that takes too long.
    async fn hold(&mut self, length: usize) -> Result<bool, Failure> {
        let mut since = None;
        while self.input.unused().len() < length {
            let deadline = || *since.get_or_insert_with(Instant::now) + HOLD_TIME;
            match fill(&mut self.from, &mut self.input, length.max(USUAL), self.timer, deadline).await {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(false),
                Ok(0) | Err(_) => return Err(failed(Cause::Died)),
            }
        }
        Ok(true)
    }

    /// Hands a long body on while it is read.
    async fn stream(&mut self, response: Response, mut decoder: Decoder) -> Ended {
        let framing = match (response.framing, self.request.is_old) {
            (Framing::Length(length), _) => Framing::Length(length),
            (Framing::Chunked | Framing::Close, true) => Framing::Close,
            (Framing::Chunked | Framing::Close, false) => Framing::Chunked,
        };
        let stays = self.request.keeps
            && self.progress.is_whole()
            && framing != Framing::Close
            && !self.shared.closing.is_set();
        finish(&mut self.head, Some(framing), Afterwards::of(self.request.is_old, stays));
        self.ticket.status = Some(response.status);
        let is_chunked = framing == Framing::Chunked;
        let takes = self.request.takes_trailers && response.has_trailers;
        let limit = self.shared.limits.stall_timeout;
        let mut is_over = false;
        loop {
            let Ok(piece) = decoder.decode(self.input.unused_mut()) else { return Ended::Cut };
            is_over |= decoder.is_over();
            let mut end = Vec::new();
            if is_chunked && piece.content > 0 {
                self.head.extend_from_slice(format!("{:x}\r\n", piece.content).as_bytes());
                end.extend_from_slice(b"\r\n");
            }
            if is_over {
                if is_chunked {
                    end.extend_from_slice(b"0\r\n");
                    if write_trailers(decoder.trailers(), takes, &mut end).is_err() {
                        return Ended::Cut;
                    }
                }
                let rests = response.keeps && self.input.unused().len() == piece.read;
                return Ended::Whole(Last { held: None, content: piece.content, end, rests, stays });
            }
            if self.write(piece.content, &end).await.is_err() {
                return Ended::Cut;
            }
            self.input.use_up(piece.read);
            let mut since = None;
            let deadline = || *since.get_or_insert_with(Instant::now) + limit;
            match fill(&mut self.from, &mut self.input, LARGE, self.timer, deadline).await {
                Ok(1..) => {}
                Ok(0) if decoder.ends_with_connection() => is_over = true,
                Ok(0) | Err(_) => return Ended::Cut,
            }
        }
    }
}
