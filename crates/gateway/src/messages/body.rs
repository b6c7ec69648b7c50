//! How a body is framed, and its content taken out of the frame.

use crate::messages::rules::CHUNK_EXTRA_BYTES;

/// How one knows where a body ends (RFC 9112, 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes; none at all is no body.
    Length(u64),
    /// The last chunk says so.
    Chunked,
    /// With the connection.
    Close,
}

/// What was found in a piece of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// So much was read, content and frames.
    pub(crate) read: usize,
    /// So much content is at the beginning now.
    pub(crate) content: usize,
}

/// A body is not framed as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unframed;

/// Where in a body one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// So much content is left.
    Length(u64),
    Close,
    /// In a chunk's size, of which there are digits.
    Size {
        begun: bool,
        size: u64,
    },
    /// Behind it, where blanks may be.
    Blank(u64),
    Extension(u64),
    /// A size's line is about to end.
    SizeEnd(u64),
    Content(u64),
    ContentEnd,
    ContentFeed,
    /// Behind the last chunk.
    Trailers,
    End,
}

/// Reads a body piece by piece.
#[derive(Debug)]
pub(crate) struct Decoder {
    at: At,
    /// Bytes since the last chunk that are no content.
    extra: usize,
    trailers: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Self {
        let at = match framing {
            Framing::Length(0) => At::End,
            Framing::Length(length) => At::Length(length),
            Framing::Chunked => At::Size { begun: false, size: 0 },
            Framing::Close => At::Close,
        };
        Self { at, extra: 0, trailers: Vec::new() }
    }

    /// Whether the body was read to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.at == At::End
    }

    /// So much content is left, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self.at {
            At::Length(left) => Some(left),
            At::End => Some(0),
            At::Close
            | At::Size { .. }
            | At::Blank(_)
            | At::Extension(_)
            | At::SizeEnd(_)
            | At::Content(_)
            | At::ContentEnd
            | At::ContentFeed
            | At::Trailers => None,
        }
    }

    /// Whether the connection's end is the body's.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.at == At::Close
    }

    /// What stood behind the last chunk: lines of headers and an empty one, not looked at.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// The same, nothing while more of it may come.
    pub(crate) fn trailers_if_over(&self) -> &[u8] {
        if self.is_over() { &self.trailers } else { b"" }
    }

    /// Takes the content that `bytes` begin with out of its frames and puts it at their beginning. What is not read belongs
    /// to the next message.
    pub(crate) fn decode(&mut self, bytes: &mut [u8]) -> Result<Piece, Unframed> {
        let mut piece = Piece { read: 0, content: 0 };
        while piece.read < bytes.len() && self.at != At::End {
            match self.at {
                At::Length(left) => {
                    let count = take(bytes, &mut piece, left);
                    self.at = if count == left { At::End } else { At::Length(left - count) };
                }
                At::Content(left) => {
                    let count = take(bytes, &mut piece, left);
                    self.at = if count == left { At::ContentEnd } else { At::Content(left - count) };
                }
                At::Close => drop(take(bytes, &mut piece, u64::MAX)),
                At::Size { .. }
                | At::Blank(_)
                | At::Extension(_)
                | At::SizeEnd(_)
                | At::ContentEnd
                | At::ContentFeed
                | At::Trailers => {
                    self.at = self.framed(bytes[piece.read])?;
                    piece.read += 1;
                }
                At::End => break,
            }
        }
        Ok(piece)
    }

    /// What follows a byte of a frame.
    fn framed(&mut self, byte: u8) -> Result<At, Unframed> {
        Ok(match (self.at, byte) {
            (At::Size { size, .. }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).ok_or(Unframed)?;
                if size >> 60 != 0 {
                    return Err(Unframed);
                }
                let at = At::Size { begun: true, size: size << 4 | u64::from(digit) };
                // Only zeros can go on and on.
                if size == 0 { self.extra(at)? } else { at }
            }
            (At::Size { begun: false, .. }, _) => return Err(Unframed),
            (At::Size { size, .. } | At::Blank(size), b' ' | b'\t') => self.extra(At::Blank(size))?,
            (At::Size { size, .. } | At::Blank(size) | At::Extension(size), b'\r') => At::SizeEnd(size),
            // A bare line feed is the end of a line to some.
            (At::Size { size, .. } | At::Blank(size), b';')
            | (At::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => self.extra(At::Extension(size))?,
            (At::SizeEnd(0), b'\n') => At::Trailers,
            (At::SizeEnd(size), b'\n') => At::Content(size),
            (At::ContentEnd, b'\r') => At::ContentFeed,
            (At::ContentFeed, b'\n') => {
                self.extra = 0;
                At::Size { begun: false, size: 0 }
            }
            // A line that ends in another way ends somewhere else to others.
            (At::Trailers, byte) if (byte == b'\n') != self.trailers.ends_with(b"\r") => {
                return Err(Unframed);
            }
            (At::Trailers, byte) => {
                self.trailers.push(byte);
                let ended = self.trailers == b"\r\n" || self.trailers.ends_with(b"\r\n\r\n");
                if ended { At::End } else { self.extra(At::Trailers)? }
            }
            (_, _) => return Err(Unframed),
        })
    }

    /// The same as long as there is not too much of what is no content.
    fn extra(&mut self, at: At) -> Result<At, Unframed> {
        self.extra += 1;
        if self.extra > CHUNK_EXTRA_BYTES { Err(Unframed) } else { Ok(at) }
    }
}

/// Moves content of at most `most` bytes to that which was found before.
fn take(bytes: &mut [u8], piece: &mut Piece, most: u64) -> u64 {
    let there = bytes.len() - piece.read;
    let count = usize::try_from(most).map_or(there, |most| most.min(there));
    if piece.read > piece.content {
        bytes.copy_within(piece.read..piece.read + count, piece.content);
    }
    piece.read += count;
    piece.content += count;
    count as u64
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Framing};
    use proptest::prelude::{any, proptest};

    /// The content of a body that comes in pieces of `step` bytes, and what is left over; nothing if it is not framed well
    /// or not whole.
    fn decode(framing: Framing, bytes: &[u8], step: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let (mut decoder, mut content) = (Decoder::new(framing), Vec::new());
        let mut at = 0;
        while at < bytes.len() && !decoder.is_over() {
            let mut piece = bytes[at..bytes.len().min(at + step)].to_vec();
            let found = decoder.decode(&mut piece).ok()?;
            content.extend_from_slice(&piece[..found.content]);
            at += found.read;
        }
        (decoder.is_over() || decoder.ends_with_connection()).then(|| (content, bytes[at..].to_vec()))
    }

    #[test]
    fn chunks_and_what_is_none() {
        for (bytes, expected) in [
            ("5\r\nhello\r\n0\r\n\r\n", Some("hello")),
            ("5;a=b\r\nhello\r\n3 ;c\r\n wo\r\n0;x\r\nX-Sum: 1\r\n\r\n", Some("hello wo")),
            ("0000000000000005\r\nhello\r\n0\r\n\r\n", Some("hello")),
            ("00000000000000005\r\nhello\r\n0\r\n\r\n", Some("hello")),
            ("10000000000000005\r\nhello\r\n0\r\n\r\n", None),
            ("5\nhello\r\n0\r\n\r\n", None),
            ("5\r\nhello\n0\r\n\r\n", None),
            ("5\r\nhello0\r\n\r\n", None),
            ("5;a\nb\r\nhello\r\n0\r\n\r\n", None),
            ("+5\r\nhello\r\n0\r\n\r\n", None),
            ("0x5\r\nhello\r\n0\r\n\r\n", None),
            (" 5\r\nhello\r\n0\r\n\r\n", None),
            ("\r\nhello\r\n0\r\n\r\n", None),
            ("-1\r\nhello\r\n0\r\n\r\n", None),
            ("5\r\nhello\r\n", None),
            ("5\r\nhello\r\n0\r\n", None),
            ("0\r\nX: 1\r\nY: 2\r\n\r\n", Some("")),
            ("0\r\nX: 1\n\nGET / HTTP/1.1\r\n\r\n", None),
            ("0\r\n\nGET / HTTP/1.1\r\n\r\n", None),
            ("0\r\nX: 1\n\r\n", None),
            ("0\r\nX: \r1\r\n\r\n", None),
        ] {
            for step in 1..=bytes.len() {
                let found = decode(Framing::Chunked, bytes.as_bytes(), step);
                assert_eq!(found, expected.map(|text| (text.into(), Vec::new())), "{bytes:?} by {step}");
            }
        }
        let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000));
        assert_eq!(decode(Framing::Chunked, long.as_bytes(), 1000), None);
    }

    proptest! {
        #[test]
        fn what_is_framed_comes_out_again(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            next in proptest::collection::vec(any::<u8>(), 0..9),
            step in 1_usize..50,
        ) {
            let (content, mut chunks) = (pieces.concat(), Vec::new());
            for piece in &pieces {
                chunks.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                chunks.extend_from_slice(piece);
                chunks.extend_from_slice(b"\r\n");
            }
            chunks.extend_from_slice(b"0\r\n\r\n");
            chunks.extend_from_slice(&next);
            assert_eq!(decode(Framing::Chunked, &chunks, step), Some((content.clone(), next.clone())));
            let plain = [&content[..], &next].concat();
            let length = Framing::Length(content.len() as u64);
            assert_eq!(decode(length, &plain, step), Some((content, next)));
            assert_eq!(decode(Framing::Close, &plain, step), Some((plain, Vec::new())));
        }
    }
}
