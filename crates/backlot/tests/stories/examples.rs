//! The examples that are made as projects for Docker are, natively: on the machine's own Postgres and on fetched ones.

use backlot_testkit::{Desk, Shelf, Stage};

use crate::{BACKLOT, has_views};

/// On a stage with the machine's own Postgres (then it is told so), and one for each that was fetched. Without views nothing makes `db` and `/app` true.
fn on_all(name: &str, story: impl Fn(&Stage, bool)) {
    if !has_views() {
        return;
    }
    let example = || Stage::example(BACKLOT, name);
    story(&example(), true);
    for major in ["16", "18"] {
        if let Some(stage) = example().with_fetched(major) {
            story(&stage, false);
        }
    }
}

#[test]
fn django_with_celery_redis_and_nginx() {
    on_all("shelf", |stage, is_own| {
        stage.under_git();
        let shelf = Shelf::on(stage);
        shelf.story(&|words| stage.backlot(words).output());
        if is_own {
            Shelf::scenario(&|words| stage.backlot(words).output());
        }
        stage.assert_nothing_left();
    });
}

#[test]
fn fastapi_with_a_job_and_a_front_end_in_node() {
    on_all("desk", |stage, _| {
        let desk = Desk::on(stage);
        stage.under_git();
        desk.story(&|words| stage.backlot(words).output());
        stage.assert_clean_tree();
        stage.assert_nothing_left();
    });
}
