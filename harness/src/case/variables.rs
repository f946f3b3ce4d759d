//! Names that a case writes as `${name}`, because their values are known only
//! when it runs.

use std::{net::SocketAddr, path::Path};

/// The values of one run.
#[derive(Clone, Debug)]
pub(crate) struct Variables {
    values: [(&'static str, String); 5],
}

impl Variables {
    /// Creates the values of a case with this folder and these servers.
    pub(crate) fn new(dir: &Path, http: SocketAddr, other: SocketAddr) -> Self {
        Self {
            values: [
                ("dir", dir.display().to_string()),
                ("http", format!("http://{http}")),
                ("http-host", http.to_string()),
                ("other", format!("http://{other}")),
                ("other-host", other.to_string()),
            ],
        }
    }

    /// Creates values for a check of the case.
    pub(crate) fn placeholders() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self::new(Path::new("/nowhere"), loopback(1), loopback(2))
    }

    /// Replaces the names in a text by their values. `$${` stands for the
    /// characters `${`.
    ///
    /// # Errors
    ///
    /// The line of an unknown name, and a sentence about it.
    pub(crate) fn fill(&self, text: &str) -> Result<String, (u64, String)> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                filled.push_str(before);
                filled.push_str("${");
                rest = after;
                continue;
            }
            filled.push_str(before);
            let name = after.split_once('}').map(|(name, _)| name);
            let known = name.and_then(|name| self.values.iter().find(|(known, _)| *known == name));
            let Some((name, value)) = known else {
                let line = filled.matches('\n').count() as u64 + 1;
                let names: Vec<_> = self.values.iter().map(|(name, _)| *name).collect();
                return Err((
                    line,
                    format!(
                        "what follows `${{` is none of {}, closed by `}}`; for the text itself, \
                         write `$${{`",
                        names.join(", ")
                    ),
                ));
            };
            filled.push_str(value);
            rest = after.get(name.len() + 1..).unwrap_or_default();
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::Variables;

    #[test]
    fn names_are_filled_in_and_unknown_ones_told() {
        let variables = Variables::placeholders();
        let filled = variables
            .fill("a ${http}/x ${other-host} $${http} $5")
            .unwrap();
        assert_eq!(
            filled,
            "a http://127.0.0.1:1/x 127.0.0.2:2 ${http} $5".replace("127.0.0.2", "127.0.0.1")
        );
        let (line, what) = variables.fill("a\nb ${htp}").unwrap_err();
        assert_eq!(line, 2);
        assert!(what.contains("http-host"), "{what}");
        assert!(variables.fill("${dir").is_err());
    }
}
