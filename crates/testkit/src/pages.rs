//! Pages of documentation as what a reader does with them: files that are written, commands that are typed, and what these print.

use crate::readme::Example;

/// A fenced block of a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// ```` ```console PROJECT ````: commands that are typed in that project, one after another.
    Console {
        /// The project, a word that the test knows.
        project: String,
        /// The commands, and what they print.
        examples: Vec<Example>,
    },
    /// ```` ```yaml compose.yaml ````: a file that the reader writes.
    File {
        /// Where, in the project.
        path: String,
        /// What is in it.
        text: String,
    },
    /// Anything else, by its first word: `sh` for commands that no test can run, `json` for what is only looked at.
    Other(String),
}

/// The blocks of a page, in their order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(mark)) => open = Some((mark.trim().to_owned(), String::new())),
            (None, None) => {}
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some((mark, text)), Some(_)) => {
                blocks.push(block(mark, text));
                open = None;
            }
        }
    }
    blocks
}

fn block(mark: &str, text: &str) -> Block {
    match mark.split_once(' ') {
        Some(("console", project)) => {
            Block::Console { project: project.to_owned(), examples: examples_in(text) }
        }
        Some((_, path)) => Block::File { path: path.to_owned(), text: text.to_owned() },
        None => Block::Other(mark.to_owned()),
    }
}

/// Lines that begin with `$ ` are commands, those that follow are what it prints.
fn examples_in(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { command: command.into(), output: String::new() });
        } else if let Some(example) = examples.last_mut() {
            example.output.push_str(line);
            example.output.push('\n');
        }
    }
    examples
}

/// The page with another output of each command of its console blocks, in their order.
pub fn with_outputs(page: &str, outputs: &[String]) -> String {
    let (mut text, mut outputs) = (String::new(), outputs.iter());
    let (mut fenced, mut console) = (false, false);
    for line in page.lines() {
        let (fence, command) = (line.strip_prefix("```"), line.starts_with("$ "));
        if let Some(mark) = fence {
            (fenced, console) = (!fenced, !fenced && mark.starts_with("console "));
        } else if console && !command {
            continue; // what was printed before
        }
        text.push_str(line);
        text.push('\n');
        if console && command {
            text.push_str(outputs.next().map_or("", String::as_str));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Block, blocks, with_outputs};

    const PAGE: &str = "\
Text.

```yaml compose.yaml
a: b
```
```console shop
$ cat compose.yaml
a: b
$ true
```
```sh
sudo true
```
";

    #[test]
    fn a_page_is_files_and_commands() {
        let blocks = blocks(PAGE);
        let [Block::File { path, text }, Block::Console { project, examples }, Block::Other(mark)] =
            &blocks[..]
        else {
            panic!("{blocks:?}")
        };
        assert_eq!(
            (path.as_str(), text.as_str(), project.as_str(), mark.as_str()),
            ("compose.yaml", "a: b\n", "shop", "sh")
        );
        assert_eq!((examples[0].output.as_str(), examples[1].command.as_str()), ("a: b\n", "true"));
    }

    #[test]
    fn a_page_is_written_anew() {
        let anew = with_outputs(PAGE, &["c: d\n".into(), String::new()]);
        assert_eq!(anew, PAGE.replace("\na: b\n$ true", "\nc: d\n$ true"));
    }
}
