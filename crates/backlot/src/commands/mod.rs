//! One verb a file. A verb only translates: arguments → one call into the engine or the project → what is shown.

mod completions;
mod compose;
mod config;
mod create_initial_db;
mod db;
mod doctor;
mod down;
mod endpoints;
mod exec;
mod flask;
mod foreground;
mod guard;
mod init;
mod install;
mod janitor;
mod logs;
mod ls;
mod postgres;
mod ps;
mod psql;
mod restart;
mod run;
mod scale;
mod scenario;
mod seen;
mod services;
mod shell;
mod stock;
mod test;
mod top;
mod up;
mod volume;
mod wait;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    Init(init::Args),
    Up(up::Args),
    Down(down::Args),
    Ps(ps::Args),
    Ls(ls::Args),
    Endpoints(endpoints::Args),
    Logs(logs::Args),
    Exec(exec::Args),
    Shell(shell::Args),
    Scale(scale::Args),
    Restart(restart::Args),
    Wait(wait::Args),
    Top(top::Args),
    #[command(subcommand)]
    Scenario(scenario::Command),
    Run(run::Args),
    Install(install::Args),
    Flask(flask::Args),
    Compose(compose::Args),
    CreateInitialDb(create_initial_db::Args),
    Test(test::Args),
    #[command(subcommand)]
    Db(db::Command),
    #[command(subcommand)]
    Postgres(postgres::Command),
    #[command(subcommand)]
    Volume(volume::Command),
    Config(config::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    #[command(name = backlot_engine::JANITOR_VERB, hide = true)]
    Janitor(janitor::Args),
    #[command(name = backlot_engine::GUARD_VERB, hide = true)]
    Guard(guard::Args),
    #[command(name = backlot_engine::SUPERVISOR_VERB, hide = true)]
    Supervisor(guard::Args),
    #[command(name = backlot_engine::STOCK_VERB, hide = true)]
    Stock(stock::Args),
}

/// Carries a verb out; `command_line` is the whole of what can be said.
pub fn run(
    command: Command,
    command_line: fn() -> clap::Command,
    context: &Context,
) -> Result<Exit, CommandError> {
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Up(args) => up::run(&args, context),
        Command::Ps(args) => ps::run(&args, context),
        Command::Ls(args) => ls::run(&args, context),
        Command::Endpoints(args) => endpoints::run(&args, context),
        Command::Logs(args) => logs::run(&args, context),
        Command::Exec(args) => exec::run(&args, context),
        Command::Shell(args) => shell::run(&args, context),
        Command::Scale(args) => scale::run(&args, context),
        Command::Restart(args) => restart::run(&args, context),
        Command::Wait(args) => wait::run(&args, context),
        Command::Top(args) => top::run(&args, context),
        Command::Guard(args) => guard::run_guard(&args),
        Command::Supervisor(args) => guard::run_supervisor(&args),
        Command::Scenario(command) => scenario::run(command, context),
        Command::Run(args) => run::run(&args, context),
        Command::Install(args) => install::run(&args, context),
        Command::Flask(args) => flask::run(&args, context),
        Command::Compose(args) => compose::run(&args, context),
        Command::CreateInitialDb(args) => create_initial_db::run(&args, context),
        Command::Test(args) => test::run(&args, context),
        Command::Db(command) => db::run(command, context),
        Command::Down(args) => down::run(&args, context),
        Command::Postgres(command) => postgres::run(command, context),
        Command::Volume(command) => volume::run(command, context),
        Command::Config(args) => config::run(&args, context),
        Command::Doctor(args) => Ok(doctor::run(&args, context)),
        Command::Completions(args) => Ok(completions::run(&args, &command_line())),
        Command::Janitor(args) => janitor::run(&args, context),
        Command::Stock(args) => stock::run(&args),
    }
}
