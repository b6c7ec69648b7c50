//! One facade for verbs: which engine runs an environment, what environments there are, runs of the tests.
//!
//! The engines themselves, in crates of their own, are nobody else's business: what verbs need of what they share is
//! passed on here.

mod choose;
mod door;
mod leaving;
mod list;
mod machine;
mod moving;
mod orphans;
mod packages;
pub mod prune;
mod runner;
mod testing;

pub use backlot_dependencies::missing_packages;
pub use backlot_docker::{Client, ComposeProject, DockerError, named_daemon};
pub use backlot_door::{
    Authority, Door, DoorError, Entrance, House, entrances, house, names as door_names, open as open_door,
    standing as standing_door,
};
pub use backlot_facts::NoService;
pub use backlot_facts::address::HERE;
pub use backlot_facts::container::Container;
pub use backlot_facts::database::{Database, DatabaseError};
pub use backlot_facts::names::{Named, apart, names};
pub use backlot_facts::own;
pub use backlot_facts::schema;
pub use backlot_facts::storage::StorageError;
pub use backlot_fetched::{FetchError, Fetched, Order, Shelf, Surroundings};
pub use backlot_hint::{Explain, Hint, Obstacle};
pub use backlot_native::{
    ChangeError, PortError, PortTrouble, Tenant, fill_up, guard, images_of, remove_images,
    room_for_templates, rung, supervise, to_fetch, upgrade_volume,
};
pub use backlot_state::checkout::{as_known, name_of_directory};
pub use backlot_state::runs::{INNER, new_mark};
pub use backlot_state::{
    Attendance, Beside, CHECKOUT_VERB, DOOR_VERB, DatabaseRecord, Deployment, Engine, EngineError,
    EngineKind, Event, Exec, Failure, Filling, GUARD_VERB, Ground, Heard, Home, HomeError, JANITOR_VERB,
    Lines, LiveDatabase, Lock, LockError, LogWish, Packages, Purpose, Record, RecordError, Report,
    STOCK_VERB, SUPERVISOR_VERB, Site, Started, State, Summary, Watcher, Wishes, tools, volume,
};
pub use backlot_state::{Checkout, Checkouts, Known, Saved, now};
pub use backlot_templates::{Way, way_of_copying};
pub use backlot_view::{
    Mount, Rung, Setting, View, What, obstacle, rung as highest_rung, why_not as no_view,
};
pub use choose::{deployment, engine_at, not_done};
pub use door::keep_door;
pub use leaving::look_after;
pub use list::{list, list_all};
pub use machine::{Row, list_machine};
pub use moving::{MovedPort, apply_known, apply_name_on_docker, moved, settle};
pub use orphans::{Orphan, drop_orphan, orphans};
pub use packages::{SystemPackages, system_packages};
pub use runner::{has_packages, has_tests, test_command, test_command_inside};
pub use testing::{TestRun, finish_for, tidy_up_after};
