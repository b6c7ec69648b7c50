//! What our streams can show, as the caller's world has it.

use std::borrow::Cow;
use std::sync::OnceLock;

use terminal_size::{Width, terminal_size};

/// What they can show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Streams {
    /// Whether only ASCII is sure to be shown.
    pub ascii: bool,
    /// Whether tables on stdout are coloured.
    pub colour_on_stdout: bool,
    /// Whether stdout is a terminal, which has a width.
    pub has_terminal: bool,
}

/// Said once, at the beginning.
static STREAMS: OnceLock<Streams> = OnceLock::new();

/// A terminal's width when it does not tell.
const USUAL_WIDTH: usize = 80;

/// Says what the streams can show.
pub fn set_up(streams: Streams) {
    let _ = STREAMS.set(streams);
}

pub(super) fn streams() -> Streams {
    STREAMS.get().copied().unwrap_or_default()
}

/// The text with our own signs as ASCII has them, where nothing else is sure to be shown.
pub fn ascii(text: &str) -> Cow<'_, str> {
    if streams().ascii { in_ascii(text) } else { text.into() }
}

fn in_ascii(text: &str) -> Cow<'_, str> {
    const SIGNS: [(&str, &str); 6] =
        [("✓", "+"), ("✗", "x"), ("⚠", "!"), ("·", "-"), ("…", "..."), ("→", "->")];
    if text.is_ascii() {
        return text.into();
    }
    SIGNS.iter().fold(text.to_owned(), |text, (sign, plain)| text.replace(sign, plain)).into()
}

/// The text in no more than `room` columns; one that is longer ends with a sign of that.
pub fn shortened(text: &str, room: usize) -> Cow<'_, str> {
    if text.chars().count() <= room {
        return text.into();
    }
    let sign = if streams().ascii { "..." } else { "…" };
    let kept: String = text.chars().take(room.saturating_sub(sign.chars().count())).collect();
    format!("{}{sign}", kept.trim_end()).into()
}

/// The columns of the terminal that stdout is; none where it is none.
pub(super) fn width_of_stdout() -> Option<usize> {
    streams().has_terminal.then(terminal_size)?.map(|(Width(width), _)| width.into())
}

/// The columns of the terminal that stderr is.
pub(super) fn width_of_stderr() -> usize {
    terminal_size().map_or(USUAL_WIDTH, |(Width(width), _)| width.into())
}

#[cfg(test)]
mod tests {
    use super::{in_ascii, shortened};

    #[test]
    fn signs_have_stand_ins() {
        assert_eq!(in_ascii("  ✓ db → web · Zoë …"), "  + db -> web - Zoë ...");
        assert_eq!(shortened("127.0.0.1:5432", 8), "127.0.0…");
        assert_eq!(shortened("web", 3), "web");
    }
}
