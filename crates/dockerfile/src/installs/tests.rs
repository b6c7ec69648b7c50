use std::collections::BTreeMap;
use std::path::Path;

use super::{Argument, Install, Installs, Kind};
use crate::{Building, read};

/// The files that the projects of these tests have.
const FILES: [&str; 16] = [
    "requirements.txt",
    "requirements/base.txt",
    "requirements/dev.txt",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "Pipfile",
    "Pipfile.lock",
    "package.json",
    "package-lock.json",
    "frontend/package.json",
    "Gemfile",
    "pkg/pyproject.toml",
    "constraints.txt",
    "web/requirements.txt",
    "else/package.json",
];

fn installs_of(text: &str, target: Option<&str>, args: &[(&str, &str)]) -> (tempfile::TempDir, Installs) {
    let dir = tempfile::tempdir().unwrap();
    for file in FILES {
        let file = dir.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    std::fs::write(dir.path().join("else/.yarnrc"), "--modules-folder /lib\n").unwrap();
    let args: BTreeMap<String, Option<String>> =
        args.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
    let file = read(text, Building { context: dir.path(), target, args: &args });
    (dir, file.installs)
}

/// A line each: where, what; what is not clear after a question mark.
fn shown(text: &str, target: Option<&str>, args: &[(&str, &str)]) -> Vec<String> {
    let (dir, installs) = installs_of(text, target, args);
    let root = dir.path();
    let lines =
        installs.all.iter().map(|install| format!("{} {}", install.place.display(), what(install, root)));
    let tools = installs.tools.values().map(|spec| format!("tool {spec}"));
    let unclear = installs.unclear.iter().map(|said| format!("? {said}"));
    lines.chain(tools).chain(unclear).collect()
}

fn what(install: &Install, root: &Path) -> String {
    let here = |path: &Path| {
        let path = path.strip_prefix(root).unwrap_or(path).display().to_string();
        if path.is_empty() { ".".to_owned() } else { path }
    };
    let words: Vec<String> = match &install.kind {
        Kind::Pip { arguments, by_uv } => arguments
            .iter()
            .map(|argument| match argument {
                Argument::Package(name) => name.clone(),
                Argument::Option(option, None) => (*option).to_owned(),
                Argument::Option(option, Some(value)) => format!("{option} {value}"),
                Argument::File(option, file) => format!("{option} {}", here(file)),
                Argument::Links(folder) => format!("-f {}", here(folder)),
                Argument::Local(folder, extras) => format!("./{}{extras}", here(folder)),
            })
            .chain(by_uv.then(|| "by uv".to_owned()))
            .collect(),
        Kind::Sync { tool, arguments } | Kind::Modules { tool, arguments } => {
            return format!("{} {} in {}", tool.name(), arguments.join(" "), here(&install.directory));
        }
        Kind::Export { tool, .. } => return format!("written by {}", tool.name()),
        Kind::Globals(packages) => return format!("npm -g {}", packages.join(" ")),
        Kind::Gems { .. } => return format!("bundle in {}", here(&install.directory)),
    };
    format!("pip {}", words.join(" "))
}

/// What follows `FROM`, `WORKDIR` and a copy of the whole project, and what it installs.
const PYTHON: &[(&str, &[&str])] = &[
    (
        "RUN pip --no-cache-dir --default-timeout 100 install -r requirements.txt && uv -q pip install --system flask",
        &["/usr/local pip -r requirements.txt", "/usr/local pip flask by uv"],
    ),
    ("RUN poetry --no-interaction install --no-root", &["/usr/local poetry --no-root in ."]),
    ("RUN pip install -r requirements.txt", &["/usr/local pip -r requirements.txt"]),
    (
        "RUN pip install --no-cache-dir -U -r /app/requirements.txt gunicorn==22.0",
        &["/usr/local pip -r requirements.txt gunicorn==22.0"],
    ),
    (
        "RUN python3 -m pip install --requirement=requirements/dev.txt -cconstraints.txt",
        &["/usr/local pip -r requirements/dev.txt -c constraints.txt"],
    ),
    (
        "RUN pip install 'flask>=3' \"psycopg[binary]\" --pre -i http://x/simple",
        &["/usr/local pip flask>=3 psycopg[binary] --pre --index-url http://x/simple"],
    ),
    ("RUN pip install . && pip install -e ./pkg[dev]", &["/usr/local pip ./.", "/usr/local pip ./pkg[dev]"]),
    ("RUN pip install --upgrade pip setuptools wheel", &["/usr/local pip setuptools wheel"]),
    ("RUN pip install -U pip && apt-get update && apt-get install -y libpq-dev", &[]),
    ("RUN cd web && pip3 install -r requirements.txt", &["/usr/local pip -r web/requirements.txt"]),
    ("WORKDIR /app/web\nRUN pip install -r requirements.txt", &["/usr/local pip -r web/requirements.txt"]),
    (
        "RUN set -ex; \\\n  # why\n  pip install \\\n   -r requirements.txt \\\n  ; rm -rf /root/.cache",
        &["/usr/local pip -r requirements.txt"],
    ),
    (
        "RUN [\"pip\", \"install\", \"-r\", \"requirements.txt\", \"a b\"]",
        &["/usr/local pip -r requirements.txt a b"],
    ),
    (
        "RUN <<EOF\nset -e\npip install \\\n  flask\nuv pip install --system -r requirements.txt\nEOF\nRUN true",
        &["/usr/local pip flask", "/usr/local pip -r requirements.txt by uv"],
    ),
    (
        "RUN --mount=type=cache,target=/root/.cache python -m venv /opt/v && /opt/v/bin/pip install flask",
        &["/opt/v pip flask"],
    ),
    ("RUN python -m venv /opt/v && . /opt/v/bin/activate && pip install flask", &["/opt/v pip flask"]),
    ("ENV PATH=\"/opt/v/bin:$PATH\"\nRUN pip install flask", &["/opt/v pip flask"]),
    ("ENV VIRTUAL_ENV=/opt/v\nRUN uv pip install flask", &["/opt/v pip flask by uv"]),
    (
        "RUN pip install poetry==1.8 && poetry config virtualenvs.create false && poetry install --no-root -n",
        &["/usr/local poetry --no-root in .", "tool poetry==1.8"],
    ),
    ("RUN uv sync --frozen --no-dev --no-cache", &["/app/.venv uv --frozen --no-dev in ."]),
    (
        "RUN pip install pipenv && pipenv install --system --deploy",
        &["/usr/local pipenv sync in .", "tool pipenv"],
    ),
    ("RUN pip install -r gone.txt", &["? pip install -r gone.txt"]),
    ("RUN pip install --unheard-of x", &["? pip install --unheard-of x"]),
    ("RUN cat requirements.txt | xargs pip install", &["? xargs pip install"]),
    ("RUN for x in a b; do pip install $x; done", &["? pip install $x"]),
    ("RUN conda install flask", &["? conda install flask"]),
    ("RUN pip install $(cat requirements.txt)", &["? pip install $(cat requirements.txt)"]),
    ("RUN pip install a || pip install b", &["/usr/local pip a"]),
    ("RUN bundle config set without dev && bundle install -j4", &["/usr/local/bundle bundle in ."]),
    ("SHELL [\"/bin/bash\", \"-c\"]\nRUN echo pip install a", &[]),
];

const NODE: &[(&str, &[&str])] = &[
    (
        "RUN mkdir -p /usr/src && cp package.json /tmp/x; npm ci && cp -a node_modules /usr/src",
        &["/app/node_modules npm ci in .", "/usr/src/node_modules npm ci in ."],
    ),
    (
        "RUN npm ci && cp -a node_modules/. /srv/node_modules",
        &["/app/node_modules npm ci in .", "/srv/node_modules npm ci in ."],
    ),
    (
        "RUN npm ci && npm cache clean --force && mv /app/node_modules /node_modules",
        &["/node_modules npm ci in ."],
    ),
    ("RUN npm ci && mv node_modules /", &["/node_modules npm ci in ."]),
    ("RUN npm ci; for x in a b; do mv node_modules /; done", &["/app/node_modules npm ci in ."]),
    ("RUN npm ci", &["/app/node_modules npm ci in ."]),
    ("RUN npm install --production --cache /tmp/c", &["/app/node_modules npm install --production in ."]),
    ("RUN cd frontend && npm ci --no-audit", &["/app/frontend/node_modules npm ci --no-audit in frontend"]),
    ("RUN npm --prefix frontend i", &["/app/frontend/node_modules npm install in frontend"]),
    ("RUN yarn && yarn build", &["/app/node_modules yarn install in ."]),
    ("RUN yarn install --frozen-lockfile", &["/app/node_modules yarn install --frozen-lockfile in ."]),
    (
        "RUN corepack enable && corepack prepare pnpm@9.1.0 --activate && pnpm i --frozen-lockfile",
        &["/app/node_modules pnpm install --frozen-lockfile in .", "tool pnpm@9.1.0"],
    ),
    (
        "RUN npm i -g pnpm@9 nodemon && npm cache clean --force",
        &["/usr/local/lib/node_modules npm -g nodemon", "tool pnpm@9"],
    ),
    ("RUN yarn install --modules-folder=../m", &["/m yarn install in ."]),
    ("WORKDIR /app/else\nRUN yarn", &["/lib yarn install in else"]),
    ("RUN npm install express", &["? npm install express"]),
    ("WORKDIR /else\nRUN npm ci", &["? npm ci"]),
];

#[test]
fn what_lines_install_is_told() {
    for (text, expected) in PYTHON.iter().chain(NODE) {
        let text = format!("FROM python:3.12\nWORKDIR /app\nCOPY . .\n{text}\n");
        assert_eq!(shown(&text, None, &[]), *expected, "{text}");
    }
}

#[test]
fn builds_and_packages_of_the_system_are_noted() {
    let text = "\
FROM node AS assets
WORKDIR /app
COPY . .
RUN npm ci && npm run build
FROM assets
RUN apt-get update && apt-get install -y --no-install-recommends -t stable libpq-dev=15 gcc \\
  && rm -rf /var/lib/apt/lists/* && apk add --no-cache --virtual .build musl-dev
RUN python manage.py collectstatic --noinput && DEBUG=False ./manage.py compress && bin/rails assets:precompile
";
    let (_dir, installs) = installs_of(text, None, &[]);
    let packages: Vec<String> =
        installs.packages.iter().map(|package| format!("{} {}", package.manager, package.name)).collect();
    assert_eq!(packages, ["apk musl-dev", "apt-get gcc", "apt-get libpq-dev"]);
    let builds: Vec<&str> = installs.builds.iter().map(|build| build.said.as_str()).collect();
    assert_eq!(
        builds,
        [
            "npm run build",
            "python manage.py collectstatic --noinput",
            "./manage.py compress",
            "bin/rails assets:precompile",
        ]
    );
}

#[test]
fn folders_that_are_made_are_noted() {
    let text = "\
FROM debian
ENV HOME_OF=/home/app
WORKDIR /srv
RUN mkdir -p /data logs $HOME_OF/static && install -d -m 755 -o root /run/app && chown x /data
RUN mkdir -m 700 /run/own; for x in $(ls); do mkdir /maybe; done
";
    let (_dir, installs) = installs_of(text, None, &[]);
    let folders: Vec<&Path> = installs.folders.iter().map(std::path::PathBuf::as_path).collect();
    assert_eq!(folders, ["/data", "/home/app/static", "/run/app", "/run/own", "/srv/logs"].map(Path::new));
}

#[test]
fn stages_targets_and_arguments_count() {
    let text = "\
FROM python:3.12 AS base
ARG DEV=false
WORKDIR /app
COPY requirements requirements
RUN pip install -r requirements/base.txt
RUN if [ $DEV = true ]; then pip install -r requirements/dev.txt; fi
FROM base AS tests
RUN pip install pytest
FROM base
CMD [\"x\"]
";
    let base = "/usr/local pip -r requirements/base.txt";
    assert_eq!(shown(text, None, &[]), [base]);
    assert_eq!(shown(text, Some("tests"), &[]), [base, "/usr/local pip pytest"]);
    let dev = "/usr/local pip -r requirements/dev.txt";
    assert_eq!(shown(text, Some("base"), &[("DEV", "true")]), [base, dev]);
}

#[test]
fn what_is_copied_from_a_stage_comes_along() {
    for (text, expected) in [
        (
            "FROM python AS b\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip wheel --no-deps -w /wheels -r requirements.txt\n\
             FROM python\nCOPY --from=b /wheels /w\nRUN pip install --no-cache /w/*",
            &["/w pip -r requirements.txt"][..],
        ),
        (
            "FROM python AS b\nCOPY requirements.txt /tmp/\nRUN pip wheel --wheel-dir /wheels uwsgi -r /tmp/requirements.txt\n\
             FROM python\nRUN --mount=type=bind,target=/w,source=/wheels,from=b pip install --no-cache /w/*",
            &["/w pip uwsgi -r requirements.txt"],
        ),
        (
            "FROM python AS b\nCOPY requirements.txt /\nRUN pip install --prefix=/install -r /requirements.txt\n\
             FROM python\nCOPY --from=b /install /usr/local",
            &["/usr/local pip -r requirements.txt"],
        ),
        (
            "FROM python AS b\nCOPY requirements.txt /\nRUN pip install --user -r /requirements.txt\n\
             FROM python\nCOPY --from=b /usr/local/lib/python3/site-packages /usr/local/lib/python3/site-packages",
            &["/usr/local pip -r requirements.txt"],
        ),
        (
            "FROM uv AS b\nWORKDIR /app\n\
             RUN --mount=type=bind,source=uv.lock,target=uv.lock --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
             uv sync --locked --no-install-project\nFROM python\nCOPY --from=b /app /app",
            &["/app/.venv uv --locked --no-install-project in ."],
        ),
        (
            "FROM python AS b\nWORKDIR /tmp\nRUN pip install poetry\nCOPY ./pyproject.toml ./poetry.lock* /tmp/\n\
             RUN poetry export -f requirements.txt --output requirements.txt --without-hashes\n\
             FROM python\nWORKDIR /code\nCOPY --from=b /tmp/requirements.txt /code/\nRUN pip install -r /code/requirements.txt",
            &[
                "/code/requirements.txt written by poetry",
                "/usr/local poetry --no-root --only main in .",
                "tool poetry",
            ],
        ),
        (
            "FROM node AS deps\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\n\
             FROM node\nWORKDIR /srv\nCOPY --from=deps /app/node_modules ./node_modules",
            &["/srv/node_modules npm ci in ."],
        ),
        (
            "FROM node AS b\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\n\
             FROM nginx\nCOPY --from=b /app/dist /usr/share/nginx/html",
            &[],
        ),
    ] {
        assert_eq!(shown(text, None, &[]), expected, "{text}");
    }
}

#[test]
fn no_value_of_a_variable_is_shown() {
    let text = "\
FROM python
ARG TOKEN
RUN pip install git+https://${TOKEN}@example.com/x.git --extra-index-url https://$TOKEN@example.com/
";
    let (_dir, installs) = installs_of(text, None, &[("TOKEN", "s3cret")]);
    assert!(!installs.all[0].said.contains("s3cret"));
    let Kind::Pip { arguments, .. } = &installs.all[0].kind else { panic!("{installs:?}") };
    assert_eq!(arguments[0], Argument::Package("git+https://s3cret@example.com/x.git".into()));
}

#[test]
fn what_changes_nothing_here_is_not_named() {
    let undone = |line: &str| {
        let text = format!("FROM python\nWORKDIR /app\nCOPY . .\n{line}\n");
        let (dir, _) = installs_of("FROM python", None, &[]);
        std::fs::write(dir.path().join("start.sh"), "#!/bin/sh\n").unwrap();
        std::fs::write(dir.path().join("windows.sh"), "#!/bin/sh\r\n").unwrap();
        let args = BTreeMap::new();
        read(&text, Building { context: dir.path(), target: None, args: &args }).without_effect()
    };
    for line in [
        "RUN sed -i 's/\\r$//g' /app/start.sh",
        "RUN sed -i 's/\\r//' start.sh && dos2unix start.sh",
        "RUN python -m venv /py && /py/bin/pip install --upgrade pip",
        "RUN virtualenv /env",
        "RUN groupadd -g 1000 app && useradd -m -u 1000 app && chown -R app:app /app",
        "RUN addgroup --system app && adduser --system --group app",
        "COPY --from=ghcr.io/astral-sh/uv:0.8 /uv /uvx /usr/local/bin/",
        "COPY --from=other /usr/local/bin/uv /usr/local/bin/uvx /usr/local/bin/",
    ] {
        assert_eq!(undone(line), Vec::<String>::new(), "{line}");
    }
    for line in [
        "RUN sed -i 's/\\r$//g' /app/windows.sh",
        "RUN dos2unix start.sh windows.sh",
        "RUN sed -i 's/a/b/' start.sh",
        "RUN sed -i 's/\\r$//g' gone.sh",
        "COPY --from=other /usr/local/bin/caddy /usr/local/bin/",
    ] {
        assert_eq!(undone(line).len(), 1, "{line}");
    }
}

#[test]
fn builds_in_other_languages_are_noted() {
    let text = "FROM rust\nWORKDIR /code\nRUN cargo init\nRUN cargo fetch\nRUN cd sub && go mod download && go vet\nRUN mvn -q package";
    let builds = installs_of(text, None, &[]).1.builds;
    let builds: Vec<(&str, &str)> =
        builds.iter().map(|one| (one.said.as_str(), one.directory.to_str().unwrap())).collect();
    assert_eq!(
        builds,
        [("cargo fetch", "/code"), ("go mod download", "/code/sub"), ("mvn -q package", "/code")]
    );
}
