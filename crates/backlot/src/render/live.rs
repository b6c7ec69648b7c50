//! What is under way, as long as it takes: on a terminal a line for each at its end, with the time so far; elsewhere a line now and
//! then. What is quick is never shown.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::render::streams::{ascii, shortened, width_of_stderr};
use crate::render::style::Style;

/// What takes no longer is not shown on a terminal.
const QUICK: Duration = Duration::from_secs(1);
/// The same off a terminal, where a line stays; each further one comes after twice that time.
const FIRST_LINE: Duration = Duration::from_secs(10);
/// No pause between lines of one thing is longer.
const MOST_BETWEEN: Duration = Duration::from_mins(1);
/// How often what is shown is brought up to date.
const TICK: Duration = Duration::from_millis(200);
/// How often it is asked how far something has come.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// So many are shown; of the others their number.
const MOST_ROWS: usize = 8;

/// Tells how far something has come.
type HowFar = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// Not at all.
    Nothing,
    /// As lines that stay.
    Lines,
    /// As lines that are drawn again and again.
    Redrawn,
}

/// All that is under way.
static BOARD: Mutex<Board> = Mutex::new(Board { rows: Vec::new(), drawn: 0, next: 0, ticker: None });
/// Ends a pause of the thread that shows it.
static CHANGED: Condvar = Condvar::new();

struct Board {
    rows: Vec<Row>,
    /// The lines that are on the terminal now.
    drawn: usize,
    next: u64,
    ticker: Option<JoinHandle<()>>,
}

struct Row {
    id: u64,
    /// As it stands at the beginning of a line.
    name: String,
    /// What is done, in words.
    what: String,
    /// What is known of how far it is.
    detail: Option<String>,
    how_far: Option<HowFar>,
    asked: Instant,
    since: Instant,
    /// When the next line that stays is due.
    due: Duration,
    showing: Showing,
    style: Style,
}

/// Something that is under way, until this is dropped.
#[derive(Debug)]
pub struct Task(Option<u64>);

impl Task {
    /// Begins to show `what`, under a name, as having begun at `since`.
    pub fn begin(name: &str, what: String, since: Instant, showing: Showing, style: Style) -> Self {
        if showing == Showing::Nothing {
            return Self(None);
        }
        let mut board = board();
        let id = board.next;
        board.next += 1;
        board.rows.push(Row {
            id,
            name: name.to_owned(),
            what,
            detail: None,
            how_far: None,
            asked: Instant::now(),
            since,
            due: FIRST_LINE.max(since.elapsed()),
            showing,
            style,
        });
        if board.ticker.is_none() {
            // Without it nothing is shown, that is all.
            board.ticker = thread::Builder::new().name("progress".into()).spawn(tick).ok();
        }
        Self(Some(id))
    }

    /// Says how it does now.
    pub fn tell(&self, what: &str, detail: Option<String>) {
        self.change(|row| (row.what, row.detail) = (what.to_owned(), detail));
    }

    /// Has it asked how far it has come.
    pub fn ask(&self, how_far: HowFar) {
        self.change(|row| row.how_far = Some(how_far));
    }

    fn change(&self, change: impl FnOnce(&mut Row)) {
        if let Some(row) = board().rows.iter_mut().find(|row| Some(row.id) == self.0) {
            change(row);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let Some(id) = self.0 else { return };
        let mut board = board();
        board.rows.retain(|row| row.id != id);
        if board.rows.is_empty() {
            board.erase();
            let ticker = board.ticker.take();
            drop(board);
            CHANGED.notify_all();
            // Whoever becomes another program has to be alone in its process.
            if let Some(ticker) = ticker {
                let _ = ticker.join();
            }
        }
    }
}

/// Writes to one of our streams, above what is under way.
pub fn write_above<T>(write: impl FnOnce() -> T) -> T {
    let mut board = board();
    board.erase();
    let written = write();
    board.draw();
    written
}

fn board() -> std::sync::MutexGuard<'static, Board> {
    BOARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings what is shown up to date until nothing is under way.
fn tick() {
    loop {
        let mut board = board();
        if board.rows.is_empty() {
            return;
        }
        let due = board.rows.iter_mut().filter(|row| row.since.elapsed() >= QUICK);
        let due = due.filter(|row| row.asked.elapsed() >= ASK_EVERY);
        let asked: Vec<_> = due
            .filter_map(|row| {
                row.asked = Instant::now();
                Some((row.id, row.how_far.clone()?))
            })
            .collect();
        drop(board);
        // That may take its time, in which others write.
        let told: Vec<_> = asked.into_iter().map(|(id, how_far)| (id, how_far())).collect();
        board = self::board();
        for (id, detail) in told {
            if let Some(row) = board.rows.iter_mut().find(|row| row.id == id) {
                row.detail = detail;
            }
        }
        board.say_what_is_due();
        board.erase();
        board.draw();
        if !board.rows.is_empty() {
            drop(CHANGED.wait_timeout(board, TICK));
        }
    }
}

impl Board {
    fn erase(&mut self) {
        if self.drawn > 0 {
            let _ = write!(io::stderr().lock(), "\x1b[{}A\r\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }

    fn draw(&mut self) {
        let slow = self.rows.iter().filter(|row| row.showing == Showing::Redrawn);
        let slow: Vec<&Row> = slow.filter(|row| row.since.elapsed() >= QUICK).collect();
        if slow.is_empty() {
            return;
        }
        let width = width_of_stderr();
        let mut text = String::new();
        for row in slow.iter().take(MOST_ROWS) {
            text += &row.line(width);
            text.push('\n');
        }
        self.drawn = slow.len().min(MOST_ROWS);
        if slow.len() > MOST_ROWS {
            let _ = writeln!(text, "    and {} more", slow.len() - MOST_ROWS);
            self.drawn += 1;
        }
        let _ = io::stderr().lock().write_all(ascii(&text).as_bytes());
    }

    /// Prints the lines that stay.
    fn say_what_is_due(&mut self) {
        let due = self
            .rows
            .iter_mut()
            .filter(|row| row.showing == Showing::Lines && row.since.elapsed() >= row.due);
        for (number, row) in due.enumerate() {
            let elapsed = row.since.elapsed();
            row.due = elapsed + elapsed.min(MOST_BETWEEN);
            if number < MOST_ROWS {
                let text = format!("    still {}", row.told());
                let _ = writeln!(io::stderr().lock(), "{}", ascii(&row.style.faint(text)));
            }
        }
    }
}

impl Row {
    /// `waiting for web: connection refused (12 s)`
    fn told(&self) -> String {
        let detail = self.detail.as_ref().map(|detail| format!(": {}", one_line(detail)));
        format!("{}{} ({} s)", self.what, detail.unwrap_or_default(), self.since.elapsed().as_secs())
    }

    /// `  · web       waiting for web: connection refused  12.4 s`, in a line of a terminal of that width.
    fn line(&self, width: usize) -> String {
        let time = format!("{:.1} s", self.since.elapsed().as_secs_f64());
        let detail = self.detail.as_ref().map(|detail| format!(": {}", one_line(detail)));
        let text = format!("{}{}", self.what, detail.unwrap_or_default());
        let room = width.saturating_sub(self.name.chars().count().max(9) + time.len() + 8);
        let text = shortened(&text, room);
        format!("  {} {:<9} {text}  {}", self.style.warning("·"), self.name, self.style.faint(time))
    }
}

/// The first line of a text, without what moves the cursor.
fn one_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default().trim_end();
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{FIRST_LINE, Row, Showing, one_line};
    use crate::render::Style;

    #[test]
    fn a_line_fits_its_terminal() {
        let now = Instant::now();
        let row = Row {
            id: 0,
            name: "web-1".into(),
            what: "starting".into(),
            detail: Some("its last check: connection refused by everybody who was asked\nand more".into()),
            how_far: None,
            asked: now,
            since: now.checked_sub(Duration::from_secs(12)).unwrap(),
            due: FIRST_LINE,
            showing: Showing::Redrawn,
            style: Style::new(false),
        };
        assert_eq!(row.line(60), "  · web-1     starting: its last check: connection…  12.0 s");
        assert_eq!(row.line(60).chars().count(), 59);
        assert!(row.line(200).ends_with("by everybody who was asked  12.0 s"));
        assert!(row.told().ends_with("who was asked (12 s)"));
        assert_eq!(one_line(" a\x1b[2Jb \nc"), "a [2Jb");
    }
}
