//! Tables without lines, as `docker ps` and `kubectl get` have them: for people and for `awk`.

use std::fmt;

use crate::render::streams::{shortened, streams, width_of_stdout};
use crate::render::style::Style;

/// No column is made narrower than this.
const NARROWEST: usize = 4;
/// What is between two columns.
const GAP: usize = 2;
/// The columns whose words say how something does.
const STATES: [&str; 2] = ["STATE", "HEALTH"];

/// Rows under headings, in columns as wide as their widest cell; on a terminal that is too narrow for that, the widest columns are
/// shortened.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row. An empty cell is shown as `-`, so that columns can be counted.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows
            .push(cells.into_iter().map(|cell| if cell.is_empty() { "-".into() } else { cell }).collect());
    }

    fn widths(&self, most: Option<usize>) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns).map(width).collect();
        let gaps = GAP * columns.saturating_sub(1);
        while most.is_some_and(|most| widths.iter().sum::<usize>() + gaps > most) {
            let widest = widths.iter_mut().filter(|width| **width > NARROWEST).max();
            let Some(widest) = widest else { break };
            *widest -= 1;
        }
        widths
    }

    fn text(&self, most: Option<usize>, style: Style) -> String {
        let widths = self.widths(most);
        let headings = self.rows.first();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let is_last = column + 1 == row.len();
                let shown = shortened(cell, *width);
                let filling = if is_last { 0 } else { GAP + width - shown.chars().count() };
                let is_state = number > 0
                    && headings
                        .and_then(|headings| headings.get(column))
                        .is_some_and(|name| STATES.contains(&name.as_str()));
                line += &if is_state { style.state(cell, &shown) } else { shown.into_owned() };
                line.extend(std::iter::repeat_n(' ', filling));
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(width_of_stdout(), Style::new(streams().colour_on_stdout)))
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::render::style::Style;

    #[test]
    fn a_table_stays_one_on_a_narrow_terminal() {
        let mut table = Table::new(&["SERVICE", "STATE", "ENDPOINT", "PID"]);
        table.row(vec!["db".into(), "running".into(), "127.0.0.1:5432->5432".into(), "4711".into()]);
        table.row(vec!["web".into(), "failed".into(), String::new(), String::new()]);
        let plain = Style::new(false);
        assert_eq!(
            table.text(None, plain),
            "SERVICE  STATE    ENDPOINT              PID\ndb       running  127.0.0.1:5432->5432  4711\n\
             web      failed   -                     -\n"
        );
        let narrow = table.text(Some(34), plain);
        assert_eq!(
            narrow,
            "SERVICE  STATE    ENDPOINT    PID\ndb       running  127.0.0.1…  4711\nweb      failed   -           -\n"
        );
        assert!(table.text(Some(5), plain).lines().all(|line| line.chars().count() <= 22));
        let coloured = table.text(Some(34), Style::new(true));
        assert!(coloured.contains("\u{1b}[32mrunning\u{1b}[0m  127"), "{coloured}");
        assert!(coloured.contains("\u{1b}[1;31mfailed\u{1b}[0m   -"), "{coloured}");
    }
}
