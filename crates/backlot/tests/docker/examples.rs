//! The examples that are made as projects for Docker are: on Docker, and natively with a container among the processes.

use backlot_testkit::{Desk, DockerStage, Shelf, Stage};

use crate::{BACKLOT, ps};

fn example(name: &str) -> Option<DockerStage> {
    DockerStage::new(|| Stage::example(BACKLOT, name))
}

#[test]
fn django_with_celery_redis_and_nginx() {
    let Some(stage) = example("shelf") else { return };
    Shelf::on(&stage).story(&|words| stage.on_docker(words).output());
    stage.assert_nothing_left();
}

#[test]
fn fastapi_with_a_job_and_a_front_end_in_node() {
    let Some(stage) = example("desk") else { return };
    Desk::on(&stage).story(&|words| stage.on_docker(words).output());
    stage.assert_nothing_left();
}

/// Asserts that of the services that are up one is a container, and none else.
fn assert_one_is_a_container(stage: &DockerStage, name: &str) {
    for service in ps(stage, "development") {
        let engine = if service["service"] == name { "docker" } else { "native" };
        assert_eq!(service["engine"], engine, "{service}");
    }
}

/// A process asks a container, which is nothing but an image.
#[test]
fn redis_is_a_container_beside_django() {
    let Some(stage) = example("shelf") else { return };
    let image = stage.image("cache", "FROM redis:7\n");
    stage.file("compose.override.yaml", format!("services: {{redis: {{image: '{image}'}}}}\n"));
    let shelf = Shelf::on(&stage);
    shelf.story(&|words| {
        let outcome = stage.backlot(words).output();
        if words[0] == "up" {
            assert_one_is_a_container(&stage, "redis");
        }
        outcome
    });
    stage.assert_nothing_left();
}

/// A container asks a process.
#[test]
fn the_front_end_is_a_container_beside_fastapi() {
    let Some(stage) = example("desk") else { return };
    let of_front_end =
        |name: &str| std::fs::read_to_string(stage.project().join("frontend").join(name)).unwrap();
    for name in ["package.json", "package-lock.json", "server.js"] {
        stage.file(&format!("image/{name}"), of_front_end(name));
    }
    let image = stage.image("frontend", &of_front_end("Dockerfile"));
    let only = format!("services: {{frontend: {{build: !reset null, image: '{image}'}}}}\n");
    stage.file("compose.override.yaml", only);
    let desk = Desk::on(&stage);
    desk.story(&|words| {
        let outcome = stage.backlot(words).output();
        if words[0] == "up" {
            assert_one_is_a_container(&stage, "frontend");
        }
        outcome
    });
    stage.assert_nothing_left();
}
