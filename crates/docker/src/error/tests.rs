use super::{DockerError, image_in, port_in, short};
use backlot_process::Program;
use std::time::Duration;

/// What a program that says `text` and fails is taken for.
fn error(text: &str) -> DockerError {
    let program = Program::new("/bin/sh").args(["-c", "cat >&2; exit 1"]).env("PATH", "/usr/bin:/bin");
    let output = program.output_with(text.as_bytes(), Duration::from_secs(20)).unwrap();
    DockerError::of(&program, &output)
}

#[test]
fn complaints_are_told_apart() {
    for (text, code) in [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "no-daemon",
        ),
        (
            "docker.errors.DockerException: Error while fetching server API version: ('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))",
            "no-daemon",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "daemon-denied",
        ),
        ("('Connection aborted.', PermissionError(13, 'Permission denied'))", "daemon-denied"),
        (
            "Error response from daemon: pull access denied for nothing, repository does not exist or may require 'docker login'",
            "no-image",
        ),
        (
            "Error response from daemon: Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: no such host",
            "no-image",
        ),
        (
            "driver failed programming external connectivity: Bind for 0.0.0.0:8080 failed: port is already allocated",
            "port-in-use",
        ),
        ("listen tcp4 0.0.0.0:8080: bind: address already in use", "port-in-use"),
        ("something else", "docker"),
        ("", "docker"),
    ] {
        assert_eq!(error(text).code(), code, "{text}");
    }
}

#[test]
fn progress_is_no_reason() {
    let text = "time=\"x\" level=warning msg=\"the attribute `version` is obsolete\"\n Container a-db-1  Starting\nno space left";
    assert_eq!(error(text).last_lines(), ["no space left"]);
}

#[test]
fn messages_tell_what_it_is_about() {
    assert_eq!(port_in("Bind for 0.0.0.0:8080 failed: port is already allocated"), Some(8080));
    assert_eq!(port_in("listen tcp4 127.0.0.1:5432: bind: address already in use"), Some(5432));
    assert_eq!(port_in("address already in use"), None);
    assert_eq!(image_in("pull access denied for a/b, repository").as_deref(), Some("a/b"));
    assert_eq!(image_in("manifest for nginx:0.1 not found").as_deref(), Some("nginx:0.1"));
    assert_eq!(image_in("whatever"), None);
}

#[test]
fn a_command_line_is_named_by_its_verb() {
    let program = Program::new("/usr/bin/docker").args(["compose", "-p", "x", "-f", "y", "up", "-d"]);
    assert_eq!(short(&program), "docker compose up");
    assert_eq!(
        short(&Program::new("docker-compose").args(["-p", "x", "--ansi=never", "ps"])),
        "docker-compose ps"
    );
}

#[test]
fn a_registry_that_does_not_answer_tells_the_image_of_a_build() {
    for (address, image) in [
        ("https://registry-1.docker.io/v2/library/redis/manifests/7", Some("redis:7")),
        ("https://registry-1.docker.io/v2/nosuch/thing/manifests/1", Some("nosuch/thing:1")),
        ("http://localhost:1/v2/team/app/manifests/sha256:ab", Some("localhost:1/team/app@sha256:ab")),
        ("http://localhost:1/v2/", None),
    ] {
        let said = format!("failed to do request: Head \"{address}\": dial tcp: no such host");
        assert_eq!(super::image_in(&said).as_deref(), image, "{said}");
    }
}
