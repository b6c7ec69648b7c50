//! What a service is to have of others and of its image.

use backlot_testkit::{Stage, free_port};

use crate::{BACKLOT, has_views};

fn sh(stage: &Stage, service: &str, line: &str) -> String {
    stage
        .backlot(&["exec", "-T", service, "sh", "-c", line])
        .output()
        .assert_code(0)
        .stdout
        .trim_end()
        .to_owned()
}

#[test]
fn volumes_of_another_service_are_its_own_ones_too() {
    if !has_views() {
        return;
    }
    let (stage, port) = (Stage::empty(BACKLOT), free_port());
    let compose = format!(
        "services:\n  db: {{image: postgres, environment: {{POSTGRES_PASSWORD: word}}, volumes_from: [store], ports: ['{port}:5432']}}\n  \
         store: {{image: a, command: sleep 1000, volumes: ['data:/var/lib/postgresql/data', /static]}}\n  \
         web: {{image: a, command: sleep 1000, volumes_from: ['store:ro']}}\nvolumes: {{data: }}\n"
    );
    stage.file("compose.yaml", compose);
    let up = ["up", "-d", "--wait", "-q"];
    stage.backlot(&up).output().assert_code(0);
    let shell =
        |line: &str| stage.backlot(&["db", "shell", "-c", line, "--", "-qAt"]).output().assert_code(0).stdout;
    shell("CREATE TABLE kept AS SELECT 1 AS one");
    sh(&stage, "store", "echo page > /static/page");
    assert!(!sh(&stage, "db", "cat /var/lib/postgresql/data/PG_VERSION").is_empty());
    assert_eq!(
        sh(&stage, "web", "cat /static/page; touch /static/more 2> /dev/null || echo refused"),
        "page\nrefused"
    );
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.backlot(&up).output().assert_code(0);
    assert_eq!(shell("SELECT one FROM kept"), "1\n");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert_code(0);
    stage.file(
        "compose.yaml",
        "services: {web: {image: a, command: sleep 1000, volumes_from: ['container:other']}}\n",
    );
    let refused = stage.backlot(&up).output().assert_code(1);
    assert!(
        refused.stderr.contains("web.volumes_from: volumes of a container that is no service"),
        "{refused}"
    );
    stage.assert_nothing_left();
}

#[test]
fn programs_are_found_where_path_says_and_a_host_is_called_as_its_file_says() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.program("tools/of-the-project", "#!/bin/sh\necho \"$1 ran\"\n");
    stage.file("Dockerfile", "FROM debian\nCOPY tools /app/bin\nENV PATH=/app/bin:$PATH\n");
    stage.file(
        "compose.yaml",
        "services:\n  said: {image: a, command: of-the-project said, environment: {PATH: '/tools:/usr/bin:/bin'}, volumes: ['./tools:/tools']}\n  \
         built: {build: ., command: sh -c 'of-the-project built', hostname: own}\n  \
         mounted: {image: a, command: of-the-project mounted, volumes: ['./tools/of-the-project:/usr/local/bin/of-the-project']}\n  \
         called: {image: a, command: sh -c 'echo $$HOSTNAME', hostname: own, domainname: a.b}\n",
    );
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    for (service, expected) in
        [("said", "said ran"), ("built", "built ran"), ("mounted", "mounted ran"), ("called", "own")]
    {
        let logs = stage.backlot(&["logs", service]).output().assert_code(0);
        assert!(logs.stdout.trim_end().ends_with(&format!("| {expected}")), "{logs}");
    }
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_volume_that_its_driver_mounts_for_reading_is_not_written() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file("store/there", "");
    let text = "services: {web: {image: a, command: sleep 1000, volumes: ['store:/store']}}\n\
                volumes: {store: {driver_opts: {type: none, o: 'bind,ro', device: ./store}}}\n";
    stage.file("compose.yaml", text);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(
        sh(&stage, "web", "ls /store; touch /store/more 2> /dev/null || echo refused"),
        "there\nrefused"
    );
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}
