//! `backlot doctor`

mod finding;
mod packages;
mod stack;
mod views;

use std::collections::BTreeMap;
use std::path::Path;

use backlot_engine::{
    Client, DockerError, Explain, Home, Shelf, Surroundings, named_daemon, tools, way_of_copying,
};
use backlot_plan::PostgresWish;
use backlot_postgres::{Installation, SearchPlaces};
use backlot_process::{Owner, Program, caller_allow_list};
use serde_json::json;

use self::finding::{Finding, LIMIT, Verdict};
use crate::context::Context;
use crate::exit::Exit;
use crate::render;

/// Say what Backlot finds on this machine and in this project, and how to mend what is missing
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: &Args, context: &Context) -> Exit {
    let variables = &context.caller.variables;
    let root = context.project().ok().map(|project| project.root().to_owned());
    let mut findings = vec![postgres(context)];
    findings.extend(account_and_directories(context));
    findings.extend(stack::project(context));
    findings.push(python(root.as_deref(), variables));
    findings.push(docker(variables));
    findings.push(nginx(variables));
    findings.push(views::views(variables));
    show(&findings, context);
    let all_good = findings.iter().all(|finding| finding.verdict != Verdict::Bad);
    if all_good { Exit::Done } else { Exit::Failed }
}

fn show(findings: &[Finding], context: &Context) {
    let options = context.global.project_options();
    let mend = |finding: &Finding| finding.mend.as_ref().map(|mend| mend.render(&options));
    if context.global.json {
        let word = |verdict| match verdict {
            Verdict::Good => "good",
            Verdict::Warning => "warning",
            Verdict::Bad => "bad",
        };
        let finding = |f: &Finding| json!({ "what": f.what, "verdict": word(f.verdict), "found": f.found, "mend": mend(f) });
        return render::json(&findings.iter().map(finding).collect());
    }
    let style = context.style();
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Good => style.good("✓"),
            Verdict::Warning => style.warning("⚠"),
            Verdict::Bad => style.bad("✗"),
        };
        let found = finding.found.replace('\n', &format!("\n{:15}", ""));
        render::line(&format!("{mark} {:<12} {found}", finding.what));
        if let Some(mend) = mend(finding) {
            // Of several lines, all stand where the first one does.
            let mend = mend.replace('\n', &format!("\n{:17}", ""));
            render::line(&format!("  {:<12} {} {mend}", "", style.faint("→")));
        }
    }
}

fn postgres(context: &Context) -> Finding {
    let variables = &context.caller.variables;
    let places = SearchPlaces {
        explicit: None,
        path: variables.get("PATH").map(Into::into),
        roots: SearchPlaces::default_roots(),
    };
    let found = Installation::find_all(&places);
    let shelf = context.home().ok().map(|home| Shelf::of(&home));
    let fetched = shelf.as_ref().and_then(|shelf| shelf.list().ok()).unwrap_or_default();
    let own = found.iter().map(|one| format!("{} in {}", one.version, one.bin_dir.display()));
    let fetched =
        fetched.iter().map(|one| format!("{}, fetched ({})", one.installation.version, one.package()));
    let each: Vec<String> = own.chain(fetched).collect();
    let Err(error) = Installation::choose(&found, None) else {
        return Finding::good("PostgreSQL", each.join(", "));
    };
    // Whatever version a file asks for, the same client would fetch it.
    let order = shelf.map(|shelf| shelf.order(PostgresWish::default(), &Surroundings::of(variables)));
    match order {
        _ if !each.is_empty() => Finding::good("PostgreSQL", each.join(", ")),
        Some(Ok(order)) => Finding::good("PostgreSQL", format!("none yet: an `up` would {order}")),
        Some(Err(way)) => {
            Finding::bad("PostgreSQL", way.to_string(), way.hint().unwrap_or_else(|| "".into()))
        }
        None => Finding::bad("PostgreSQL", error.to_string(), error.hint()),
    }
}

/// How a Debian or macOS package is installed here.
fn install(package: &str) -> String {
    if Path::new("/usr/bin/apt-get").exists() {
        format!("apt-get install {package}")
    } else {
        format!("brew install {package}")
    }
}

fn account_and_directories(context: &Context) -> Vec<Finding> {
    let owner = match Owner::for_postgres() {
        Ok(owner) => owner,
        Err(error) => {
            return vec![Finding::bad("user", error.to_string(), "run backlot as an ordinary user")];
        }
    };
    let user = match &owner {
        Owner::Caller => Finding::good("user", "an ordinary one: Postgres runs as yourself"),
        Owner::User { name, .. } => Finding::good("user", format!("root: Postgres runs as {name}")),
    };
    let home = match Home::choose(&context.caller.variables, owner) {
        Ok(home) => home,
        Err(error) => {
            let mend = "set BACKLOT_HOME to a directory of yours";
            return vec![user, Finding::bad("directories", error.to_string(), mend)];
        }
    };
    let way = |home: &Home| Some(Finding::good("copies", way_of_copying(home.root())?.to_string()));
    [user, directories(&home)].into_iter().chain(way(&home)).collect()
}

fn directories(home: &Home) -> Finding {
    let root = home.root().to_owned();
    let mend = "set BACKLOT_HOME to a directory that you can write to, and that Postgres' user can reach";
    if let Err(error) = home.try_out() {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        return Finding::bad("directories", format!("{error}{cause}"), mend);
    }
    if let Err(error) = home.owner().check_reach(&root) {
        return Finding::bad("directories", error.to_string(), mend);
    }
    match home.free_space() {
        Some(free) if free < 500 << 20 => Finding::warning(
            "directories",
            format!("{} ({} free)", root.display(), render::size(free)),
            "free some space: a scenario takes 35 MiB and more",
        ),
        Some(free) => {
            Finding::good("directories", format!("{} ({} free)", root.display(), render::size(free)))
        }
        None => Finding::good("directories", root.display().to_string()),
    }
}

fn python(root: Option<&Path>, variables: &BTreeMap<String, String>) -> Finding {
    let variables = match root {
        Some(root) => tools::with_virtual_environment(root, variables.clone()),
        None => variables.clone(),
    };
    let Some(python) = tools::python(&variables) else {
        return Finding::warning("Python", "not found; only Python projects need it", install("python3"));
    };
    match version(&python, &["--version"], &variables) {
        Some(version) => Finding::good("Python", format!("{version} in {}", python.display())),
        None => Finding::warning("Python", format!("{} does not run", python.display()), install("python3")),
    }
}

fn docker(variables: &BTreeMap<String, String>) -> Finding {
    let asked = Client::locate(variables).and_then(|client| Ok((client.check()?, client.compose_version())));
    let (daemon, compose) = match asked {
        Ok((daemon, Ok(compose))) => {
            return Finding::good("Docker", format!("daemon {daemon}, Compose {compose}"));
        }
        Ok((daemon, Err(error))) => (format!("daemon {daemon}; "), error),
        Err(DockerError::NoClient) => {
            return Finding::good("Docker", "not installed; only --engine docker needs it");
        }
        // Whoever names one means to use it.
        Err(DockerError::NoDaemon { .. }) if named_daemon(variables) == (None, None) => {
            return Finding::good("Docker", "client without a daemon; only --engine docker needs one");
        }
        Err(error) => (String::new(), error),
    };
    let mend = compose
        .hint()
        .unwrap_or_else(|| "see what `docker version` says, or leave --engine docker out".into());
    Finding::warning("Docker", format!("{daemon}{compose}"), mend)
}

fn nginx(variables: &BTreeMap<String, String>) -> Finding {
    match backlot_nginx::locate(variables.get("PATH").map(String::as_str)) {
        Ok(nginx) => Finding::good("nginx", nginx.program.display().to_string()),
        Err(error) => {
            Finding::warning("nginx", "not found; only stacks with an nginx service need it", error.hint())
        }
    }
}

/// The first line that a program prints, if it ends well in time.
fn version(program: &Path, arguments: &[&str], variables: &BTreeMap<String, String>) -> Option<String> {
    let program = Program::new(program).args(arguments.iter().copied()).envs(caller_allow_list(variables));
    let output = program.output(LIMIT).ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}
