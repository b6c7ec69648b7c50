use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use backlot_project::stack::HealthTest;

use super::{Building, Dockerfile};

fn read(text: &str, target: Option<&str>) -> Dockerfile {
    let args = [("NODE".to_owned(), Some("22".to_owned())), ("KEPT".to_owned(), None)].into();
    super::read(text, Building { context: Path::new("/nowhere"), target, args: &args })
}

fn command(text: &str) -> (Vec<String>, Vec<String>) {
    let file = read(text, None);
    (file.entrypoint.unwrap_or_default(), file.cmd.unwrap_or_default())
}

#[test]
fn entrypoint_and_command() {
    let nothing: [&str; 0] = [];
    for (text, entrypoint, cmd) in [
        ("FROM a\nRUN make", &nothing[..], &nothing[..]),
        ("FROM a\nCMD [\"flask\", \"run\"]", &[], &["flask", "run"]),
        ("FROM a\ncmd flask run \\\n  # not this\n--debug", &[], &["/bin/sh", "-c", "flask run --debug"]),
        ("FROM a\nENTRYPOINT [\"e\"]\nCMD [\"c\"]", &["e"], &["c"]),
        ("FROM a\nCMD [\"c\"]\nENTRYPOINT [\"e\"]", &["e"], &[]),
        ("FROM a\nENTRYPOINT exec top", &["/bin/sh", "-c", "exec top"], &[]),
        ("FROM a\nSHELL [\"/bin/bash\", \"-ec\"]\nCMD $HOME/x", &[], &["/bin/bash", "-ec", "$HOME/x"]),
        ("FROM a AS b\nENTRYPOINT [\"e\"]\nFROM b\nCMD [\"c\"]", &["e"], &["c"]),
    ] {
        let (found_entrypoint, found_cmd) = command(text);
        assert_eq!(
            (&found_entrypoint[..], &found_cmd[..]),
            (&owned(entrypoint)[..], &owned(cmd)[..]),
            "{text}"
        );
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn stages_build_on_each_other() {
    let text = "\
FROM python:3 AS base
WORKDIR /opt
EXPOSE 80 443/tcp 53/udp 90-92
ENV A=1 B=\"two words\" C=$A
ENV C=$A-${B}
CMD [\"base\"]
FROM base AS web
WORKDIR code
CMD [\"web\"]
FROM scratch
ENV OLD all the rest
";
    let web = read(text, Some("WEB"));
    assert_eq!(web.cmd.unwrap(), ["web"]);
    assert_eq!(web.working_dir.as_deref(), Some("/opt/code"));
    assert_eq!(web.ports, [80, 443, 90, 91, 92]);
    assert_eq!(web.base.map(|image| image.repository).as_deref(), Some("python"));
    let expected = [("A", "1"), ("B", "two words"), ("C", "1-two words")];
    assert_eq!(web.variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let last = read(text, None);
    assert_eq!((last.cmd, last.base, last.variables["OLD"].as_str()), (None, None, "all the rest"));
    assert_eq!(read(text, Some("0")).cmd.unwrap(), ["base"]);
    assert_eq!(read("", None), Dockerfile::default());
}

#[test]
fn arguments_are_those_of_the_build_else_the_defaults() {
    let text = "\
ARG NODE=20
ARG TAG=${NODE}-slim
FROM --platform=$BUILDPLATFORM node:$TAG AS x
ARG NODE
ARG KEPT=usual
ARG DIR=/srv
ENV FROM_ARG=$NODE/$KEPT LOST=$TAG
WORKDIR ${DIR}/app
USER ${WHO:-app}
STOPSIGNAL SIGINT
";
    let file = read(text, None);
    let base = file.base.unwrap();
    assert_eq!((base.repository.as_str(), base.tag.as_deref()), ("node", Some("22-slim")));
    assert_eq!((file.variables["FROM_ARG"].as_str(), file.variables["LOST"].as_str()), ("22/usual", ""));
    assert_eq!(file.working_dir.as_deref(), Some("/srv/app"));
    assert_eq!((file.user.as_deref(), file.stop_signal.as_deref()), (Some("app"), Some("SIGINT")));
}

#[test]
fn health_checks() {
    let text = "FROM a\nHEALTHCHECK --interval=1m30s --timeout=500ms --retries=7 --start-period=0s \\\n CMD curl -f localhost";
    let check = read(text, None).healthcheck.unwrap();
    assert_eq!(check.test, Some(HealthTest::Command(owned(&["/bin/sh", "-c", "curl -f localhost"]))));
    assert_eq!(
        (check.interval, check.timeout),
        (Some(Duration::from_secs(90)), Some(Duration::from_millis(500)))
    );
    assert_eq!((check.retries, check.start_period, check.disable), (Some(7), None, false));
    assert!(read(&format!("{text}\nHEALTHCHECK NONE"), None).healthcheck.unwrap().disable);
}

#[test]
fn copies_are_followed_through_stages() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("dist")).unwrap();
    std::fs::write(dir.path().join("dist/index.html"), "").unwrap();
    let text = "\
FROM node AS build
WORKDIR /app
COPY --chown=node . .
RUN npm run build
FROM nginx
COPY --from=build --chmod=755 /app/dist /usr/share/nginx/html
COPY --from=build [\"/app/made\", \"/made\"]
COPY --from=busybox /bin/x /bin/x
ADD https://example.com/a /a
";
    let args = BTreeMap::new();
    let file = super::read(text, Building { context: dir.path(), target: None, args: &args });
    let index = file.copies.place(Path::new("/usr/share/nginx/html/index.html"));
    assert_eq!(index, Some(dir.path().join("dist/index.html")));
    assert!(file.makes_executable);
    let made: Vec<String> =
        file.copies.made.iter().map(|(target, what)| format!("{}: {what}", target.display())).collect();
    assert_eq!(made, ["/bin/x: /bin/x of busybox", "/a: https://example.com/a"]);
    let built: Vec<&Path> = file.made.iter().map(|made| made.to.as_path()).collect();
    assert_eq!(built, ["/usr/share/nginx/html", "/made"].map(Path::new));
}

#[test]
fn what_a_build_makes_and_nothing_has_here_is_known_line_by_line() {
    let without_effect = |text: &str| read(text, None).without_effect();
    let quiet = "\
FROM python:3
LABEL a=b
MAINTAINER me
SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]
ENV A=b
USER app
HEALTHCHECK CMD true
STOPSIGNAL SIGINT
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/* && apt-get clean
RUN set -eux; mkdir -p /app; echo done; pip --version; npm cache clean --force
RUN chmod +x bin/run && chmod 0755 bin/* && poetry config virtualenvs.create false
ONBUILD RUN touch /later
";
    assert_eq!(without_effect(quiet), [""; 0]);
    for (line, expected) in [
        ("RUN chmod 600 /key", &["RUN chmod 600 /key"][..]),
        ("RUN adduser -D app && chown app /data && touch /a", &["RUN touch /a"]),
        ("RUN mkdir -p /var/data", &[]),
        ("RUN mkdir -p /var/{a,b}", &["RUN mkdir -p /var/{a,b}"]),
        ("RUN curl -fsSL $URL | tar -xz -C /opt", &["RUN curl -fsSL $URL", "RUN tar -xz -C /opt"]),
        ("RUN echo 'a=b' > /etc/conf", &["RUN echo 'a=b'"]),
        ("RUN if [ -n \"$X\" ]; then ln -s a b; fi", &[]),
        ("RUN [\"make\", \"install\"]", &["RUN 'make' 'install'"]),
        ("RUN bundle exec rails assets:precompile", &[]),
        ("RUN bundle exec rake other", &["RUN bundle exec rake other"]),
        ("RUN <<EOF\nset -e\ntouch /a\nEOF", &["RUN touch /a"]),
        ("RUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF", &["RUN #!/usr/bin/env python3 …"]),
        ("ADD https://example.com/a /a", &["COPY https://example.com/a to /a"]),
        ("COPY --from=busybox /bin/x /bin/x", &["COPY /bin/x of busybox to /bin/x"]),
        ("COPY --from=ghcr.io/astral-sh/uv:1 /uv /bin/", &[]),
        ("ADD https://astral.sh/uv/install.sh /uv.sh\nRUN sh /uv.sh && rm /uv.sh", &[]),
        ("RUN curl -LsSf https://astral.sh/uv/0.8.1/install.sh | sh", &[]),
        ("RUN curl -sSL https://install.python-poetry.org | POETRY_VERSION=1.8 python3 - --yes", &[]),
        ("RUN curl https://example.com/x | sh", &["RUN curl https://example.com/x", "RUN sh"]),
        (
            "COPY --from=node:20 /usr/local/bin /usr/local/bin\nCOPY --from=node:20 /app /app",
            &["COPY /app of node:20 to /app"],
        ),
        ("FROM node AS node\nFROM b\nCOPY --from=node /usr/lib /usr/lib", &[]),
        (
            "FROM node AS n\nRUN touch /usr/lib/a\nFROM b\nCOPY --from=n /usr/lib /usr/lib",
            &["COPY /usr/lib of stage n to /usr/lib"],
        ),
        ("RUN chmod -R g=u,o-w /app", &[]),
        ("RUN python3 -mcompileall /app && python -m compileall -q /x", &[]),
        ("RUN chmod u-w /app", &["RUN chmod u-w /app"]),
        ("FROM one AS later\nONBUILD RUN touch /a\nFROM later", &["ONBUILD RUN touch /a"]),
        ("NEWER thing", &["NEWER thing"]),
    ] {
        assert_eq!(without_effect(&format!("FROM a\n{line}\n")), owned(expected), "{line}");
    }
    let file = read("FROM a\nVOLUME /data /a/../b\nVOLUME [\"/c\"]", None);
    assert_eq!(file.volumes, ["/data", "/b", "/c"].map(std::path::PathBuf::from));
}

#[test]
fn what_commands_take_away_is_known() {
    let file = read(
        "FROM nginx AS a\nWORKDIR /etc\nRUN set -e; rm -f nginx/conf.d/default.conf && echo\nFROM a\n\
         RUN if [ -e x ]; then rm /maybe; fi\nRUN [\"rm\", \"-rf\", \"/var/lib/*\"]\n",
        None,
    );
    for (path, expected) in [
        ("/etc/nginx/conf.d/default.conf", true),
        ("/etc/nginx/conf.d/other.conf", false),
        ("/etc/nginx/conf.d", false),
        ("/var/lib/a/b", true),
        ("/var/lib", false),
        ("/maybe", false),
    ] {
        assert_eq!(file.removes(Path::new(path)), expected, "{path}");
    }
}
