//! A service has what its file mounts at the paths that the file names.

use std::fs;

use backlot_testkit::Stage;

use crate::{BACKLOT, has_views};

#[track_caller]
fn up(stage: &Stage) {
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
}

#[track_caller]
fn sh(stage: &Stage, service: &str, line: &str) -> String {
    let run = stage.backlot(&["exec", "-T", service, "sh", "-c", line]).output();
    run.assert_code(0).stdout.trim_end().to_owned()
}

#[test]
fn mounts_volumes_secrets_and_configs_are_where_the_file_has_them() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:
  writer: &service
    image: app
    command: sleep 1000
    working_dir: /srv/app
    volumes: ['./code:/srv/app', 'shared:/srv/app/out', './new:/srv/new', '/srv/app/mine', '/srv/app/deps']
    tmpfs: /srv/memory
    secrets: [word, {source: file, target: /srv/key}]
    configs: [{source: text, target: /srv/text.conf}]
  reader: {<<: *service, volumes: ['shared:/srv/in:ro']}
volumes: {shared: }
secrets: {word: {environment: WORD}, file: {file: ./key.txt}}
configs: {text: {content: hello}}
",
    );
    stage
        .file("code/main.txt", "main")
        .file("code/deps/a", "a")
        .file("key.txt", "key")
        .file(".env", "WORD=s3cret\n");
    up(&stage);
    assert_eq!(sh(&stage, "writer", "pwd; cat main.txt"), "/srv/app\nmain");
    assert_eq!(sh(&stage, "writer", "cat /run/secrets/word /srv/key /srv/text.conf"), "s3cretkeyhello");
    sh(
        &stage,
        "writer",
        "echo one > out/file; echo two > beside; echo x > mine/x; echo y > /srv/memory/y; cat deps/a",
    );
    assert_eq!(
        sh(&stage, "reader", "cat /srv/in/file; touch /srv/in/file 2>/dev/null || echo refused"),
        "one\nrefused"
    );
    // What is written beside a mount is in the user's folder; what is in a mount is not.
    let code = stage.project().join("code");
    assert_eq!(fs::read_to_string(code.join("beside")).unwrap(), "two\n");
    assert!(!code.join("out/file").exists() && !code.join("mine/x").exists());
    assert!(stage.project().join("new").is_dir() && !std::path::Path::new("/srv/app").exists());

    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    up(&stage);
    assert_eq!(sh(&stage, "reader", "cat /srv/in/file"), "one");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert(0, "", "");
    up(&stage);
    assert_eq!(sh(&stage, "reader", "ls /srv/in"), "");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn a_bind_mount_hides_what_the_image_has_copies_of() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage
        .file("Dockerfile", "FROM app\nWORKDIR /code\nCOPY . /code\nCOPY tools /opt/tools\nCMD sleep 1000\n");
    stage.file("tools/t", "tool").file("src/main", "one");
    stage.file(
        "compose.yaml",
        "services:\n  web: {build: ., volumes: ['.:/code', '/code/deps']}\n  copy: {build: .}\n  \
         hooked: {build: ., post_start: [{command: ['sh', '-c', 'pwd > /code/where'], working_dir: /usr}], volumes: ['.:/code']}\n",
    );
    up(&stage);
    assert_eq!(sh(&stage, "web", "pwd; cat src/main /opt/tools/t"), "/code\nonetool");
    assert_eq!(sh(&stage, "copy", "cat /code/src/main"), "one");
    assert_eq!(fs::read_to_string(stage.project().join("where")).unwrap(), "/usr\n");
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn a_redis_that_is_told_options_has_its_port_all_the_same() {
    if !std::path::Path::new("/usr/bin/redis-server").exists() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  a: {image: 'redis:7', command: redis-server --save 60 1, ports: ['6379']}\n  \
         b: {image: 'redis:7', command: ['redis-server', '--appendonly', 'yes'], ports: ['6379']}\n",
    );
    up(&stage);
    for service in ["a", "b"] {
        let endpoint = stage.backlot(&["endpoints", service]).output().assert_code(0).stdout;
        let mut redis = std::net::TcpStream::connect(endpoint.trim()).unwrap();
        std::io::Write::write_all(&mut redis, b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        std::io::Read::read_exact(&mut redis, &mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
    }
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn what_is_not_at_its_place_is_named() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  app:\n    image: app\n    command: sleep 1000\n    tmpfs: /one\n    volumes:\n      \
         - {type: tmpfs, target: /two}\n      - {type: bind, source: ./none, target: /three, bind: {create_host_path: false}}\n",
    );
    let without = stage.backlot(&["up", "--dry-run"]).env("BACKLOT_VIEW", "4").output().assert_code(0);
    for place in ["app.tmpfs: ", "a tmpfs at /two"] {
        assert_eq!(without.stderr.matches(place).count(), 1, "{without}");
    }
    if has_views() {
        let within = stage.backlot(&["up", "--dry-run"]).output().assert_code(0);
        assert!(within.stderr.contains("does not see /three: there is no "), "{within}");
        assert!(!within.stderr.contains("tmpfs"), "{within}");
    }
    stage.assert_nothing_left();
}

#[test]
fn what_a_file_says_of_modes_and_sizes_is_so_and_a_new_volume_begins_with_what_the_image_has() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file("Dockerfile", "FROM python:3\nWORKDIR /srv\nCOPY . .\n").file("static/a/one.css", "one");
    stage.file("script.sh", "#!/bin/sh\necho ran\n");
    stage.file(
        "compose.yaml",
        "services:\n  web:\n    build: .\n    command: sleep 1000\n    tmpfs: ['/two:size=2m,mode=0750']\n    volumes:\n      \
         - {type: tmpfs, target: /one, tmpfs: {size: 1m, mode: 0700}}\n      - assets:/srv/static\n      \
         - {type: volume, source: none, target: /srv/static/a, volume: {nocopy: true}}\n    \
         configs: [{source: text, target: /text.sh, mode: 0755}, {source: file, target: /file.sh, mode: 0550}]\n  \
         other: {image: a, command: sleep 1000, volumes: ['assets:/in'], tmpfs: '/three:size=1m,ro'}\n\
         volumes: {assets: , none: }\nconfigs: {text: {content: \"#!/bin/sh\\necho text\\n\"}, file: {file: script.sh}}\n",
    );
    up(&stage);
    assert_eq!(sh(&stage, "web", "stat -c %a /one /two /text.sh /file.sh"), "700\n750\n755\n550");
    assert_eq!(sh(&stage, "web", "df -k --output=size /one /two | tail -n 2 | tr -d ' '"), "1024\n2048");
    assert_eq!(sh(&stage, "web", "/text.sh; /file.sh; ls /srv/static/a"), "text\nran");
    assert_eq!(sh(&stage, "other", "cat /in/a/one.css"), "one");
    // One that is no list.
    assert_eq!(
        sh(&stage, "other", "df -k --output=size /three | tail -n 1 | tr -d ' '; touch /three/x || echo ro"),
        "1024\nro"
    );
    // What is in it stays.
    sh(&stage, "other", "echo two > /in/a/one.css");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.file("static/a/one.css", "three");
    up(&stage);
    assert_eq!(sh(&stage, "other", "cat /in/a/one.css"), "two");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn folders_that_the_dockerfile_makes_are_there() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "Dockerfile",
        "FROM debian:12\nENV OWN=/home/of-the-app\nRUN mkdir -p /collected/deep $OWN/static $OWN/logs\nWORKDIR /home/of-the-app\n\
         COPY public public\nRUN mkdir made\n",
    );
    stage.file("public/one", "");
    let compose = "services: {web: {build: ., command: sh -ec 'cp -r /collected .; exec sleep 1000', volumes: ['static:/home/of-the-app/static']}}\nvolumes: {static: }\n";
    stage.file("compose.yaml", compose);
    stage.under_git();
    up(&stage);
    assert_eq!(
        sh(&stage, "web", "ls /collected; ls; pwd"),
        "deep\ncollected\nlogs\nmade\npublic\nstatic\n/home/of-the-app"
    );
    assert!(!std::path::Path::new("/home/of-the-app").exists(), "nothing is made on this machine");
    stage.assert_clean_tree();
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn what_the_image_has_copied_and_the_file_mounts_elsewhere_is_two_folders() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "Dockerfile",
        "FROM node:20 AS made\nCOPY . /app\nFROM debian:12\nCOPY --from=made /app/public /public\n",
    );
    stage.file("public/a/one.css", "one").file("public/a/two.css", "two");
    stage.file(
        "compose.yaml",
        "services:\n  web:\n    build: .\n    volumes: ['.:/app']\n    entrypoint: [sh, -ec, 'cp -r /public /app; exec sleep 1000']\n",
    );
    up(&stage);
    // What is written into one is not in the other.
    sh(&stage, "web", "echo other > /public/a/one.css");
    assert_eq!(sh(&stage, "web", "cat /app/public/a/one.css"), "one");
    assert_eq!(std::fs::read_to_string(stage.project().join("public/a/one.css")).unwrap(), "one");
    // What the project changes is there with the next `up`.
    stage.file("public/a/two.css", "three");
    up(&stage);
    assert_eq!(sh(&stage, "web", "cat /public/a/one.css /public/a/two.css"), "onethree");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn folders_that_are_copied_onto_others_are_laid_over_them() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "Dockerfile",
        "FROM debian:12\nCOPY rootfs /\nWORKDIR /srv/app\nCOPY one .\nCOPY two ./\nCOPY two/sub/b.txt sub/c.txt\n",
    );
    stage
        .file("rootfs/etc/ssl/of-the-app/a", "etc")
        .program("rootfs/usr/local/bin/of-the-app", "#!/bin/sh\necho ran\n");
    stage.file("rootfs/of-the-app/b", "root").file("one/sub/a.txt", "a").file("one/top", "one");
    stage.file("two/sub/b.txt", "b").file("two/top", "two");
    stage.file("compose.yaml", "services: {web: {build: ., command: sh -c 'of-the-app; exec sleep 1000'}}\n");
    stage.under_git();
    up(&stage);
    assert_eq!(sh(&stage, "web", "of-the-app; cat /etc/ssl/of-the-app/a /of-the-app/b"), "ran\netcroot");
    assert_eq!(sh(&stage, "web", "ls * && cat top"), "top\n\nsub:\na.txt\nb.txt\nc.txt\ntwo");
    assert!(!sh(&stage, "web", "ls /etc").is_empty(), "the machine's own stays");
    stage.assert_clean_tree();
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

/// Volumes without a name, and folders that the image makes.
#[test]
fn what_a_replica_has_written_is_there_when_it_starts_again() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file("Dockerfile", "FROM debian:12\nRUN mkdir /of-the-image\nVOLUME /of-the-file\n");
    let line = "echo x | tee -a /of-the-image/log /of-the-file/log >> /unnamed/log; touch /memory/log; exec sleep 1000";
    stage.file(
        "compose.yaml",
        format!("services:\n  web:\n    build: .\n    command: sh -c '{line}'\n    scale: 2\n    volumes: [/unnamed]\n    tmpfs: /memory\n"),
    );
    up(&stage);
    let count = "wc -l < /unnamed/log; wc -l < /of-the-image/log; wc -l < /of-the-file/log; ls /memory";
    assert_eq!(sh(&stage, "web", count), "1\n1\n1\nlog", "each has its own");
    sh(&stage, "web", "touch /memory/more");
    stage.backlot(&["restart", "-q", "web"]).output().assert_code(0);
    up(&stage);
    assert_eq!(sh(&stage, "web", count), "2\n2\n2\nlog");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    up(&stage);
    assert_eq!(sh(&stage, "web", count), "1\n1\n1\nlog", "they go with the environment");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}
