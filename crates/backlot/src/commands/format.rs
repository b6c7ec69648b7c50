//! `--format`, as Docker Compose has it: the same as `--json`, or as nothing.

use clap::ValueEnum;

use crate::context::Context;

/// How something is listed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Format {
    /// The same as --json, or a table
    #[arg(long = "format", value_enum, value_name = "FORMAT", hide_short_help = true)]
    form: Option<Form>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
}

impl Format {
    pub fn is_json(self, context: &Context) -> bool {
        self.form == Some(Form::Json) || (self.form.is_none() && context.global.json)
    }
}
