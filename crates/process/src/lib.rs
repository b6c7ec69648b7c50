//! The one place that starts processes, and the identity of those that run.
//!
//! A [`Program`] is a value: it can be shown, compared in a test, and then run in one of four ways
//! ([`Program::output`], [`Program::run`], [`Program::exec`], [`Program::spawn`]). Its environment is exactly what it was
//! given, and of our open files it keeps only those that it was handed.

mod claim;
mod end;
mod environment;
mod error;
mod exit;
mod flaw;
mod foreground;
mod holders;
mod identity;
mod limits;
#[cfg(target_os = "linux")]
mod listeners;
mod locale;
mod marked;
mod output;
mod owner;
mod ports;
mod priority;
mod program;
mod quote;
mod shared_memory;
#[cfg(target_os = "linux")]
mod sockets;
mod spawn;
mod stat;
mod subreaper;
mod umask;
mod usage;
mod waiting;

pub use claim::PortClaim;
pub use end::Ends;
pub use environment::{OF_THE_TERMINAL, caller_allow_list, caller_without_postgres, is_of_libpq, is_offline};
pub use error::{ProcessError, causes, in_full};
pub use exit::{describe_exit, exit_code};
pub use flaw::Flaw;
pub use foreground::{Ended, Signals, Stdout, is_ignored};
pub use holders::{kill_all_holding, processes_holding};
pub use identity::ProcessId;
pub use limits::raise_file_limit;
#[cfg(target_os = "linux")]
pub use listeners::served_around;
pub use locale::has_locale;
pub use marked::{
    all_of_program_in, all_with_variable, end_all_with_variable, is_named_by_anybody, kill_all_working_in,
    running_from, working_in,
};
pub use nix::sys::signal::Signal;
pub use output::{Output, Printed};
pub use owner::{Owner, OwnerError};
pub use ports::{
    FREE_PORTS, PortHolder, address_holder, command_lines_up_from, free_ports_from, port_holder, try_address,
    try_port,
};
pub use priority::give_way;
pub use program::Program;
pub use quote::shell_quote;
pub use shared_memory::{read_shared_memory, remove_shared_memory};
#[cfg(target_os = "linux")]
pub use sockets::{Listening, listeners_of, listening, waiting_at};
pub use spawn::{Child, Group, SpawnOptions, Stream, handed_file, handed_file_after, keep_low_numbers};
pub use subreaper::{become_subreaper, kill_descendants, reap_strangers, with_descendants};
pub use umask::take_umask;
pub use usage::{ProcessUsage, Usage, processes_of, processor_time_of, usage_of};
pub use waiting::wait_for;
