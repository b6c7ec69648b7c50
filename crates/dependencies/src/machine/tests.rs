use super::{Machine, Version};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_interpreter_that_an_image_has_is_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let shim = "#!/bin/sh\nprintf '%s\\n3\\n9\\n' /real/python3.9\n";
    program(&home.join("bin/python3"), shim);
    program(&home.join("bin/python3.12"), shim);
    program(&home.join("bin/python3.10"), "binary");
    program(&home.join(".pyenv/versions/3.12.1/bin/python3.12"), "");
    program(&home.join(".pyenv/versions/3.12.10/bin/python3.12"), "");
    program(&home.join(".local/share/uv/python/cpython-3.13.1-linux/bin/python3.13"), "");
    program(&home.join(".nvm/versions/node/v18.1.0/bin/node"), "");
    program(&home.join("bin/node"), "#!/bin/sh\necho v20.1.0\n");
    let caller = BTreeMap::from([
        ("HOME".to_owned(), home.display().to_string()),
        ("PATH".to_owned(), home.join("bin").display().to_string()),
    ]);
    let machine = Machine { caller: &caller };
    let python_of = |minor: Option<u32>, allowed: &dyn Fn(Version) -> bool| {
        let wanted = Some(Version { major: 3, minor });
        let found = machine.python(wanted, home, allowed).unwrap();
        let file = found.program.strip_prefix(home).unwrap_or(&found.program);
        format!("{} {}", found.version, file.display())
    };
    let python = |minor: Option<u32>| python_of(minor, &|_| true);
    assert_eq!(python(Some(12)), "3.12 .pyenv/versions/3.12.10/bin/python3.12");
    assert_eq!(python(Some(10)), "3.10 bin/python3.10");
    assert_eq!(python(Some(13)), "3.13 .local/share/uv/python/cpython-3.13.1-linux/bin/python3.13");
    assert_eq!(python(Some(8)), "3.9 /real/python3.9");
    assert_eq!(python(None), "3.9 /real/python3.9");
    let newer = |version: Version| version.minor > Some(10);
    assert_eq!(python_of(Some(14), &newer), python(Some(13)), "the nearest");
    assert_eq!(python_of(Some(11), &newer), python(Some(12)), "the nearest that is allowed");
    assert_eq!(python_of(None, &newer), python(Some(13)), "the newest, where PATH has none that is allowed");
    let found = machine.python(None, home, &|_| false).unwrap_err();
    assert_eq!(found.len(), 5, "what there is: {found:?}");
    let node = |major: u32| machine.node(Some(Version { major, minor: None })).unwrap().version.major;
    assert_eq!((node(18), node(20), node(22)), (18, 20, 20));
}
