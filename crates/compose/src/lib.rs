#![doc = include_str!("../README.md")]

mod canonical;
mod consistency;
mod defaults;
mod dotenv;
mod error;
mod example;
mod expand;
mod extends;
mod include;
mod interpolate;
mod load;
mod loader;
mod merge;
mod missed;
mod normalise;
mod port;
mod profiles;
mod project_name;
mod reader;
mod render;
mod resolve;
mod side_files;

mod unique;
mod volume;
mod whole;

pub use backlot_compose_schema::{keys, parse_duration, split_words};
pub use backlot_yaml as yaml;
pub use dotenv::{EnvFile, check_variable, read_env_file};
pub use error::{Error, Problem};
pub use example::{quoted, way_out as way_out_by_example};
pub use interpolate::{InterpolationError, Variables, interpolate};
pub use load::{Loaded, Request, load, load_as_far, load_text};
pub use missed::Missed;
pub use port::range as port_range;
pub use project_name::{PROJECT_NAME_HINT, is_project_name, top_level_name};
pub use render::render;
pub use resolve::{Base, is_remote};
pub use whole::services_if_whole;
