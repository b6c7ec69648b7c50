//! Reads anything, and holds what is handed on against what was read: for fuzzing and for the corpus.

use crate::messages::body::{Decoder, Framing};
use crate::messages::request::{self, Asker};
use crate::messages::response::{self, Afterwards, Asked};

/// Takes `bytes` for a request, for a response and for the chunks of a body.
///
/// # Panics
/// When what would be handed on could be read as something else.
pub fn feed(bytes: &[u8]) {
    for is_trusted in [true, false] {
        as_request(bytes, is_trusted);
    }
    for (is_head, is_old) in [(false, false), (true, false), (false, true)] {
        as_response(bytes, Asked { is_head, is_old });
    }
    as_body(bytes, Framing::Chunked);
}

fn as_request(bytes: &[u8], is_trusted: bool) {
    let asker = Asker { address: "192.0.2.7", is_trusted, default_host: "127.0.0.1:80" };
    let (mut head, mut again) = (Vec::new(), Vec::new());
    let Ok(Some(request)) = request::read(bytes, &asker, &mut head) else { return };
    if request.refused.is_some() {
        return;
    }
    as_body(&bytes[request.length..], request.framing);
    let handed = request::read(&head, &asker, &mut again).ok().flatten();
    let handed = handed.unwrap_or_else(|| panic!("no request: {:?}", String::from_utf8_lossy(&head)));
    assert_eq!(handed.length, head.len(), "there is something behind it");
    assert_eq!(handed.refused, None);
    assert_eq!(handed.framing, request.framing);
    assert_eq!(handed.is_head, request.is_head);
    assert_eq!(head[handed.method], bytes[request.method]);
    is_clean(&head);
}

fn as_response(bytes: &[u8], asked: Asked) {
    let (mut head, mut again) = (Vec::new(), Vec::new());
    let Ok(Some(response)) = response::read(bytes, asked, &mut head) else { return };
    as_body(&bytes[response.length..], response.framing);
    let has_body = !(asked.is_head || response.status < 200 || matches!(response.status, 204 | 304));
    // To an old client there are no chunks.
    let is_chunked = response.framing == Framing::Chunked;
    let framing = if asked.is_old && is_chunked { Framing::Close } else { response.framing };
    response::finish(&mut head, has_body.then_some(framing), Afterwards::Stays);
    let handed = response::read(&head, Asked { is_old: false, ..asked }, &mut again).ok().flatten();
    let handed = handed.unwrap_or_else(|| panic!("no response: {:?}", String::from_utf8_lossy(&head)));
    assert_eq!((handed.length, handed.status), (head.len(), response.status));
    assert_eq!(handed.framing, framing);
    is_clean(&head);
}

/// Every line ends as lines do, and none is folded.
fn is_clean(head: &[u8]) {
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("{line:?} has no end"));
        assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\0')), "{line:?}");
        assert!(!line.starts_with(b" ") && !line.starts_with(b"\t"), "{line:?}");
    }
}

/// In whatever pieces a body comes, it is the same.
fn as_body(bytes: &[u8], framing: Framing) {
    let read = |step: usize| {
        let (mut decoder, mut content, mut at) = (Decoder::new(framing), Vec::new(), 0);
        while at < bytes.len() && !decoder.is_over() {
            let mut piece = bytes[at..bytes.len().min(at + step)].to_vec();
            let Ok(found) = decoder.decode(&mut piece) else { return None };
            assert!(found.content <= found.read && found.read <= piece.len());
            content.extend_from_slice(&piece[..found.content]);
            at += found.read;
        }
        Some((content, at, decoder.is_over()))
    };
    assert_eq!(read(bytes.len().max(1)), read(7));
}
