//! One verb a file. A verb only translates: arguments → one call into the engine or the project → what is shown.

mod adopt;
mod asking;
mod checkout;
mod completions;
mod compose;
mod config;
mod create_initial_db;
mod db;
mod doctor;
mod door;
mod down;
mod endpoints;
mod env;
mod exec;
mod flask;
mod foreground;
mod format;
mod glance;
mod guard;
mod init;
mod install;
mod janitor;
mod leaving_out;
mod logs;
mod ls;
mod man_pages;
mod named;
mod postgres;
mod prune;
mod ps;
mod psql;
mod restart;
mod run;
mod scale;
mod scenario;
mod seen;
mod services;
mod shell;
mod snapshot;
mod stock;
mod stop;
mod test;
mod top;
mod up;
mod url;
mod volume;
mod wait;
mod watch;

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
    Stop(stop::StopArgs),
    Start(stop::StartArgs),
    Ps(ps::Args),
    Ls(ls::Args),
    Adopt(adopt::Args),
    Url(url::UrlArgs),
    Open(url::OpenArgs),
    Endpoints(endpoints::Args),
    Logs(logs::Args),
    Exec(exec::Args),
    Shell(shell::Args),
    Scale(scale::Args),
    Restart(restart::Args),
    Wait(wait::Args),
    Watch(watch::Args),
    Top(top::Args),
    #[command(subcommand)]
    Scenario(scenario::Command),
    #[command(subcommand)]
    Snapshot(snapshot::Command),
    Run(run::Args),
    Env(env::Args),
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
    Prune(prune::Args),
    Config(config::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    ManPages(man_pages::Args),
    #[command(name = backlot_engine::JANITOR_VERB, hide = true)]
    Janitor(janitor::Args),
    #[command(name = backlot_engine::CHECKOUT_VERB, hide = true)]
    Checkout(checkout::Args),
    #[command(name = backlot_engine::GUARD_VERB, hide = true)]
    Guard(guard::Args),
    #[command(name = backlot_engine::SUPERVISOR_VERB, hide = true)]
    Supervisor(guard::Args),
    #[command(name = backlot_engine::STOCK_VERB, hide = true)]
    Stock(stock::Args),
    #[command(name = backlot_engine::DOOR_VERB, hide = true)]
    Door(door::Args),
}

/// Carries a verb out, or shows what there is where none is given; `command_line` is the whole of what can be said.
pub fn run(
    command: Option<Command>,
    command_line: fn() -> clap::Command,
    context: &Context,
) -> Result<Exit, CommandError> {
    let takes_variables = matches!(command, Some(Command::Run(_) | Command::Exec(_)));
    if let Some((name, value)) = context.global.variables().next().filter(|_| !takes_variables) {
        let error = format!("-e {name}={value} sets a variable, which is for `run` and `exec`");
        return Err(CommandError::usage("usage", error).hint("-e NAME names the environment"));
    }
    let Some(command) = command else { return glance::run(context, command_line) };
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Up(args) => up::run(&args, context),
        Command::Stop(args) => stop::stop(&args, context),
        Command::Start(args) => stop::start(&args, context),
        Command::Env(args) => env::run(&args, context),
        Command::Ps(args) => ps::run(&args, context),
        Command::Ls(args) => ls::run(&args, context),
        Command::Adopt(args) => adopt::run(&args, context),
        Command::Url(args) => url::url(&args, context),
        Command::Open(args) => url::open(&args, context),
        Command::Endpoints(args) => endpoints::run(&args, context),
        Command::Logs(args) => logs::run(&args, context),
        Command::Exec(args) => exec::run(&args, context),
        Command::Shell(args) => shell::run(&args, context),
        Command::Scale(args) => scale::run(&args, context),
        Command::Restart(args) => restart::run(&args, context),
        Command::Wait(args) => wait::run(&args, context),
        Command::Watch(args) => watch::run(&args, context),
        Command::Top(args) => top::run(&args, context),
        Command::Checkout(args) => checkout::run(&args, context),
        Command::Guard(args) => guard::run_guard(&args),
        Command::Supervisor(args) => guard::run_supervisor(&args),
        Command::Scenario(command) => scenario::run(command, context),
        Command::Snapshot(command) => snapshot::run(command, context),
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
        Command::Prune(args) => prune::run(&args, context),
        Command::Config(args) => config::run(&args, context),
        Command::Doctor(args) => Ok(doctor::run(&args, context)),
        Command::Completions(args) => completions::run(&args),
        Command::ManPages(args) => man_pages::run(&args, command_line(), context),
        Command::Janitor(args) => janitor::run(&args, context),
        Command::Stock(args) => stock::run(&args),
        Command::Door(args) => door::run(&args, context),
    }
}
