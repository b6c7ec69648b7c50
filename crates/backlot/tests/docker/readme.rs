//! The pages about containers and Docker are run, one after the other in one project, and print what they say.

use std::path::Path;

use backlot_testkit::{DockerStage, Example, Stage, examples, free_port, repository, without_numbers};

use crate::BACKLOT;

/// Stands for the search engine that is nowhere but in its image.
const SEARCHD: &str = "\
#!/usr/bin/env python3
import http.server, signal, sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(('', 7700), http.server.SimpleHTTPRequestHandler).serve_forever()
";

#[test]
fn the_pages_show_what_happens() {
    let Some(mut stage) = DockerStage::new(|| Stage::empty(BACKLOT)) else { return };
    let pages = ["docs/containers.md", "docs/docker.md"];
    let text = pages.map(|page| std::fs::read_to_string(repository().join(page)).unwrap()).concat();
    let examples = examples(&text, "console docker");
    assert!(examples.len() >= 10, "the pages show only {} commands on Docker", examples.len());
    // The port that it publishes may be taken on this machine; in the container it stays what it is.
    let published = format!("- \"{}:7700\"", free_port());
    for Example { command, output } in &examples {
        if let Some(path) = command.strip_prefix("cat ") {
            stage.file(path, output.replace("- \"7700:7700\"", &published));
        }
    }
    stage.file("search/search.py", SEARCHD);
    let binary = std::env::var("BACKLOT_TEST_BINARY").unwrap_or_else(|_| BACKLOT.to_owned());
    let bin = Path::new(&binary).parent().unwrap().display();
    stage.set("PATH", &format!("{bin}:{}", std::env::var("PATH").unwrap()));
    let name = stage.name().to_owned();
    stage.set("COMPOSE_PROJECT_NAME", &name);
    for Example { command, output } in examples {
        let outcome = stage.run("sh", &["-c", &format!("exec 2>&1; {command}")]).output();
        // On a busy machine a service may still be on its way.
        let printed = outcome.stdout.replace("[project]", "/home/me/shop").replace(" (starting)", "");
        assert_eq!(
            without_numbers(&printed),
            without_numbers(&output),
            "the pages show something else for\n{outcome}"
        );
    }
}
