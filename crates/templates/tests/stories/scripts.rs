//! Clusters that scripts fill.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use backlot_postgres::{
    ClusterSpec, Durability, Init, InitError, Onlooker, Places, Script, ScriptContent, Workshop,
};
use backlot_templates::TemplateError;

use crate::world::{World, connect, spec, stop};

struct Listening(Vec<String>, bool);

impl Onlooker for Listening {
    fn said(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }

    fn goes_on(&mut self) -> bool {
        self.1
    }
}

fn text(name: &str, text: &str) -> Script {
    Script { name: name.into(), content: ScriptContent::Text(text.into()) }
}

fn init(scripts: Vec<Script>, spec: &ClusterSpec) -> Init {
    let variables = [("POSTGRES_USER", spec.superuser.as_str()), ("POSTGRES_DB", "application")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Init { places: Places::default(), scripts, variables, then: String::new() }
}

/// Has a new cluster filled in the place `name`, and returns what was told of it.
fn fill(
    world: &World,
    spec: &ClusterSpec,
    init: &Init,
    name: &str,
    goes_on: bool,
) -> Result<Vec<String>, TemplateError> {
    let place = world.place(name);
    let workshop = Workshop {
        scratch: place.data_dir.with_extension("scratch"),
        socket_dir: place.socket_dir.clone(),
        log_file: place.log_file.clone(),
        owner: world.owner.clone(),
    };
    let mut listening = Listening(Vec::new(), goes_on);
    let base = ClusterSpec { databases: spec.databases[..1].to_vec(), ..spec.clone() };
    let template = world.templates().ensure(&world.installation, &base)?;
    template.clone_and_fill(
        &place.data_dir,
        Some(&mut |data| Ok(init.run(&world.installation, spec, data, &workshop, &mut listening)?)),
    )?;
    assert!(!workshop.scratch.exists() && !workshop.socket_dir.exists());
    Ok(listening.0)
}

#[test]
fn scripts_of_every_kind_fill_a_cluster_in_their_order() {
    let world = World::new();
    let spec =
        ClusterSpec { databases: vec!["application".into(), "other".into()], ..spec(Durability::Ephemeral) };
    let folder = world.dir.path().join("scripts");
    fs::create_dir(&folder).unwrap();
    let run = folder.join("02-run.sh");
    fs::write(&run, "#!/bin/sh\ntest -z \"$said\"\npsql -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c 'INSERT INTO t VALUES (2)'").unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
    let scripts = vec![
        text(
            "00.sh",
            "said=1\n\"${psql[@]}\" <<<'CREATE TABLE t (i int)'\ndocker_process_sql -c 'CREATE ROLE app LOGIN'",
        ),
        text("01.sql", "\\c application \"user name\"\nINSERT INTO t VALUES (1);"),
        Script { name: "02-run.sh".into(), content: ScriptContent::Path(run) },
        text(
            "03.sh",
            "test \"$said\" = 1\npsql -U app -d application -c 'CREATE TEMP TABLE x ()'\ntest -d \"$PGDATA/base\"",
        ),
        text("readme.txt", "no script"),
    ];
    let init = init(scripts, &spec);
    let told = fill(&world, &spec, &init, "one", true).unwrap();
    let expected = [
        "sourcing …/00.sh",
        "running …/01.sql",
        "running …/02-run.sh",
        "sourcing …/03.sh",
        "ignoring …/readme.txt",
    ];
    assert_eq!(told, expected.map(|line| line.replace('…', "/docker-entrypoint-initdb.d")));

    // It becomes a template, so that nothing has to be run for the next one.
    let place = world.place("one");
    assert!(world.templates().filled(&world.installation, &spec, &init).unwrap().is_none());
    world.templates().keep(&world.installation, &spec, &init, &place.data_dir).unwrap();
    let template = world.templates().filled(&world.installation, &spec, &init).unwrap().unwrap();
    let again = world.place("again");
    template.clone_into(&again.data_dir).unwrap();
    for place in [place, again] {
        let cluster = world.start(&place, &spec).unwrap();
        let sum =
            connect(&cluster, &spec, "application").query_one_text("SELECT sum(i)::text FROM t").unwrap();
        assert_eq!(sum.as_deref(), Some("3"));
        connect(&cluster, &spec, "other");
        stop(&cluster);
    }
    // Other scripts, other templates.
    let mut other = init.clone();
    other.scripts[1] = text("01.sql", "SELECT 1");
    assert!(world.templates().filled(&world.installation, &spec, &other).unwrap().is_none());
    let password = ClusterSpec { password: "x".to_owned().into(), ..spec.clone() };
    assert!(world.templates().filled(&world.installation, &password, &init).unwrap().is_none());
}

#[test]
fn a_script_that_fails_leaves_no_cluster() {
    let world = World::new();
    let spec = spec(Durability::Durable);
    for (name, script, expected) in [
        ("a.sql", "SELECT 1;\nSELECT nonsense;", "a.sql:2: ERROR:  column \"nonsense\" does not exist"),
        ("b.sh", "echo sorry\nfalse\necho no", "sorry"),
        ("c.sh", "echo out\nexit 0", "out"),
        ("d.sql.gz", "no gzip", "gzip"),
    ] {
        let init = init(vec![text(name, script), text("z.sql", "SELECT 1")], &spec);
        let error = fill(&world, &spec, &init, "one", true).unwrap_err();
        let TemplateError::Init(InitError::Script { script, last_lines, .. }) = &error else {
            panic!("{error:?}")
        };
        assert_eq!(script, name);
        assert!(last_lines.iter().any(|line| line.contains(expected)), "{last_lines:?}");
        assert!(!world.place("one").data_dir.exists());
    }
    let init = init(vec![text("long.sh", "sleep 600")], &spec);
    let error = fill(&world, &spec, &init, "one", false).unwrap_err();
    assert!(matches!(error, TemplateError::Init(InitError::Process(_))), "{error:?}");
    assert!(!world.place("one").data_dir.exists());
    assert_eq!(
        fs::read_dir(world.dir.path())
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().to_string_lossy().contains("partial"))
            .count(),
        0
    );
}
