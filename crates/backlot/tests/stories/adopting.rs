//! `backlot init` in a project that has no Compose file.

use backlot_testkit::Stage;

use crate::BACKLOT;

#[test]
fn a_project_without_a_compose_file_gets_one_when_that_is_wanted() {
    let stage = Stage::empty(BACKLOT);
    stage.file("requirements.txt", "fastapi\nasyncpg\n").file("main.py", "app = FastAPI()\n");
    stage.file("alembic.ini", "");
    let asked = stage.backlot(&["init"]).output().assert_code(2);
    for part in [
        "compose.yaml would be:",
        "command: uvicorn main:app --host 0.0.0.0 --port 8000",
        "migrate: alembic upgrade head",
        "Dockerfile would be:\n\nFROM python:3\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n",
        "error: files would be written, and nobody can be asked\n  help: say --yes to do it",
    ] {
        assert!(asked.stderr.contains(part), "{part}\n{asked}");
    }
    assert!(!stage.project().join("compose.yaml").exists());
    let dry = stage.backlot(&["init", "--dry-run"]).output();
    dry.assert_prints("write [project]/Dockerfile\nwrite [project]/compose.yaml");
    stage.backlot(&["init", "--yes"]).output().assert(
        0,
        "Dockerfile and compose.yaml: written, and yours to change\n  backlot up",
        "…",
    );
    let dry = stage.backlot(&["up", "--dry-run", "db"]).output().assert_code(0);
    assert!(dry.stdout.contains("clone a durable cluster into volume data"), "{dry}");
    let again = stage.backlot(&["init"]).output().assert_code(1);
    assert!(again.stderr.contains("there is nothing to write"), "{again}");
    stage.assert_nothing_left();
}

#[test]
fn what_nothing_is_known_of_is_said_to_be_so() {
    let stage = Stage::empty(BACKLOT);
    stage.file("README.md", "");
    let none = stage.backlot(&["init"]).output().assert_code(1);
    assert!(
        none.stderr.starts_with("error: nothing in [project] tells what would run\n  help: known are"),
        "{none}"
    );
}

#[test]
fn a_compose_file_that_is_there_is_added_to_when_that_is_wanted_only() {
    let stage = Stage::empty(BACKLOT);
    let compose = "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n  web:\n    build: .\n    command: sleep 1000\n";
    stage.file("compose.yaml", compose).file("alembic.ini", "").file("Dockerfile", "FROM python\n");
    let text = || std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    let asked = stage.backlot(&["init"]).output().assert_code(2);
    for part in [
        "Alembic's migrations are run by nothing in it; after line 3, this would be added:",
        "    x-backlot:\n      migrate: alembic upgrade head\n",
        "error: a file would be changed, and nobody can be asked\n  help: say --yes to do it",
    ] {
        assert!(asked.stderr.contains(part), "{part}\n{asked}");
    }
    stage.backlot(&["init", "--dry-run"]).output().assert_prints(
        "add to [project]/compose.yaml, after line 3: x-backlot:\n      migrate: alembic upgrade head",
    );
    assert_eq!(text(), compose);
    stage.backlot(&["init", "--yes", "-q"]).output().assert_prints("");
    assert_eq!(
        text(),
        compose.replace("  web:\n", "  web:\n    x-backlot:\n      migrate: alembic upgrade head\n")
    );
    let again = stage.backlot(&["init"]).output().assert_code(1);
    assert!(again.stderr.contains("there is nothing to write"), "{again}");
    stage.assert_nothing_left();
}
