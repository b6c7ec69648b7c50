//! Plans are carried out on a model of the world, whole and cut short at every step.

use backlot_plan::{Desired, Filling, Observed, Port, Removal, Server, Step, Storage, Volume, down, up};
use proptest::prelude::*;

/// What a step does to the world when it is carried out to its end.
fn carry_out(world: &mut Observed, step: &Step) {
    match step {
        Step::Remove(removal) => take_away(world, *removal),
        // Told by others, see the supervisor; and where it is fetched to, all environments look: of this one it changes nothing.
        Step::Service(_) | Step::Fetch { .. } | Step::Install { .. } | Step::Build { .. } => {}
        Step::MakeCluster { storage, .. } => {
            world.files = true;
            match storage {
                Storage::Throwaway => {
                    assert!(!world.cluster, "a cluster was cloned over another");
                    world.cluster = true;
                }
                Storage::Durable { .. } => {
                    assert!(!world.volume, "a volume was overwritten");
                    world.volume = true;
                }
            }
        }
        Step::StartServer { .. } => {
            assert_eq!(world.server, Server::Stopped, "a second server was started");
            assert!(world.cluster || world.volume, "a server was started without a cluster");
            world.files = true;
            world.server = Server::Running;
        }
        Step::Migrate { .. } => {
            assert_eq!(world.server, Server::Running, "a stopped database was migrated");
            world.migrated = true;
            world.filling = Filling::NotYet;
        }
        Step::Fill { .. } | Step::Refill { .. } => {
            assert_eq!(world.server, Server::Running, "a stopped database was filled");
            world.filling = Filling::Done;
        }
    }
}

fn take_away(world: &mut Observed, removal: Removal) {
    match removal {
        Removal::StopServices => world.services = false,
        Removal::StopServer => {
            assert!(!world.services, "the server was stopped under its services");
            world.server = Server::Stopped;
        }
        Removal::Files => {
            assert_eq!(world.server, Server::Stopped, "files were removed under a running server");
            assert!(!world.services, "files were removed under running services");
            world.files = false;
            world.cluster = false;
            world.migrated = false;
            world.filling = Filling::NotYet;
        }
        Removal::Volumes => {
            assert_eq!(world.server, Server::Stopped, "a volume was removed under a running server");
            world.volume = false;
        }
    }
}

/// What is left when whoever carried a step out was killed in the middle of it.
fn cut_short(world: &mut Observed, step: &Step) {
    match step {
        Step::Remove(_)
        | Step::Service(_)
        | Step::Fetch { .. }
        | Step::Install { .. }
        | Step::Build { .. } => {}
        Step::MakeCluster { .. } => world.files = true,
        // The worst moment: the server runs, and nobody has written down which it is.
        Step::StartServer { .. } => {
            world.files = true;
            world.server = Server::Unrecorded;
        }
        // Durable data stays as the migration has left it.
        Step::Migrate { .. } => {
            if world.cluster {
                world.filling = Filling::Begun;
            }
        }
        Step::Fill { .. } | Step::Refill { .. } => world.filling = Filling::Begun,
    }
}

fn is_up(world: Observed, desired: &Desired) -> bool {
    let data = match desired.storage {
        Storage::Throwaway => world.cluster,
        Storage::Durable { .. } => world.volume,
    };
    let filled = desired.fill.is_none() || world.filling == Filling::Done;
    let migrated = desired.migrate.is_none() || world.migrated;
    world.server == Server::Running && data && filled && migrated
}

/// How a server comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Not,
    InGoodOrder,
    Killed,
}

/// Where an `up` is cut short, whether it was a fresh one, how the server ends after it, whether services run beside
/// it, and whether the files change then.
type Cut = (usize, bool, End, bool, bool);

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let end = prop::sample::select(vec![End::Not, End::InGoodOrder, End::Killed]);
    let cut = (0usize..7, any::<bool>(), end, any::<bool>(), any::<bool>());
    prop::collection::vec(cut, 0..4)
}

fn durable() -> Storage {
    Storage::Durable { volume: Volume::Own("pgdata".into()), below: "".into() }
}

fn desired() -> impl Strategy<Value = Desired> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(volume, fill, exact, migrate)| {
        Desired {
            service: "db".into(),
            storage: if volume { durable() } else { Storage::Throwaway },
            port: if exact { Port::Exact(5432) } else { Port::Free },
            databases: vec!["application".into()],
            missing: Vec::new(),
            migrate: migrate.then(|| "migrate".into()),
            fill: fill.then(|| "scenarios/users.py".into()),
        }
    })
}

/// Worlds that can be reached: by an `up` of any kind, cut short or not, with its services started after it or not, the
/// server's death at any time, and files that change afterwards.
fn reached(desired: &Desired, cuts: &[Cut]) -> Observed {
    let mut world = Observed::ABSENT;
    for (cut, fresh, end, services, change) in cuts {
        let steps = up(desired, &world, *fresh);
        for (at, step) in steps.iter().enumerate() {
            if at == *cut {
                cut_short(&mut world, step);
                break;
            }
            carry_out(&mut world, step);
        }
        // What no server is known to have been started on counts for nothing.
        world.cluster &= *end != End::Killed && matches!(world.server, Server::Running | Server::Outdated);
        if *end != End::Not {
            world.server = Server::Stopped;
        }
        world.services |= *services && world.files;
        if *change && world.server == Server::Running {
            world.server = Server::Outdated;
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn up_reaches_its_goal_from_everywhere_and_then_has_nothing_to_do(
        desired in desired(),
        cuts in cuts(),
        fresh: bool,
    ) {
        let mut world = reached(&desired, &cuts);
        for step in up(&desired, &world, fresh) {
            carry_out(&mut world, &step);
        }
        prop_assert!(is_up(world, &desired), "{world:?}");
        prop_assert_eq!(up(&desired, &world, false), vec![]);
    }

    #[test]
    fn up_never_removes_a_volume_and_never_refills_what_was_filled(
        desired in desired(),
        cuts in cuts(),
    ) {
        let world = reached(&desired, &cuts);
        for fresh in [false, true] {
            prop_assert!(!up(&desired, &world, fresh).contains(&Step::Remove(Removal::Volumes)));
        }
        if is_up(world, &desired) {
            prop_assert_eq!(up(&desired, &world, false), vec![]);
        }
    }

    #[test]
    fn down_leaves_nothing_but_the_volume(
        desired in desired(),
        cuts in cuts(),
        volumes: bool,
    ) {
        let before = reached(&desired, &cuts);
        let mut world = before;
        for removal in down(&world, volumes) {
            take_away(&mut world, removal);
        }
        prop_assert_eq!(world, Observed { volume: before.volume && !volumes, ..Observed::ABSENT });
        prop_assert_eq!(down(&world, volumes), vec![]);
    }
}

#[test]
fn a_server_whose_files_changed_is_started_anew_on_its_data() {
    for storage in [Storage::Throwaway, durable()] {
        let is_throwaway = storage == Storage::Throwaway;
        let desired = Desired {
            service: "db".into(),
            storage,
            port: Port::Exact(5433),
            databases: vec!["application".into()],
            migrate: None,
            missing: Vec::new(),
            fill: None,
        };
        let observed = Observed {
            files: true,
            cluster: is_throwaway,
            volume: !is_throwaway,
            services: true,
            server: Server::Outdated,
            filling: Filling::NotYet,
            migrated: false,
        };
        let start = Step::StartServer { service: "db".into(), port: Port::Exact(5433) };
        assert_eq!(
            up(&desired, &observed, false),
            [Step::Remove(Removal::StopServices), Step::Remove(Removal::StopServer), start]
        );
    }
}

#[test]
fn steps_read_as_sentences() {
    let desired = Desired {
        service: "db".into(),
        storage: Storage::Throwaway,
        port: Port::Free,
        databases: vec!["postgres".into(), "application".into()],
        migrate: Some("flask db upgrade as web".into()),
        missing: vec!["fetch PostgreSQL 16 with npm".into()],
        fill: Some("scenarios/users.py".into()),
    };
    let steps: Vec<String> = up(&desired, &Observed::ABSENT, false).iter().map(ToString::to_string).collect();
    assert_eq!(
        steps,
        [
            "fetch PostgreSQL 16 with npm",
            "clone a throw-away cluster with postgres, application",
            "start db on a free port of 127.0.0.1",
            "migrate: flask db upgrade as web",
            "run scenarios/users.py",
        ]
    );
}

/// What cannot be had leaves all as it was; and what runs needs nothing.
#[test]
fn programs_are_fetched_before_anything_is_touched() {
    let desired = Desired {
        service: "db".into(),
        storage: Storage::Throwaway,
        port: Port::Free,
        databases: vec!["postgres".into()],
        migrate: None,
        missing: vec!["fetch PostgreSQL 16 with npm".into()],
        fill: None,
    };
    let there = Observed { files: true, cluster: true, server: Server::Running, ..Observed::ABSENT };
    assert_eq!(up(&desired, &there, false), []);
    for (observed, fresh) in [(there, true), (Observed { server: Server::Outdated, ..there }, false)] {
        let steps = up(&desired, &observed, fresh);
        assert!(matches!(steps.first(), Some(Step::Fetch { .. })), "{steps:?}");
        assert_eq!(steps.iter().filter(|step| matches!(step, Step::Fetch { .. })).count(), 1);
    }
}
