//! Which version of a language an image has, as its name says.

use backlot_project::stack::Image;

/// The version of Python: major, and minor where the tag says one.
pub fn python_of(image: &Image) -> Option<(u32, Option<u32>)> {
    let tag = image.tag.as_deref().unwrap_or_default();
    let name = image.repository.rsplit('/').next().unwrap_or_default();
    // `uv:python3.12-bookworm`, `uvicorn-gunicorn-fastapi:python3.11`
    let marked = tag.split(['-', '_']).find_map(|part| part.strip_prefix("python"));
    let version = marked.or_else(|| Some(tag).filter(|_| name == "python"))?;
    let mut numbers = version.split(['.', '-']).map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    Some((major, numbers.next().and_then(Result::ok)))
}

/// The major version of Node.
pub fn node_of(image: &Image) -> Option<u32> {
    let tag = image.tag.as_deref().unwrap_or_default();
    let name = image.repository.rsplit('/').next().unwrap_or_default();
    let version = Some(tag).filter(|_| name == "node")?;
    version.split(['.', '-']).next()?.parse().ok()
}

/// The variable by which the programs of an official image of a language know its version, and that version, as the tag has it.
pub fn version_variable(image: &Image) -> Option<(&'static str, String)> {
    let name = match image.repository.rsplit('/').next()? {
        "python" => "PYTHON_VERSION",
        "node" => "NODE_VERSION",
        "ruby" => "RUBY_VERSION",
        "golang" => "GOLANG_VERSION",
        "php" => "PHP_VERSION",
        _ => return None,
    };
    let version = image.tag.as_deref()?.split('-').next()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| (name, version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{node_of, python_of, version_variable};
    use backlot_project::stack::Image;

    #[test]
    fn tags_tell_versions() {
        for (image, python, node) in [
            ("python:3.12-slim", Some((3, Some(12))), None),
            ("docker.io/library/python:3.11.4", Some((3, Some(11))), None),
            ("python:3-slim", Some((3, None)), None),
            ("python", None, None),
            ("python:slim", None, None),
            ("ghcr.io/astral-sh/uv:python3.13-bookworm-slim", Some((3, Some(13))), None),
            ("ghcr.io/astral-sh/uv:0.5-python3.12-alpine", Some((3, Some(12))), None),
            ("node:20-alpine", None, Some(20)),
            ("node:22.3.0", None, Some(22)),
            ("node:lts", None, None),
            ("debian:12", None, None),
        ] {
            let image = Image::parse(image);
            assert_eq!((python_of(&image), node_of(&image)), (python, node), "{image:?}");
        }
    }

    #[test]
    fn official_images_tell_their_version() {
        let told = |image: &str| version_variable(&Image::parse(image));
        assert_eq!(told("python:3.12.1-slim"), Some(("PYTHON_VERSION", "3.12.1".into())));
        assert_eq!(told("docker.io/library/node:20"), Some(("NODE_VERSION", "20".into())));
        assert_eq!((told("node:lts"), told("python"), told("debian:12")), (None, None, None));
    }
}
