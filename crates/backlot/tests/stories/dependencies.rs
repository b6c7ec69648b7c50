//! What Dockerfiles install is there natively, outside of the project.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::{Signal, wait_for};
use backlot_testkit::Stage;

use crate::{BACKLOT, has_views};

const LIMIT: Duration = Duration::from_secs(30);

/// A package that is built without anything else, with a program of its name that tells where it runs.
const BACKEND: &str = "\
import zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = 'hello-1.0-py3-none-any.whl'
    with zipfile.ZipFile(directory + '/' + name, 'w') as wheel:
        wheel.writestr('hello.py', open('hello.py').read())
        wheel.writestr('hello-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: hello\\nVersion: 1.0\\n')
        wheel.writestr('hello-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        wheel.writestr('hello-1.0.dist-info/entry_points.txt', '[console_scripts]\\nhello = hello:main\\n')
        wheel.writestr('hello-1.0.dist-info/RECORD', '')
    return name
";
const HELLO: &str = "\
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.prefix.encode())
def main():
    http.server.HTTPServer(('127.0.0.1', int(os.environ.get('PORT', sys.argv[1]))), Handler).serve_forever()
";

/// A project whose Dockerfile installs that package with pip, as the machine has it.
fn python() -> Stage {
    let stage = Stage::empty(BACKLOT);
    let project = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n\
                   [project]\nname = \"hello\"\nversion = \"1.0\"\n";
    stage
        .file("web/pkg/pyproject.toml", project)
        .file("web/pkg/backend.py", BACKEND)
        .file("web/pkg/hello.py", HELLO)
        .file("web/requirements.txt", "-r more.txt\n")
        .file("web/more.txt", "./pkg\n")
        .file(
            "web/Dockerfile",
            "FROM python:3-slim\nRUN apt-get update && apt-get install -y no-such-package\nWORKDIR /app\nCOPY . .\n\
             RUN pip install --no-cache-dir --no-index -r requirements.txt\nCMD [\"hello\", \"8000\"]\n",
        )
        .file(
            "compose.yaml",
            "services:\n  web:\n    build: web\n    expose: ['8000']\n    healthcheck:\n      test: python -c 'import hello'\n",
        );
    stage
}

#[test]
fn what_pip_installs_is_there_and_kept_and_made_anew_when_it_changes() {
    let stage = python();
    stage.under_git();
    let step = "install what web needs: pip install --no-cache-dir --no-index -r requirements.txt\n";
    stage.backlot(&["up", "--dry-run"]).output().assert_prints(&format!("{step}start web\n"));
    stage.backlot(&["install", "--dry-run", "web"]).output().assert_prints(step);
    let error = "error: service web runs hello, which is not on PATH\n  help: backlot install web installs what its Dockerfile does\n";
    stage.backlot(&["--engine", "native", "up", "-d", "--no-install"]).output().assert(1, "", error);

    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(
        up.stderr.contains("✓ packages  pip install --no-cache-dir --no-index -r requirements.txt for web"),
        "{up}"
    );
    let prefix = ["exec", "web", "python", "-c", "import sys, hello; print(sys.prefix)"];
    let first = stage.backlot(&prefix).output().assert_code(0).stdout;
    assert!(first.starts_with("[home]/dependencies/python-3"), "{first}");
    let as_run = stage.backlot(&["run", "web", "python", "-c", "import sys; print(sys.prefix)"]);
    as_run.output().assert_prints(&first);
    let as_only = stage.backlot(&["run", "--", "python", "-c", "import sys; print(sys.prefix)"]);
    as_only.output().assert_prints(&first);
    // A second time nothing is done.
    let again = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert_eq!(again.stderr, "");
    stage.backlot(&["install"]).output().assert(0, "", "everything is there");
    stage.backlot(&["up", "--dry-run"]).output().assert_prints("");

    // Other requirements are another environment, with which the service is started anew.
    stage.file("web/more.txt", "# other\n./pkg\n");
    let other = stage.backlot(&["up", "--dry-run"]).output().assert_code(0).stdout;
    assert_eq!(other, format!("{step}replace web\n"));
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let second = stage.backlot(&prefix).output().assert_code(0).stdout;
    assert_ne!(first, second);
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.run("git", &["checkout", "--quiet", "."]).output().assert_code(0);
    stage.assert_clean_tree();

    stage.file("web/more.txt", "# a third\n./pkg\n");
    let doctor = stage.backlot(&["doctor"]).output().stdout;
    let of_system = "has of its system's packages (apt-get): no-such-package";
    let of_python = "web needs what `pip install --no-cache-dir --no-index -r requirements.txt` installs";
    assert!(doctor.contains(of_system) && doctor.contains(of_python), "{doctor}");
    stage.assert_nothing_left();
}

#[test]
fn an_environment_of_the_projects_own_is_used_and_nothing_is_installed() {
    let stage = python();
    for (folder, port) in [("web/.venv", 1), ("venv", 2)] {
        let bin = stage.project().join(folder).join("bin");
        fs::create_dir_all(&bin).unwrap();
        program(&bin, "python", "exit 0");
        program(&bin, "hello", &format!("echo from {port}; exec sleep 600"));
    }
    stage.backlot(&["up", "--dry-run"]).output().assert_prints("start web\n");
    stage.backlot(&["install"]).output().assert(0, "", "nothing to install: …");
    stage.backlot(&["up", "-d", "-q"]).output().assert_code(0);
    let said = || stage.backlot(&["logs"]).output().stdout;
    let said = wait_for(LIMIT, || Some(said()).filter(|text| text.contains("from 1")));
    assert!(said.is_some(), "the one in the service's own directory is nearer");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    assert!(!stage.home().join("dependencies").exists());
}

#[test]
fn an_environment_beside_what_is_built_is_used_where_that_is_above_the_project() {
    let stage = Stage::empty(BACKLOT);
    stage
        .file("requirements.txt", "hello\n")
        .file(
            "docker/Dockerfile",
            "FROM python:3\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\nCMD hello\n",
        )
        .file(
            "docker/compose.yaml",
            "services: {web: {build: {context: .., dockerfile: docker/Dockerfile}}}\n",
        );
    let own = |folder: &str| {
        let bin = stage.project().join(folder).join("bin");
        program(&bin, "python", "exit 0");
        program(&bin, "hello", "exec sleep 600");
    };
    own("venv");
    stage.backlot(&["-C", "docker", "up", "--dry-run"]).output().assert_prints("start web\n");
    stage.backlot(&["-C", "docker", "up", "-d", "--wait", "-q"]).output().assert_code(0);
    // One that goes before it makes another service.
    own(".venv");
    stage.backlot(&["-C", "docker", "up", "--dry-run"]).output().assert_prints("replace web\n");
    stage.backlot(&["-C", "docker", "down", "-q"]).output().assert_code(0);
}

/// Adds a shell script to a folder of programs.
pub(crate) fn program(folder: &Path, name: &str, script: &str) {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A project whose Dockerfile installs with uv, and a `uv` that does what `install` says when it is to install.
fn fake(install: &str) -> (Stage, PathBuf) {
    let stage = Stage::empty(BACKLOT);
    stage
        .file(
            "Dockerfile",
            "FROM python:3.11\nWORKDIR /app\nCOPY . .\nRUN uv pip install --system -r requirements.txt\n",
        )
        .file("requirements.txt", "app==1\n")
        .file("compose.yaml", "services: {web: {build: ., command: app}}\n");
    let bin = stage.root().join("fake");
    program(&bin, "python3", "printf '/usr/bin/python3\\n3\\n11\\n'");
    uv(&bin, install);
    let path = format!("{}:/usr/bin:/bin", bin.display());
    (stage.with("PATH", path), bin)
}

fn uv(bin: &Path, install: &str) {
    let make = "mkdir -p \"$4/bin\"; printf '#!/bin/sh\\n' > \"$4/bin/python\"; chmod +x \"$4/bin/python\"";
    let script = format!("echo \"$@\" >> \"$0.calls\"\nif [ $1 = venv ]; then {make}; exit; fi\n{install}");
    program(bin, "uv", &script);
}

/// Installs a service that runs on and on.
const INSTALLS: &str = "\
printf '#!/bin/sh\\necho it runs; exec sleep 600\\n' > \"$VIRTUAL_ENV/bin/app\"; chmod +x \"$VIRTUAL_ENV/bin/app\"";

#[test]
fn a_tool_that_fails_is_told_with_its_last_lines_and_leaves_nothing() {
    let (stage, bin) = fake("echo 'no matching distribution' >&2; exit 7");
    let outcome = stage.backlot(&["--engine", "native", "up", "-d"]).output();
    outcome.assert(
        1,
        "",
        "    $ uv pip install --system -r requirements.txt\n\
         error: `uv pip install --system -r requirements.txt` for service web ([project]/compose.yaml:1:12) failed: it ended with exit code 7; offline, it has only what is on this machine\n\
         \x20 help: its last lines were\n        no matching distribution\n",
    );
    let left = fs::read_dir(stage.home().join("dependencies")).unwrap().flatten();
    let left: Vec<String> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| Path::new(name).extension().is_some_and(|end| end == "lock")), "{left:?}");
    stage.backlot(&["ls"]).output().assert_code(0);
    uv(&bin, INSTALLS);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn a_tool_that_fails_is_told_with_the_packages_of_the_system_that_its_stage_has() {
    let (stage, _) = fake("echo 'thing.h: no such file' >&2; exit 1");
    stage.file(
        "Dockerfile",
        "FROM python:3.11 AS made\nRUN apt-get install -y libthing-dev\nCOPY requirements.txt /\n\
         RUN pip wheel -w /wheels -r /requirements.txt\nFROM python:3.11\nWORKDIR /app\n\
         RUN --mount=type=bind,from=made,source=/wheels,target=/wheels pip install /wheels/*\n",
    );
    let outcome = stage.backlot(&["--engine", "native", "up", "-d"]).output().assert_code(1);
    let hint =
        "its Dockerfile has packages of the system before, of which these may be missing here: libthing-dev";
    assert!(outcome.stderr.contains("thing.h: no such file") && outcome.stderr.contains(hint), "{outcome}");
    let doctor = stage.backlot(&["doctor"]).output().stdout;
    assert!(doctor.contains("has of its system's packages (apt-get): libthing-dev"), "{doctor}");
}

#[test]
fn what_a_killed_one_has_left_is_ended_and_made_anew() {
    let (stage, bin) = fake("touch \"$VIRTUAL_ENV/half\"; sleep 300 & wait");
    let mut first = stage.backlot(&["up", "-d"]).start();
    let calls = bin.join("uv.calls");
    let has_begun =
        || fs::read_to_string(&calls).is_ok_and(|text| text.contains("pip install")).then_some(());
    wait_for(LIMIT, has_begun).unwrap();
    wait_for(LIMIT, || (!stage.find_processes("sleep 300").is_empty()).then_some(())).unwrap();
    first.kill().unwrap();
    uv(&bin, INSTALLS);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert!(stage.find_processes("sleep 300").is_empty(), "what the killed one had started is gone");
    let half = fs::read_dir(stage.home().join("dependencies")).unwrap().flatten();
    assert!(half.into_iter().all(|entry| !entry.path().join("half").exists()));
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn an_interrupted_one_ends_with_all_that_it_has_started() {
    let (stage, _) = fake("sleep 300 & wait");
    let mut first = stage.backlot(&["up", "-d"]).start();
    wait_for(LIMIT, || (!stage.find_processes("sleep 300").is_empty()).then_some(())).unwrap();
    first.id().signal(Signal::SIGINT).unwrap();
    let ended = first.wait(LIMIT).unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(130));
    wait_for(LIMIT, || stage.find_processes("sleep 300").is_empty().then_some(())).unwrap();
}

#[test]
fn two_at_once_install_once() {
    let (stage, bin) = fake(&format!("sleep 2; {INSTALLS}"));
    let mut first = stage.backlot(&["install", "-q"]).start();
    let second = stage.backlot(&["install", "-q"]).output();
    second.assert_code(0);
    first.wait(LIMIT).unwrap();
    let calls = fs::read_to_string(bin.join("uv.calls")).unwrap();
    assert_eq!(calls.lines().filter(|line| line.starts_with("pip")).count(), 1, "{calls}");
}

#[test]
fn a_lock_file_is_brought_in_by_uv_in_a_copy() {
    let (stage, bin) = fake(&format!(
        "[ \"$UV_PROJECT_ENVIRONMENT\" = \"$VIRTUAL_ENV\" ] || exit 9\ntouch egg-info\n{INSTALLS}"
    ));
    stage
        .file(
            "Dockerfile",
            "FROM python:3.11\nWORKDIR /app\nCOPY . .\nENV TOKEN=s3cret\nRUN uv sync --frozen --no-dev\n",
        )
        .file("pyproject.toml", "[project]\nname = \"x\"\n")
        .file("uv.lock", "version = 1\n");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let calls = fs::read_to_string(bin.join("uv.calls")).unwrap();
    assert!(calls.lines().any(|line| line == "sync --frozen --no-dev --no-install-project"), "{calls}");
    assert!(!stage.project().join("egg-info").exists());
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn modules_are_beside_package_json() {
    let stage = Stage::empty(BACKLOT);
    let package =
        "{\"name\": \"x\", \"version\": \"1.0.0\", \"dependencies\": {\"greet\": \"file:greet\"}}\n";
    let lock = "{\"name\": \"x\", \"version\": \"1.0.0\", \"lockfileVersion\": 3, \"packages\": {\
        \"\": {\"name\": \"x\", \"version\": \"1.0.0\", \"dependencies\": {\"greet\": \"file:greet\"}},\
        \"greet\": {\"version\": \"1.0.0\"}, \"node_modules/greet\": {\"resolved\": \"greet\", \"link\": true}}}\n";
    stage
        .file("web/package.json", package)
        .file("web/package-lock.json", lock)
        .file("web/greet/package.json", "{\"name\": \"greet\", \"version\": \"1.0.0\", \"main\": \"index.js\"}\n")
        .file("web/greet/index.js", "module.exports = 'hello from greet';\n")
        .file("web/server.js", "console.log(require('greet')); setInterval(() => {}, 1000);\n")
        .file(
            "web/Dockerfile",
            "FROM node:20\nWORKDIR /app\nCOPY package*.json ./\nCOPY greet greet\nRUN npm ci\nCOPY . .\nCMD [\"node\", \"server.js\"]\n",
        )
        .file("compose.yaml", "services: {web: {build: web}}\n")
        .under_git();
    if stage.run("sh", &["-c", "node --version && npm --version"]).output().code != 0 {
        return;
    }
    let plan = || stage.backlot(&["up", "--dry-run"]).output().assert_code(0).stdout;
    assert_eq!(plan(), "install what web needs: npm ci\nstart web\n");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let said = || stage.backlot(&["logs"]).output().stdout;
    let said = wait_for(LIMIT, || Some(said()).filter(|text| text.contains("hello from greet")));
    assert!(said.is_some(), "{}", stage.backlot(&["logs"]).output());
    if has_views() {
        let list = stage.backlot(&["exec", "web", "ls", "/app/node_modules"]).output();
        list.assert_prints("greet\n");
    }
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_clean_tree();
    // One that the project has itself is used.
    stage.file("web/node_modules/greet/index.js", "module.exports = 'own';\n");
    assert_eq!(plan(), "start web\n");
}

/// A `yarn` that puts a module where the project's settings say.
const YARN: &str = "\
folder=$(sed -n 's/^--modules-folder //p' .yarnrc); folder=${folder:-node_modules}
mkdir -p \"$folder/.bin\"; printf '#!/bin/sh\\necho it works; exec sleep 600\\n' > \"$folder/.bin/app\"
chmod +x \"$folder/.bin/app\"";

#[test]
fn modules_whose_settings_have_them_elsewhere_are_there_in_the_service_and_nowhere_on_this_machine() {
    let stage = Stage::empty(BACKLOT);
    let elsewhere = stage.root().join("elsewhere");
    stage
        .file("package.json", "{}")
        .file(".yarnrc", format!("--modules-folder {}\n# mine\n", elsewhere.display()))
        .file(
            "Dockerfile",
            "FROM node:20\nWORKDIR /app\nCOPY package.json *yarn* ./\nRUN yarn install\nCOPY . .\nCMD app\n",
        )
        .file("compose.yaml", "services: {web: {build: .}}\n");
    let bin = stage.root().join("fake");
    program(&bin, "node", "echo v20.0.0");
    program(&bin, "npm", "exit 1");
    program(&bin, "yarn", YARN);
    let stage = stage.with("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let said = || stage.backlot(&["logs"]).output().stdout;
    let said = wait_for(LIMIT, || Some(said()).filter(|text| text.contains("it works")));
    assert!(said.is_some(), "{}", stage.backlot(&["logs"]).output());
    assert!(!elsewhere.exists(), "it was written into this machine");
    if has_views() {
        let place = elsewhere.display().to_string();
        stage.backlot(&["exec", "web", "ls", "-A", &place]).output().assert_prints(".bin\n");
    }
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn a_scenario_has_its_database_where_nothing_can_be_installed() {
    let (stage, _) = fake("exit 7");
    let compose = "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n  web: {build: ., command: app}\n";
    stage.file("compose.yaml", compose).file("scenarios/one.sql", "CREATE TABLE t (a int);\n");
    let up = stage.backlot(&["scenario", "up", "one"]).output().assert_code(0);
    assert!(up.stderr.contains("⚠ only the database is started: `uv pip install"), "{up}");
    stage.backlot(&["scenario", "shell", "one", "-c", "SELECT * FROM t"]).output().assert_code(0);
    stage.backlot(&["scenario", "down", "one", "-q"]).output().assert_code(0);
}

/// As every stage has it, nothing may be fetched.
#[test]
fn offline_no_tool_asks_for_what_is_not_here() {
    let stage = python();
    stage.file("web/more.txt", "certifi==2024.2.2\n");
    let line = "RUN pip install --no-cache-dir --no-index -r requirements.txt";
    let dockerfile = fs::read_to_string(stage.project().join("web/Dockerfile")).unwrap();
    stage.file("web/Dockerfile", dockerfile.replace(line, "RUN pip install -r requirements.txt"));
    let up = stage.backlot(&["up", "-d"]).output().assert_code(1);
    let failed = "`pip install -r requirements.txt` for service web ([project]/compose.yaml:2:3) failed: it ended with exit code 1; \
                  offline, it has only what is on this machine";
    assert!(up.stderr.contains(failed), "{up}");
    assert!(up.stderr.contains("No matching distribution found for certifi"), "{up}");
    stage.assert_nothing_left();
    // What uv installs has rules of its own: pip is no stand-in for it.
    stage.file("web/Dockerfile", dockerfile.replace(line, "RUN uv pip install -r requirements.txt"));
    let up = stage.with("PATH", "/usr/bin:/bin").backlot(&["up", "-d"]).output().assert_code(1);
    assert!(
        up.stderr.contains("`pip install uv` for service web ([project]/compose.yaml:2:3) failed"),
        "{up}"
    );
}
