//! How an error is shown: what failed, where, why, and the way out.

use std::error::Error as StdError;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use backlot_engine::Obstacle;
use backlot_process::causes;
use backlot_project::{Place, ProjectError, is_secret};
use serde_json::json;

use crate::error::CommandError;
use crate::render::{Style, note};

/// Shows an error on stderr, in words or as JSON; `options` name the project in command lines. The only place where errors are
/// printed.
pub fn show_failure(failure: &CommandError, options: &str, as_json: bool, style: Style, colour: bool) {
    if as_json {
        return note(&in_json(failure, options).to_string());
    }
    note(&format!("{} {}", style.bad("error:"), failure.error));
    for cause in causes(failure.error.as_ref()) {
        note(&format!("  {} {cause}", style.faint("because:")));
    }
    if let Some(place) = place(failure) {
        note(&snippet(place, colour));
    }
    for hint in &failure.hints {
        let hint = hint.render(options);
        note(&format!("  {} {}", style.good("help:"), hint.replace('\n', "\n        ")));
    }
    for fault in project_error(failure).into_iter().flat_map(ProjectError::more) {
        note(&format!("{} {fault}", style.bad("error:")));
        if let Some(place) = fault.place() {
            note(&snippet(place, colour));
        }
        if let Some(hint) = fault.hint() {
            note(&format!("  {} {hint}", style.good("help:")));
        }
    }
    for other in &failure.also {
        show_failure(other, options, as_json, style, colour);
    }
}

fn project_error(failure: &CommandError) -> Option<&ProjectError> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(failure.error.as_ref());
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<ProjectError>() {
            return Some(error);
        }
        next = error.source();
    }
    None
}

fn place(failure: &CommandError) -> Option<&Place> {
    project_error(failure)?.place()
}

/// The line of the file, with the place in it underlined.
fn snippet(place: &Place, colour: bool) -> String {
    let location = &place.location;
    let start = offset(&place.text, location.line, location.column);
    let end = place.text[start..]
        .char_indices()
        .nth(place.length.max(1))
        .map_or(place.text.len(), |(at, _)| start + at);
    let path = location.path.display().to_string();
    if may_hold_secret(&place.text, location.line) {
        return format!(" --> {location} (not shown: the line may hold a secret)");
    }
    let source =
        Snippet::source(&*place.text).path(&path).annotation(AnnotationKind::Primary.span(start..end));
    let report = [Level::ERROR.no_name().secondary_title("").element(source)];
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.render(&report);
    text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}

/// Whether a line has a word in it that sounds like the name of a secret.
fn may_hold_secret(text: &str, line: usize) -> bool {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(is_secret)
}

/// The byte at which a line and column (both from 1, in characters) begin; the text's end for one past it.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let line_start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let rest = &text[line_start..];
    let line_length = rest.find('\n').unwrap_or(rest.len());
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(line_length, |(at, _)| at);
    line_start + within.min(line_length)
}

fn in_json(failure: &CommandError, options: &str) -> serde_json::Value {
    let place = place(failure).map(|place| {
        let location = &place.location;
        json!({ "file": location.path, "line": location.line, "column": location.column })
    });
    let hints: Vec<String> = failure.hints.iter().map(|hint| hint.render(options)).collect();
    let obstacle = |one: &Obstacle| {
        let hint = one.hint.as_ref().map(|hint| hint.render(options));
        json!({ "code": one.code, "message": one.message, "hint": hint })
    };
    let obstacles: Vec<_> = failure.obstacles.iter().map(obstacle).collect();
    json!({ "error": {
        "code": failure.code,
        "message": failure.error.to_string(),
        "causes": causes(failure.error.as_ref()),
        "obstacles": obstacles,
        "place": place,
        "hints": hints,
    }})
}
