//! The list of a plugin's dependencies (SBOM) in the form of CycloneDX 1.5, read from
//! the files in which each language's tools record them.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Error, Language, Project};

/// The most that is read of such a file.
const MOST_BYTES: u64 = 16 << 20;

/// A dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Dependency {
    /// The kind of package, as package URLs name it.
    kind: &'static str,
    name: String,
    version: String,
    /// Its SHA-256 in hexadecimal digits, where the file has it.
    sha256: Option<String>,
}

/// Returns the list of the dependencies of a plugin's release. A language without a
/// record, such as C, has an empty list.
///
/// # Errors
///
/// A record cannot be read, or is malformed.
pub fn sbom(project: &Project, id: &str, version: &str) -> Result<Value, Error> {
    let folder = &project.folder;
    let dependencies = match project.language {
        Language::Rust => read(&folder.join("Cargo.lock"), |text| {
            cargo(text, &project.name)
        })?,
        Language::Go => read(&folder.join("go.mod"), |text| Ok(go(text)))?,
        Language::Python => read(&folder.join("requirements.txt"), |text| Ok(python(text)))?,
        Language::JavaScript | Language::TypeScript => {
            read(&folder.join("package-lock.json"), npm)?
        }
        Language::C => BTreeSet::new(),
    };
    let components: Vec<Value> = dependencies.iter().map(Dependency::component).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": format!("{id}@{version}"),
                "name": id,
                "version": version,
            },
        },
        "components": components,
    }))
}

/// Reads a record; a missing one is empty.
fn read(
    file: &Path,
    parse: impl FnOnce(&str) -> Result<BTreeSet<Dependency>, String>,
) -> Result<BTreeSet<Dependency>, Error> {
    let wrong = |text: String| Error::Project {
        file: file.to_owned(),
        text,
    };
    match file.metadata() {
        Ok(metadata) if metadata.len() > MOST_BYTES => {
            return Err(wrong(format!("is larger than {MOST_BYTES} bytes")));
        }
        Ok(_) => {}
        Err(_) => return Ok(BTreeSet::new()),
    }
    let text = fs::read_to_string(file).map_err(|source| Error::file(file, source))?;
    parse(&text).map_err(wrong)
}

impl Dependency {
    fn new(kind: &'static str, name: &str, version: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            version: version.to_owned(),
            sha256: None,
        }
    }

    fn component(&self) -> Value {
        let name = self.name.replace('@', "%40");
        let url = format!("pkg:{}/{name}@{}", self.kind, self.version);
        let mut component = json!({
            "type": "library",
            "bom-ref": url,
            "name": self.name,
            "version": self.version,
            "purl": url,
        });
        if let (Some(digits), Some(fields)) = (&self.sha256, component.as_object_mut()) {
            fields.insert(
                "hashes".to_owned(),
                json!([{ "alg": "SHA-256", "content": digits }]),
            );
        }
        component
    }
}

/// Reads `Cargo.lock`.
fn cargo(text: &str, own: &str) -> Result<BTreeSet<Dependency>, String> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
        source: Option<String>,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(text).map_err(|error| error.to_string())?;
    let others = lock
        .package
        .into_iter()
        .filter(|package| package.source.is_some() || package.name != own);
    Ok(others
        .map(|package| Dependency {
            sha256: package.checksum,
            ..Dependency::new("cargo", &package.name, &package.version)
        })
        .collect())
}

/// Reads `go.mod`, which lists all modules of a build.
fn go(text: &str) -> BTreeSet<Dependency> {
    let mut found = BTreeSet::new();
    let mut within = false;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or(line).trim();
        let required = match line.strip_prefix("require") {
            Some(rest) if rest.trim() == "(" => {
                within = true;
                continue;
            }
            Some(rest) => rest.trim(),
            None if line == ")" => {
                within = false;
                continue;
            }
            None if within => line,
            None => continue,
        };
        if let Some((name, version)) = required.split_once(char::is_whitespace) {
            found.insert(Dependency::new("golang", name, version.trim()));
        }
    }
    found
}

/// Reads `requirements.txt`: the lines that pin a version.
fn python(text: &str) -> BTreeSet<Dependency> {
    text.lines()
        .filter_map(|line| {
            let line = line.split(['#', ';']).next()?;
            let (name, version) = line.split_once("==")?;
            // Without extras, such as `name[extra]`.
            let name = name.split('[').next()?.trim().to_ascii_lowercase();
            let version = version.split_whitespace().next()?;
            Some(Dependency::new("pypi", &name.replace('_', "-"), version))
        })
        .collect()
}

/// Reads `package-lock.json`.
fn npm(text: &str) -> Result<BTreeSet<Dependency>, String> {
    let lock: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let packages = lock.get("packages").and_then(Value::as_object);
    let found = packages.into_iter().flatten().filter_map(|(path, about)| {
        let (_, name) = path.rsplit_once("node_modules/")?;
        let version = about.get("version")?.as_str()?;
        Some(Dependency::new("npm", name, version))
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Dependency, cargo, go, npm, python};

    fn urls(found: &BTreeSet<Dependency>) -> Vec<String> {
        let urls = found.iter().map(|one| one.component());
        urls.map(|one| one["purl"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn each_language_records_its_dependencies() {
        let lock = "version = 4\n[[package]]\nname = 'own'\nversion = '1.0.0'\n\
                    [[package]]\nname = 'serde'\nversion = '1.0.1'\nsource = 'r'\nchecksum = 'ab'\n";
        let found = cargo(lock, "own").unwrap();
        assert_eq!(urls(&found), ["pkg:cargo/serde@1.0.1"]);
        assert_eq!(found.first().unwrap().sha256.as_deref(), Some("ab"));

        let module = "module m\n\ngo 1.24\n\nrequire a.example/one v1.2.3 // indirect\n\
                      require (\n\tb.example/two v0.1.0\n)\nreplace b.example/two => ./two\n";
        let expected = [
            "pkg:golang/a.example/one@v1.2.3",
            "pkg:golang/b.example/two@v0.1.0",
        ];
        assert_eq!(urls(&go(module)), expected);

        let requirements = "# tools\ncomponentize_py[x]==0.25.1 ; python_version > '3'\nother>=2\n";
        assert_eq!(
            urls(&python(requirements)),
            ["pkg:pypi/componentize-py@0.25.1"]
        );

        let lock = r#"{"packages":{"":{"version":"1"},"node_modules/@a/b":{"version":"2.0.0"},
            "node_modules/c/node_modules/d":{"version":"3.0.0"},"node_modules/e":{"link":true}}}"#;
        let expected = ["pkg:npm/%40a/b@2.0.0", "pkg:npm/d@3.0.0"];
        assert_eq!(urls(&npm(lock).unwrap()), expected);
    }

    #[test]
    fn a_malformed_record_is_an_error() {
        assert!(cargo("package = 1", "own").is_err());
        assert!(npm("{").is_err());
    }
}
