//! Templates of clusters that scripts have filled: they are made of a cluster that somebody has had filled anyway.

use std::path::Path;

use backlot_postgres::{ClusterSpec, Init, Installation, make_private, remove_tree};

use crate::copy::copy_cluster;
use crate::folder::{DATA, fresh};
use crate::key::filled_key;
use crate::{MAKING, MAKING_PREFIX, Template, TemplateError, Templates, make};

impl Templates {
    /// The template of clusters that `init` has filled, if there is one.
    pub fn filled(
        &self,
        installation: &Installation,
        spec: &ClusterSpec,
        init: &Init,
    ) -> Result<Option<Template>, TemplateError> {
        spec.check()?;
        let key = filled_key(installation, spec, &self.owner, init)?;
        Ok(self.hold(&key)?.map(|held| self.template(key, false, installation, spec, held)))
    }

    /// Makes a template of the cluster in `data_dir`, which `init` has filled and whose server does not run. Returns its key.
    pub fn keep(
        &self,
        installation: &Installation,
        spec: &ClusterSpec,
        init: &Init,
        data_dir: &Path,
    ) -> Result<String, TemplateError> {
        let key = filled_key(installation, spec, &self.owner, init)?;
        make::drop_the_needless(installation, spec, &self.owner, data_dir, self.limit)?;
        self.owner.check_reach(&self.dir.join(&key).join(DATA))?;
        let _maker = self.lock_for_change(MAKING)?;
        if self.hold(&key)?.is_some() {
            return Ok(key);
        }
        let staging = fresh(&self.dir, MAKING_PREFIX)?;
        let copied = || -> Result<(), TemplateError> {
            make_private(&staging, &self.owner)?;
            let data = staging.join(DATA);
            copy_cluster(data_dir, &data, &self.owner)?;
            make::sync(&installation.program("initdb"), &data, &self.owner, self.limit)?;
            self.publish(&staging, &key)
        };
        if let Err(error) = copied() {
            // That error matters more than what is left behind, which the next one removes.
            let _ = remove_tree(&staging);
            return Err(error);
        }
        Ok(key)
    }
}
